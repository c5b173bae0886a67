"""Trains a GPT model with megatron-core: what `pretrain_gpt.py` of Megatron-LM does, in its order and with its flags.

The process group must exist; the log is Megatron's own, printed by rank 0.
"""

from __future__ import annotations

import math
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from megatron.core import parallel_state
from megatron.core.num_microbatches_calculator import (
    destroy_num_microbatches_calculator,
    get_num_microbatches,
    init_num_microbatches_calculator,
)
from megatron.core.pipeline_parallel import get_forward_backward_func
from torch import Tensor

from seatrial.cases.megatron_lm import build, checkpoint
from seatrial.cases.megatron_lm.batches import Batch, batches, datasets


class Training:
    """Model, optimizer, data and position of one training."""

    def __init__(self, options: Namespace, device: torch.device, *, flops_per_token: float = 0.0) -> None:
        build.set_up(options)
        self.options = options
        self.device = device
        self.flops_per_token = flops_per_token
        init_num_microbatches_calculator(
            rank=dist.get_rank(),
            rampup_batch_size=None,
            global_batch_size=options.global_batch_size,
            micro_batch_size=options.micro_batch_size,
            data_parallel_size=parallel_state.get_data_parallel_world_size(),
        )
        model = build.gpt_model(options, build.transformer_config(options))
        self.model = build.data_parallel(options, model.to(device))
        self.optimizer = build.adam(options, self.model)
        self.schedule = build.schedule(options, self.optimizer)
        self.iteration = 0
        self.loss = math.nan
        self.grad_norm: float | None = None
        self._log = _Log()

    @property
    def consumed_samples(self) -> int:
        """Sequences of all steps so far, over all ranks."""
        return self.iteration * int(self.options.global_batch_size)

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint, or take its weights alone with --finetune. A collective."""
        if self.options.finetune:
            checkpoint.load_weights(folder, self.model)
            self.optimizer.reload_model_params()
        else:
            self.iteration = checkpoint.load(folder, self.model, self.optimizer, self.schedule)["iteration"]

    def open_data(self) -> None:
        """Open the data set where this training stands in it. A collective."""
        self.train_data, self.valid_data = datasets(self.options)
        self.batches = batches(self.options, self.train_data, self.consumed_samples, self.device)

    def save(self) -> None:
        """Write a checkpoint of now. A collective."""
        self.gather_parameters()
        position = {"iteration": self.iteration, "consumed_train_samples": self.consumed_samples}
        root = Path(self.options.save)
        checkpoint.save(root, self.iteration, self.model, self.optimizer, self.schedule, position)

    def gather_parameters(self) -> None:
        """With --overlap-param-gather the newest parameters come with the next forward pass: fetch them now."""
        if self.options.overlap_param_gather:
            self.model.disable_forward_pre_hook(param_sync=True)
            self.model.enable_forward_pre_hook()

    def step(self) -> None:
        """One optimizer step, and a line in the log where it is due. A collective."""
        begin = time.perf_counter()
        self.model.zero_grad_buffer()
        self.optimizer.zero_grad()
        loss = self._forward_backward(self.batches, forward_only=False)
        updated, self.grad_norm, _ = self.optimizer.step()
        rate = self.optimizer.param_groups[0]["lr"]
        if updated:
            self.schedule.step(increment=self.options.global_batch_size)
        self.iteration += 1
        self.loss = loss
        self._log.add(loss, updated, time.perf_counter() - begin)
        if self.iteration % self.options.log_interval == 0:
            self._print_log(rate)
        if self.iteration == self.options.log_interval and self.device.type == "cuda":
            self._print_memory()

    def _forward_backward(self, data: Iterator[Batch] | None, *, forward_only: bool) -> float:
        """Mean loss of a global batch, the same on all ranks."""
        parts = get_forward_backward_func()(
            forward_step_func=forward_step,
            data_iterator=data,
            model=[self.model],
            num_microbatches=get_num_microbatches(),
            seq_length=self.options.seq_length,
            micro_batch_size=self.options.micro_batch_size,
            forward_only=forward_only,
        )
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        if parallel_state.is_pipeline_last_stage():
            sums += torch.stack([part["lm loss"] for part in parts]).sum(dim=0)
            dist.all_reduce(sums, group=parallel_state.get_data_parallel_group(with_context_parallel=True))
        last = parallel_state.get_pipeline_model_parallel_last_rank()
        dist.broadcast(sums, last, group=parallel_state.get_pipeline_model_parallel_group())
        total, tokens = sums.tolist()
        return total / tokens

    @torch.no_grad()
    def evaluate(self) -> float:
        """Mean loss over --eval-iters global batches of held-out text, always the same ones. A collective."""
        self.gather_parameters()
        self.model.eval()
        data = batches(self.options, self.valid_data, 0, self.device)
        count = self.options.eval_iters
        loss = sum(self._forward_backward(data, forward_only=True) for _ in range(count)) / count
        self.model.train()
        text = (
            f" validation loss at iteration {self.iteration} | lm loss value: {loss:.6E} | "
            f"lm loss PPL: {math.exp(min(20.0, loss)):.6E} | "
        )
        print_rank_0("-" * (len(text) + 1) + f"\n{text}\n" + "-" * (len(text) + 1))
        return loss

    def _print_log(self, rate: float) -> None:
        log, self._log = self._log, _Log()
        seconds, loss = log.mean_seconds(), log.mean_loss()
        options = self.options
        parts = [
            f" iteration {self.iteration:8d}/{options.train_iters:8d}",
            f"consumed samples: {self.consumed_samples:12d}",
            f"elapsed time per iteration (ms): {seconds * 1e3:.1f}",
        ]
        if options.log_throughput and self.flops_per_token:
            tokens = options.global_batch_size * options.seq_length / seconds
            teraflops = tokens * self.flops_per_token / dist.get_world_size() / 1e12
            parts.append(f"throughput per GPU (TFLOP/s/GPU): {teraflops:.1f}")
        parts += [f"learning rate: {rate:.6E}", f"global batch size: {options.global_batch_size:5d}"]
        if loss is not None:
            parts.append(f"lm loss: {loss:.6E}")
        parts.append(f"loss scale: {float(self.optimizer.get_loss_scale()):.1f}")
        if self.grad_norm is not None:
            parts.append(f"grad norm: {self.grad_norm:.3f}")
        parts += [f"number of skipped iterations: {log.skipped:3d}", f"number of nan iterations: {log.broken:3d}"]
        print_rank_0(" | ".join(parts) + " |")

    def _print_memory(self) -> None:
        unit = 2**20  # what Megatron calls MB
        allocated, most = torch.cuda.memory_allocated() / unit, torch.cuda.max_memory_allocated() / unit
        reserved, most_reserved = torch.cuda.memory_reserved() / unit, torch.cuda.max_memory_reserved() / unit
        print_rank_0(
            f"[Rank 0] (after {self.iteration} iterations) memory (MB) | allocated: {allocated} | "
            f"max allocated: {most} | reserved: {reserved} | max reserved: {most_reserved}"
        )

    def close(self) -> None:
        """Give the process groups back, so that this process can train another layout."""
        parallel_state.destroy_model_parallel()
        destroy_num_microbatches_calculator()


def forward_step(data: Iterator[Batch], model: Any) -> tuple[Tensor, Callable[..., Any]]:
    """One micro-batch: megatron-core calls it with what this stage of the pipeline needs."""
    batch: dict[str, Any] = next(data) if data is not None else {}
    output = model(
        batch.get("tokens"), batch.get("position_ids"), batch.get("attention_mask"), labels=batch.get("labels")
    )
    return output, partial(loss_sum, batch.get("loss_mask"))  # megatron-core calls it on the last stage alone


def loss_sum(mask: Any, losses: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Sum of the tokens' losses, how many there are, and both for the log; megatron-core divides."""
    flat = mask.view(-1).float()
    total = torch.sum(losses.view(-1).float() * flat)
    tokens = flat.sum().detach().to(torch.int)
    return total, tokens, {"lm loss": torch.stack([total.detach(), tokens.to(total.dtype)])}


def print_rank_0(text: str) -> None:
    """Print once."""
    if dist.get_rank() == 0:
        print(text, flush=True)


class _Log:
    """What happened since the last line of the log."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self.skipped = self.broken = 0

    def add(self, loss: float, updated: bool, seconds: float) -> None:
        """One step; a skipped one, whose gradients overflowed, does not count for the mean loss."""
        self.seconds.append(seconds)
        self.skipped += not updated
        self.broken += not math.isfinite(loss)
        if updated:
            self.losses.append(loss)

    def mean_seconds(self) -> float:
        """Seconds per step."""
        return sum(self.seconds) / len(self.seconds)

    def mean_loss(self) -> float | None:
        """Mean loss of the steps that counted; None if all were skipped."""
        return sum(self.losses) / len(self.losses) if self.losses else None
