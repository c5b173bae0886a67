"""One optimizer step's gradients over all four dimensions, and their norm."""

from __future__ import annotations

import torch
from torch import Tensor

from seatrial.cases.picotron.engine.data_parallel import GradientBuckets
from seatrial.cases.picotron.engine.mesh import Mesh
from seatrial.cases.picotron.engine.model import Stage, initialise
from seatrial.cases.picotron.engine.pipeline_parallel import SCHEDULES, Pipeline
from seatrial.models import Decoder
from seatrial.train.agreement import replicas_agree


class Engine:
    """A model that is spread over a mesh, and its gradients."""

    def __init__(
        self,
        config: Decoder,
        mesh: Mesh,
        *,
        sequence_length: int,
        seed: int,
        device: torch.device,
        schedule: str = "1f1b",
        precision: str = "fp32",
    ) -> None:
        self.mesh, self.device, self.schedule, self.precision = mesh, device, schedule, precision
        self.hidden_size = config.hidden_size
        with torch.device("meta"):
            self.stage = Stage(config, mesh, sequence_length)
        self.stage.to_empty(device=device)
        initialise(self.stage, seed)
        self.gradients = GradientBuckets(list(self.stage.parameters()), mesh.replicas)
        cut = self.stage.sharded()
        self.sharded = [p for name, p in self.stage.named_parameters() if name in cut]
        self.replicated = [p for name, p in self.stage.named_parameters() if name not in cut]

    def compute_gradients(self, batch: Tensor, micro_batch_size: int) -> Tensor:
        """Gradients of the mean loss over the global batch. Returns this rank's part of that loss: add up all ranks'.

        batch: int64 [sequences of this data-parallel rank, S + 1]. A collective.
        """
        inputs, targets = (
            half.chunk(self.mesh.context.size, dim=1)[self.mesh.context.rank].split(micro_batch_size)
            for half in (batch[:, :-1], batch[:, 1:])
        )
        count = len(inputs)
        total = torch.zeros((), device=self.device)

        def forward(x: Tensor, index: int) -> Tensor:
            # Parameters, their gradients and what goes on between layers are float32, matrix products are not.
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                output = self.stage(x, targets[index])
            if not self.mesh.pipeline.is_last:
                return output
            nonlocal total
            total = total + output.detach() / count
            return output / count

        def before_backward(index: int) -> None:
            if index == count - 1:
                self.gradients.expect()

        self.gradients.zero()
        hidden_shape = (*inputs[0].shape, self.hidden_size)
        SCHEDULES[self.schedule](Pipeline(self.mesh.pipeline, forward, inputs, hidden_shape, before_backward))
        self.gradients.finish()
        self._sum_tied()
        one_of_its_kind = self.mesh.pipeline.is_last and self.mesh.tensor.is_first
        return total / self.mesh.replicas.size if one_of_its_kind else torch.zeros_like(total)

    def gradient_norm(self) -> float:
        """L2 norm of the whole model's gradient: every parameter counts once. A collective."""
        mesh, tied = self.mesh, self.stage.tied_copy()
        copy = tied if not mesh.pipeline.is_first else None  # the first stage counts it
        counted = [p for p in self.sharded if p is not copy]
        counted += self.replicated if mesh.tensor.is_first else []
        gradients = [p.grad for p in counted if p.grad is not None]
        square = torch.nn.utils.get_total_norm(gradients).to(self.device, torch.float64).square()
        return mesh.pipeline.sum(mesh.tensor.sum(square)).sqrt().item()

    def ranks_agree(self, step: int, loss: float) -> bool:
        """Whether step and loss are the same on all ranks, and weights on all that hold the same. A collective."""
        mesh, tied = self.mesh, self.stage.tied_copy()
        stage, slice_ = mesh.pipeline.rank, mesh.tensor.rank
        of_the_ends = ("ends", slice_) if tied is not None else ("alone", stage)
        parts = (
            ((stage, slice_), self.sharded),
            (stage, self.replicated),
            (of_the_ends, [] if tied is None else [tied]),
        )
        # Every comparison is a collective: all of them are made, whatever the first one says.
        return all([replicas_agree(step, loss, place, [p.detach() for p in tensors]) for place, tensors in parts])

    def _sum_tied(self) -> None:
        """A tied embedding gets gradients at both ends of the pipeline."""
        tied = self.stage.tied_copy()
        if tied is not None:
            assert tied.grad is not None
            self.mesh.ends.sum(tied.grad)
