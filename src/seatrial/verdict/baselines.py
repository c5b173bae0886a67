"""Baselines of losses: bands made of runs that were good, in a file beside the runs, and which of them is a run's own.

One belongs to a *training*: a case and those of its arguments that decide the loss. How many ranks share the work, in
which way, and what they keep or write meanwhile, changes its speed and, but for rounding, nothing of its loss; a seed
is what a band is wide for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seatrial import records
from seatrial.job import Job
from seatrial.verdict.band import Band

FILE = "loss_baselines.json"
"""Beside the runs: a line for each, so that it can be committed, and copied to where others run."""

LEAVE_THE_LOSS = frozenset(
    name
    for names in (
        # who shares what
        "tensor_parallel pipeline_parallel context_parallel expert_parallel virtual_pipeline pipeline_schedule",
        "sequence_parallel data_parallel_replicate shard_size parallel zero1 use_distributed_optimizer kv_replicator",
        "ici_data ici_fsdp ici_tensor ici_mdl ici_replica dcn_data dcn_fsdp micro_batch_size",
        "make_vocab_size_divisible_by",
        # what is kept, overlapped, compiled
        "recompute cpu_offload reshard_after_forward compile flash_attention deterministic async_tensor_parallel",
        "overlap_grad_reduce overlap_param_gather",
        # what is read, written, measured beside it
        "checkpoint_every checkpoint_keep checkpoint_async async_checkpoints validation_every validation_batches",
        "log_every num_workers data_workers ema ema_half_life stages benchmark python",
        # what a band is wide for
        "seed",
    )
    for name in names.split()
)
"""Arguments, of all cases by the same name, that do not decide the loss of a step. All others do, those of a user's own
case as well."""

Arguments = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """The band of a training, and what it was made of."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    case: str
    recipe: str
    """Of its runs: for people, since one training may be several recipes."""
    args: Arguments
    """Those that decide the loss."""
    runs: tuple[str, ...]
    date: str
    """Of its newest run's last step, by UTC: ``2026-11-30``."""
    versions: str
    """Software of its newest run."""
    band: Band


def deciding(job: Job) -> Arguments:
    """The arguments of a job that decide its loss."""
    args: Arguments = json.loads(json.dumps({n: v for n, v in job.args.items() if n not in LEAVE_THE_LOSS}))
    return args


def read(file: Path) -> tuple[Baseline, ...]:
    """Those of a file; none if there is no file. Raises UserError for one that cannot be read."""
    return tuple(records.read(file, Baseline))


def keep(file: Path, made: Baseline) -> None:
    """Writes it beside those that are there; one of the same training is replaced."""

    def replaced(old: list[Baseline]) -> list[Baseline]:
        others = (one for one in old if (one.case, one.args) != (made.case, made.args))
        return sorted([*others, made], key=lambda one: (one.case, one.recipe))

    records.change(file, Baseline, replaced)


def own(job: Job, known: Iterable[Baseline]) -> Baseline | None:
    """The one of the job's training; None: there is none."""
    if not job.args:  # of a log that does not tell what was trained
        return None
    args = deciding(job)
    return next((one for one in known if (one.case, one.args) == (job.case, args)), None)


def differing(mine: Arguments, other: Arguments) -> str:
    """What is not the same, in words: ``learning_rate is 0.01, there 0.003``."""
    names = [name for name in {**mine, **other} if mine.get(name) != other.get(name)]
    return ", ".join(f"{name} is {mine.get(name)}, there {other.get(name)}" for name in names)
