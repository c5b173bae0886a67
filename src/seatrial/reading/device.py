"""What a log's ranks computed on: as the log tells it, as the command said, or unknown."""

from __future__ import annotations

from seatrial.findings import Finding, Rule, Verdict
from seatrial.hardware import accelerators, instances
from seatrial.job import Job
from seatrial.rank.lines import Reader
from seatrial.spec import Device

BACKENDS: dict[Device, str] = {"cpu": "gloo", "cuda": "nccl", "neuron": "xla", "unknown": "unknown"}
SAME = 1.1
"""Factor within which two sizes of memory are those of one device: drivers and frameworks keep some of it."""

LOG_HARDWARE = Rule(
    id="run.log-hardware",
    verdicts=(Verdict.UNKNOWN,),
    reads="the framework's log, the hardware table",
    expected="the hardware that the recipe is for, or that --instance names",
    why="a figure of one device says nothing about another",
    remedy="say with --instance what it ran on",
    source="Seatrial's own rule",
    good="CUDA capacity: NVIDIA H100 80GB HBM3 with 79.18GiB memory",
    bad="CUDA capacity: NVIDIA A100-SXM4-80GB with 79.15GiB memory",
)


def kind(instance_type: str | None) -> Device:
    """What an instance type computes on. Raises UserError for an unknown one."""
    if instance_type is None:
        return "unknown"
    name = instances.instance(instance_type).accelerator
    if name is None:
        return "cpu"
    return "neuron" if accelerators.accelerator(name).vendor == "AWS" else "cuda"


def told(job: Job, reader: Reader, instance_type: str | None) -> str:
    """The device in words, and who says so."""
    name, memory = getattr(reader, "device", ""), getattr(reader, "device_bytes", None)
    if name:
        return f"{name}, as the log says"
    if job.device != "unknown":
        accelerator = instances.instance(instance_type).accelerator if instance_type else None
        return f"{accelerator or job.device}, as the command said"
    return f"unknown device of {_gib(memory)}, as the log says" if memory else "hardware unknown"


def contradiction(reader: Reader, instance_type: str | None) -> Finding | None:
    """That a log tells of another device than an instance type has; None if it does not."""
    accelerator = instances.instance(instance_type).accelerator if instance_type else None
    if accelerator is None:
        return None
    expected = accelerators.accelerator(accelerator)
    name, memory = getattr(reader, "device", ""), getattr(reader, "device_bytes", None)
    of = f"{instance_type} has {expected.name} of {_gib(expected.memory_bytes)}"
    if name and expected.vendor == "NVIDIA":
        fine = accelerators.accelerator_of_device(name) == expected
    elif memory:
        share = memory * expected.ranks_per_accelerator / expected.memory_bytes
        fine = 1 / SAME <= share <= SAME
    else:
        return None
    return (
        None
        if fine
        else LOG_HARDWARE.finding(
            Verdict.UNKNOWN, f"the log is of {name or _gib(memory)}, and {of}", evidence="logs/rank-0.log"
        )
    )


def peak(job: Job, reader: Reader, instance_type: str | None, dtype: str | None) -> tuple[float | None, str]:
    """Dense peak FLOP/s of a rank, and who says so; None and why if unknown.

    `dtype`: in what the job multiplies matrices. None: nobody said, so that no figure can be above the highest of all.
    """
    if job.device == "cpu":
        return None, "unknown"
    accelerator = instances.instance(instance_type).accelerator if instance_type else None
    found = (
        accelerators.accelerator(accelerator)
        if accelerator
        else accelerators.accelerator_of_device(getattr(reader, "device", ""))
    )
    if found is None:
        return None, "unknown: the log does not tell its hardware, and none was named with --instance"
    floats = {name: flops for name, flops in found.peak_flops.items() if name != "int8"}
    dtype = dtype or max(floats, key=lambda name: floats[name], default="")
    flops = found.peak_flops.get(dtype)
    if flops is None:
        return None, f"unknown: no {dtype} peak for {found.name} in the hardware table"
    return flops / found.ranks_per_accelerator, f"{found.name}, dense {dtype}: {found.source}"


def _gib(size: int | None) -> str:
    return f"{(size or 0) / 2**30:.1f} GiB"
