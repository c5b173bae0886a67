"""One micro-batch on one pipeline stage, forward and backward: what each part of it takes.

Each number may be an array of numpy, one element for each layout.
"""

from __future__ import annotations

import functools

import numpy as np

from seatrial.forecast.fitted import Fitted
from seatrial.forecast.layers import Layers, Matrix, layers_of
from seatrial.forecast.rates import Numbers, attention_rates, pass_seconds, product_seconds
from seatrial.forecast.traffic import Place, Traffic, traffic
from seatrial.workload import Workload

SCAN_SHARE = 0.25
"""Of attention's rate that the products within a recurrence reach. Estimated: its kernels are short products between
passes over memory (arXiv:2405.21060, section 6)."""
CAST_BYTES = {"delayed": 2.0, "current": 4.0, "row": 4.0, "block": 4.0, "mx": 4.0, "nv": 4.0}
"""Bytes that a number moves to become fp8 or fp4: it is written twice, by rows and by columns, for the two products
that it takes part in. With delayed scaling the kernel that makes it does so; else it is read once more (Transformer
Engine's documentation, "FP8 primer")."""
EAGER = ("llm-foundry",)
"""Frameworks whose measurements were made without a compiler and with FlashAttention-2 or Triton's kernel."""


class Stage:
    """Seconds of one rank. ValueError, with what is not known, from what needs it."""

    def __init__(self, workload: Workload, place: Place, fitted: Fitted) -> None:
        degrees = workload.degrees
        self.workload, self.place, self.fitted = workload, place, fitted
        self.layers: Layers = layers_of(workload.model)  # type: ignore[arg-type]
        self.tensor = np.asarray(degrees.tensor, float)
        self.stages = np.asarray(degrees.pipeline, float)
        self.length = 1 if workload.sequence_length is None else workload.sequence_length
        self.tokens = workload.micro_batch_size * self.length / np.asarray(degrees.context, float)
        self.ranks = np.asarray(degrees.data, float) * degrees.context
        self.micro_batches = np.maximum(
            1.0, workload.global_batch_size / (workload.micro_batch_size * np.asarray(degrees.data, float))
        )
        # Forward 1, backward 2: gradients of inputs, and of weights where they are trained (LoRA: 2 of 3).
        self.backward = 1.0 if workload.frozen else 2.0
        self.again = {"none": 0.0, "selective": 0.0, "full": 1.0}[workload.recompute]

    def products(self, matrices: tuple[Matrix, ...], *, low: bool = True) -> Numbers:
        """Seconds of products on one tensor-parallel rank, over all stages."""
        fitted, dtype = self.fitted, self.workload.compute if low else "bf16"
        # A row for each matrix, a column for each layout.
        parts = np.broadcast_arrays(*[np.asarray(part, float) for matrix in matrices for part in self._shape(matrix)])
        rows, groups, inner, outer = (np.stack(parts[part::4]) for part in range(4))
        cost = functools.partial(
            product_seconds,
            name=self.place.accelerator,
            dtype=dtype,
            groups=groups,
            watts=self.place.watts,
            fitted=fitted,
        )
        forward = (1 + (self.again if low else 0.0)) * cost(rows, inner, outer)
        trained = cost(inner, rows, outer) if self.backward == 2.0 else 0.0
        seconds = forward + cost(rows, outer, inner) + trained
        slow = fitted.products * (fitted.low_precision if dtype in ("fp8", "fp4") else 1.0)
        weights = [matrix[0] * (fitted.grouped if matrix[4] == "experts" else 1.0) for matrix in matrices]
        return slow * np.tensordot(weights, seconds, axes=1)

    def _shape(self, matrix: Matrix) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        """Rows, products in one kernel, inputs and outputs of a rank's part."""
        _, inputs, outputs, taken, kind = matrix
        if kind == "experts":
            return *self._routed(taken), inputs, outputs / self._expert_tensor()
        inner = inputs / (self.tensor if kind == "rows" else 1.0)
        outer = outputs / (self.tensor if kind == "columns" else 1.0)
        return self.tokens, 1.0, inner, outer

    def _expert_tensor(self) -> Numbers:
        shared = self.workload.expert_tensor
        return self.tensor if shared is None else float(shared)

    def _routed(self, taken: float) -> tuple[Numbers, Numbers]:
        """Rows of one expert's product, and experts of a rank: routing is taken as even."""
        degrees, experts = self.workload.degrees, self.layers.experts
        expert = np.minimum(np.asarray(degrees.expert, float), experts)
        local = experts / expert
        # A rank's share of what its group routes. Tensor-parallel ranks that hold whole experts share their tokens.
        tokens = self.tokens * self._expert_tensor() / self.tensor
        return tokens * taken / local, local

    def attention(self) -> Numbers:
        """Seconds of attention and of recurrences, over all stages."""
        flops, length = self.layers.attention, self.length
        if self.workload.sample_length is not None:
            length = np.minimum(length, self.workload.sample_length)
        eager = self.workload.framework.startswith(EAGER)
        forward, backward = attention_rates(
            self.place.accelerator,
            width=self.layers.head_width,
            length=length,
            kernel="triton" if eager else "fused",
        )
        seen = sum(count * np.minimum(most, length) * width for count, most, width in flops)
        scores = self.tokens * seen / self.tensor
        again = 1.0 if self.workload.recompute != "none" else 0.0
        # Forward two products of 2 FLOPs, half of them behind the mask; backward five (arXiv:2205.14135).
        forward_flops = 2 * scores
        seconds = (1 + again) * forward_flops / forward + 2.5 * forward_flops / backward
        scan = self.tokens * self.layers.recurrent_flops / self.tensor
        return self.fitted.attention * (seconds + (3 + again) * scan / (SCAN_SHARE * forward))

    def memory(self) -> Numbers:
        """Seconds of passes over memory in all layers."""
        fitted, workload, layers = self.fitted, self.workload, self.layers
        plain = 1.0 / self.tensor if workload.sequence_parallel else 1.0 + 0.0 * self.tensor
        numbers = layers.hidden_passes * plain + layers.inner_passes / self.tensor
        if workload.graphs != "step":
            numbers = numbers + layers.unfused_passes / self.tensor
        scale = fitted.passes * (1.0 if workload.compiled else fitted.eager)
        moved = 2.0 * scale * numbers * (1 + self.again / 3)
        sorted_tokens = layers.mixtures * 2.0 * layers.routed_width * layers.taken
        moved = moved + 2.0 * 2 * fitted.permuted * sorted_tokens / self.tensor
        if workload.compute in ("fp8", "fp4"):
            moved = moved + fitted.passes * CAST_BYTES[workload.scaling] * layers.cast_numbers / self.tensor
        if workload.frozen:
            # An adapter reads its matrix' input and adds to its output, forward and backward.
            moved = moved + 2.0 * 2 * fitted.passes * layers.cast_numbers / self.tensor
        # A gradient in fp32 is read and written when a micro-batch adds to it.
        added = 0.0 if workload.frozen else 8.0 * self.held() * self.stages
        return pass_seconds(self.tokens * moved + added, self.place.accelerator)

    def loss(self) -> Numbers:
        """Seconds of logits in fp32, their softmax and gradient: 24 bytes for each."""
        moved = 24.0 * self.tokens * self.layers.vocabulary / self.tensor
        return self.fitted.passes * pass_seconds(moved, self.place.accelerator)

    def launch(self) -> tuple[Numbers, Numbers]:
        """Seconds in which the host starts the kernels of a stage: while the device waits for it, and ahead of it.

        Forward the host waits to learn how many tokens each expert gets, and the device then waits for the host
        (Megatron-LM, core/transformer/moe/experts.py: tokens_per_expert.tolist()); backward it knows. A rank with one
        expert has nothing to sort by it.
        """
        fitted, layers, local = self.fitted, self.layers, self._routed(1.0)[1]
        part = {"none": 1.0, "layers": fitted.partly, "step": 0.0}[self.workload.graphs]
        mixture = fitted.mixture_launch + fitted.launch * layers.expert_kernels * local
        mixtures = part * (1 - 1 / local) * mixture * layers.mixtures
        ahead = fitted.launch * layers.kernels if self.workload.graphs == "none" else 0.0
        each = (1 + self.again / 3) / self.stages
        return each * fitted.waited * mixtures, each * (ahead + (1 - fitted.waited) * mixtures)

    def held(self) -> Numbers:
        """Parameters that a rank works with in its stage."""
        plain, experts = self._held()
        return plain + experts

    def _held(self) -> tuple[Numbers, Numbers]:
        """All but experts, and experts."""
        model = self.workload.model
        experts = model.expert_parameters() if model else 0
        total = self.workload.parameters + self.workload.frozen
        return (total - experts) / self.tensor / self.stages, experts / self._expert_ranks() / self.stages

    def _expert_ranks(self) -> Numbers:
        """Ranks that share the experts of a stage."""
        return self._expert_tensor() * np.asarray(self.workload.degrees.expert, float)

    def traffic(self) -> Traffic:
        per_stage = self.layers.count / self.stages
        mixtures = self.layers.mixtures / self.stages
        trained = 0.0 if self.workload.frozen and "parameters" not in self.workload.sharded else 1.0
        return traffic(
            self.workload, self.place, tokens=self.tokens, layers=per_stage, mixtures=mixtures,
            held=trained * self.held(), kv=self.layers.kv,
        )  # fmt: skip

    def exposed(self, sent: Traffic) -> dict[str, Numbers]:
        """What products cannot hide, of a micro-batch."""
        fitted = self.fitted
        tensor = fitted.tensor_overlapped if self.workload.tensor_overlap else fitted.tensor
        expert = fitted.expert_overlapped if self.workload.expert_overlap else fitted.expert
        backward = (self.backward + 1) / 3
        return {
            "tensor": tensor * sent.tensor,
            "context": fitted.context * sent.context,
            "expert": expert * sent.expert,
            "pipeline": fitted.contention * sent.pipeline * backward,
        }

    def hidden(self, sent: Numbers, device: Numbers) -> Numbers:
        """What is exposed of communication that runs beside all of a micro-batch."""
        return np.maximum(self.fitted.contention * sent, sent - device)

    def optimizer(self) -> Numbers:
        """Seconds of Adam: gradient, two moments and master copy read, all but the gradient written, in fp32.

        Experts are dealt out to as many ranks as hold the same ones.
        """
        workload = self.workload
        shard = np.asarray(workload.degrees.shard, float) if "optimizer" in workload.sharded else 1.0
        plain, experts = self._held()
        own = plain / shard + experts / np.maximum(shard * self.tensor / self._expert_ranks(), 1.0)
        return pass_seconds(0.0 * own if workload.frozen else 30.0 * own, self.place.accelerator)

    def computed_per_token(self) -> Numbers:
        """FLOPs of a token, with what is computed twice, without the gradients of frozen weights."""
        conventions = self.workload.flops_per_token()
        flops = conventions.get("causal", conventions["full"])  # an encoder masks nothing
        return flops * (1 + self.again + self.backward) / 3
