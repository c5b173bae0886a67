"""Published measurements of training throughput, each as a workload, a place and what was measured there."""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, cast

from seatrial.forecast.links import joined
from seatrial.forecast.nccl import EFA_HOP, INFINIBAND_HOP
from seatrial.forecast.published import architecture_of
from seatrial.forecast.traffic import Place
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

COLUMNS = (
    "source", "date", "framework", "release", "architecture", "task", "tuned", "accelerator", "watts",
    "accelerators", "domain", "outside", "fabric", "tensor", "pipeline", "virtual", "context", "expert",
    "expert_tensor", "data", "shard", "sequence", "sample", "batch", "micro", "compute", "scaling", "recompute",
    "compiled", "tensor_overlap", "graphs", "expert_overlap", "tokens_per_second", "measured", "memory_gb",
)  # fmt: skip
"""Of anchors.csv. `outside` is in GB/s and accelerator, `tokens_per_second` of one accelerator; `measured` says how it
was found: as such, by the time of a step, or by FLOP/s in a convention. `recompute` is empty where a source is silent.
"""

LORA_RANK = 16
"""Of adapters, where a source does not say."""

NEURONLINK = 96e9
"""Bytes a second that a Trainium1 sends to the others of its node. Estimated: AWS publishes no figure."""

MEGATRON_ADAM = States(parameters=2, gradients=4, optimizer=12)
"""16-bit parameters with fp32 gradients, moments and master copy (Megatron's distributed optimizer)."""
_REDUCED_IN_FP32 = ("torchtitan", "meta", "maxtext", "paxml")
"""Frameworks whose measurements reduce gradients in fp32; the recipes of the others say 16 bits
(grad_reduce_in_fp32=False, PURE mixed precision)."""
_FSDP = ("llm-foundry", "torchtitan", "fms-fsdp", "maxtext", "paxml", "meta")


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """One measurement."""

    source: str
    date: str
    """Of its publication: year, month, where known day."""
    release: str
    """Of the framework's container; empty: not given."""
    architecture: str
    """A name of published.architecture_of()."""
    task: str
    """pretrain, sft or lora."""
    tuned: bool
    """Whether it was made to be fast; False: it only had to work."""
    workload: Workload
    place: Place
    accelerators: int
    tokens_per_second: float
    """Of one accelerator."""
    measured: str

    @property
    def year(self) -> float:
        """Of its release, else of its publication."""
        year, _, month = (self.release or self.date).partition(".") if self.release else self.date.partition("-")
        full = float(year) + (2000 if self.release else 0)
        digits = month.replace(".", "-").split("-")[0]
        return full + (float(digits) - 1) / 12 if digits else full + 0.5

    @property
    def name(self) -> str:
        """As evidence is named: what, where, when."""
        place = f"{self.accelerators} {self.place.accelerator}"
        return f"{self.architecture} on {place}, {self.workload.framework} {self.release or self.date}"


@functools.cache
def anchors() -> tuple[Anchor, ...]:
    """All of the package's table."""
    with (resources.files("seatrial.forecast") / "anchors.csv").open(encoding="utf-8") as file:
        return tuple(read(file))


def read(lines: Iterable[str]) -> list[Anchor]:
    """Anchors of a table with COLUMNS. KeyError, ValueError: a name that is not known, a number that is none."""
    return [_anchor(row) for row in csv.DictReader(lines)]


def _anchor(row: dict[str, str]) -> Anchor:
    return Anchor(
        source=row["source"],
        date=row["date"],
        release=row["release"],
        architecture=row["architecture"],
        task=row["task"],
        tuned=row["tuned"] == "yes",
        workload=workload(row),
        place=_place(row),
        accelerators=int(row["accelerators"]),
        tokens_per_second=float(row["tokens_per_second"]),
        measured=row["measured"],
    )


def _place(row: dict[str, str]) -> Place:
    known = joined(
        row["accelerator"],
        domain=int(row["domain"]),
        between=float(row["outside"]) * 1e9,
        hop=EFA_HOP["p5"] if row["fabric"] == "efa" else INFINIBAND_HOP,
    )
    return Place(
        accelerator=row["accelerator"],
        links=replace(known, inside=NEURONLINK) if known.inside is None else known,
        fabric=row["fabric"],
        watts=float(row["watts"]) if row["watts"] else None,
    )


def workload(row: dict[str, str]) -> Workload:
    """The workload of a row."""
    model, framework = architecture_of(row["architecture"]), row["framework"]
    sharded = framework in _FSDP or int(row["shard"]) > 1
    lora = row["task"] == "lora"
    adapters = 8 * LORA_RANK * model.hidden_size * model.num_layers
    number = {name: int(row[name]) for name in ("tensor", "pipeline", "context", "expert", "data", "shard")}
    if not sharded:
        number["shard"] = number["data"] * number["context"]
    return Workload(
        model=model,
        parameters=adapters if lora else model.parameters(),
        frozen=model.parameters() if lora else 0,
        global_batch_size=int(row["batch"]),
        micro_batch_size=int(row["micro"]),
        sequence_length=int(row["sequence"]),
        degrees=Degrees(**number),
        compute=cast(Any, row["compute"]),
        scaling=cast(Any, row["scaling"] or "delayed"),
        recompute=cast(Any, row["recompute"] or "none"),
        states=FP32_ADAM if sharded else MEGATRON_ADAM,
        sharded=("parameters", "gradients", "optimizer") if sharded else ("optimizer",),
        reduced=4.0 if framework in _REDUCED_IN_FP32 else 2.0,
        virtual_stages=int(row["virtual"]),
        compiled=row["compiled"] == "yes",
        framework=framework,
        tensor_overlap=row["tensor_overlap"] == "yes",
        graphs=cast(Any, row["graphs"]),
        expert_overlap=row["expert_overlap"] == "yes",
        sample_length=int(row["sample"]) if row["sample"] else None,
        expert_tensor=int(row["expert_tensor"]),
    )
