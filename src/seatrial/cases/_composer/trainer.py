"""Composer's Trainer, from the first step or the newest complete checkpoint to the last step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from composer import Algorithm, ComposerModel, Evaluator, Trainer
from composer.callbacks import SpeedMonitor
from composer.optim import ComposerScheduler
from composer.utils import dist
from torch.optim import Optimizer

from seatrial.cases._composer import callbacks
from seatrial.cases._composer.start import composer_device
from seatrial.rank import announce
from seatrial.rank.console import console
from seatrial.rank.lines import Reader
from seatrial.train.agreement import ranks_agree
from seatrial.train.worker import Worker


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How Composer trains."""

    steps: int
    micro_batch_size: int
    """Samples per rank and forward pass."""
    precision: str
    """``fp32``, or ``bf16`` and ``fp16`` for Composer's amp_bf16 and amp_fp16."""
    sharded: bool
    """FSDP2 instead of DDP."""
    grad_clip: float
    seed: int
    log_every: int
    checkpoint_every: int
    checkpoint_keep: int
    fsdp: dict[str, Any] | None = None
    """More options of FSDP2: ``reshard_after_forward``, ``activation_checkpointing``."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the run's readers need to know of the model."""

    parameters: int
    unit: str
    """``tokens`` or ``samples``."""
    flops_per_token: dict[str, float] | None = None
    packages: tuple[str, ...] = ()


def train(
    worker: Worker,
    reader: Reader,
    settings: Settings,
    facts: Facts,
    *,
    model: ComposerModel,
    optimizer: Optimizer,
    schedule: ComposerScheduler,
    data: Iterable[Any],
    algorithms: Sequence[Algorithm] = (),
    evaluator: Evaluator | None = None,
) -> Trainer:
    """Train to the last step and end the run. A collective."""
    with console(worker, reader):
        trainer = make_trainer(worker, settings, model, optimizer, schedule, data, algorithms)
        announce.run_start(
            worker,
            steps=settings.steps,
            first_step=trainer.state.timestamp.batch.value,
            parameters=facts.parameters,
            flops_per_token=facts.flops_per_token,
            dtype="fp32" if settings.precision == "fp32" else "bf16",  # fp16 has the same peak
            unit=facts.unit,
            packages=facts.packages,
        )
        if trainer.state.timestamp.batch.value < settings.steps:  # else killed behind the last checkpoint
            trainer.fit(eval_dataloader=evaluator)
    loss = trainer.state.total_loss_dict.get("loss/train/total", float("nan"))
    agree = ranks_agree(trainer.state.model, trainer.state.timestamp.batch.value, loss)
    worker.end("completed", settings.steps, ranks_agree=agree)
    return trainer


def make_trainer(
    worker: Worker,
    settings: Settings,
    model: ComposerModel,
    optimizer: Optimizer,
    schedule: ComposerScheduler,
    data: Iterable[Any],
    algorithms: Sequence[Algorithm] = (),
) -> Trainer:
    """The trainer, at the newest complete checkpoint if there is one. A collective."""
    worker.stage("build trainer")
    every = (worker, settings.steps, settings.log_every)
    newest = _newest(worker)
    found = None if newest is None else callbacks.link(worker, newest)
    with announce.loading(worker, found, newest or 0) if found else contextlib.nullcontext():
        return Trainer(
            model=model,
            optimizers=optimizer,
            schedulers=schedule,
            train_dataloader=data,
            max_duration=f"{settings.steps}ba",
            step_schedulers_every_batch=True,
            device=composer_device(worker),
            precision="fp32" if settings.precision == "fp32" else f"amp_{settings.precision}",
            parallelism_config={"fsdp": settings.fsdp or {}} if settings.sharded else None,
            device_train_microbatch_size=settings.micro_batch_size,
            seed=settings.seed,
            progress_bar=False,
            log_to_console=False,
            auto_log_hparams=False,
            load_path=str(found.resolve()) if found else None,
            run_name="seatrial",
            algorithms=[*algorithms, callbacks.Clip(settings.grad_clip)],
            loggers=[callbacks.Console(*every)],
            callbacks=[
                callbacks.LearningRate(),
                SpeedMonitor(window_size=settings.log_every, gpu_flops_available=0),  # the report knows the peak
                callbacks.Measure(*every),
                callbacks.Checkpoints(
                    worker,
                    steps=settings.steps,
                    every=settings.checkpoint_every,
                    keep=settings.checkpoint_keep,
                    log_every=settings.log_every,
                ),
            ],
        )


def _newest(worker: Worker) -> int | None:
    """The step of the newest complete checkpoint, as rank 0 sees it: another node may see a new link later."""
    steps: list[int | None] = [max(callbacks.complete(worker), default=None)]
    dist.broadcast_object_list(steps)
    return steps[0]
