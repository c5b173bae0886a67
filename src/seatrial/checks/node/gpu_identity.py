"""Whether GPUs are what they should be, by nvidia-smi's csv: of the right model, alike, and each of them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import Gpu, Gpus, missing, per_gpu
from seatrial.checks.node.nvidia_smi import GOOD, NVIDIA_SMI, example
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, judged

ALIKE = ("name", "driver_version", "vbios_version", "memory.total")
"""What is the same on all GPUs of a node."""


@check(
    "gpu.model",
    NVIDIA_SMI,
    scope="gpu",
    expected="the accelerator of the instance type",
    why="Whatever is held against the node, and every baseline, belongs to another GPU.",
    remedy="say what the node is: --instance; if that is what it should be, replace it",
    cites="seatrial.hardware: NVIDIA's device names, EC2 DescribeInstanceTypes",
    good=GOOD,
    bad=example(sick={"name": "NVIDIA A100-SXM4-40GB"}),
)
@per_gpu
def model(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    name = gpu.text("name")
    if name is None or profile.accelerator is None or gpu.model is None:
        yield gpu.unseen(rule, "name")
        return
    good = gpu.model is profile.accelerator
    yield rule.finding(judged(good), name, expected=f"an {profile.accelerator.name}", scope=gpu.scope)


@check(
    "gpu.alike",
    NVIDIA_SMI,
    scope="gpu",
    expected="the same name, driver, VBIOS and memory as the other GPUs of the node",
    why="One that was exchanged, or missed an update of its firmware, behaves differently from its siblings.",
    remedy="update the firmware of the one that differs, or replace the node",
    cites="Imbue host health checks 8f5964a; NVSentinel, peers by majority",
    good=GOOD,
    bad=example(sick={"vbios_version": "96.00.74.00.01"}),
)
def alike(rule: Rule, seen: Gpus, profile: Profile) -> Iterator[Finding]:
    values = {field: Counter(gpu.cells.get(field) for gpu in seen.gpus) for field in ALIKE}
    usual = {field: max(found, key=found.__getitem__, default=None) for field, found in values.items()}
    for gpu in seen.gpus:
        other = [field for field in ALIKE if gpu.text(field) is not None and gpu.cells[field] != usual[field]]
        unseen = [field for field in ALIKE if gpu.text(field) is None]
        if unseen and not other:
            yield gpu.unseen(rule, *unseen)
            continue
        told = ", ".join(f"{field} {gpu.cells[field]}, of most {usual[field]}" for field in other)
        yield rule.finding(judged(not other), told or "as its siblings", scope=gpu.scope)
    yield from missing(rule, len(seen.gpus), profile, seen.attached)


@check(
    "gpu.unique",
    NVIDIA_SMI,
    scope="gpu",
    expected="a UUID and a serial number that no other GPU of the node has",
    why="A GPU that is listed twice hides one that is missing.",
    remedy="reboot the node; if it stays so, replace it",
    cites="Imbue host health checks 8f5964a: duplicated serials",
    good=GOOD,
    bad=example(sick={"uuid": "GPU-5a10e6e5-95f7-2785-ed63-6f6147f304f0"}),
)
def unique(rule: Rule, seen: Gpus, profile: Profile) -> Iterator[Finding]:
    times = {field: Counter(gpu.text(field) for gpu in seen.gpus) for field in ("uuid", "serial")}
    for gpu in seen.gpus:
        if gpu.text("uuid") is None:
            yield gpu.unseen(rule, "uuid")
            continue
        shared = [f for f in times if gpu.text(f) is not None and times[f][gpu.text(f)] > 1]
        told = ", ".join(f"shares its {field} {gpu.text(field)}" for field in shared)
        yield rule.finding(judged(not shared), told or "no other is the same", scope=gpu.scope)
    yield from missing(rule, len(seen.gpus), profile, seen.attached)
