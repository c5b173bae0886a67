"""nvidia-smi -q: what old drivers do not offer as csv, where an unknown column makes the whole command fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import FAILURES, Gpu, Gpus, per_gpu
from seatrial.checks.node.gpu_memory import RETIRES
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

INDENT = 4
"""Blanks by which a line stands below the one that it belongs to."""
_GPU = re.compile(r"GPU ([0-9A-Fa-f]{8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d)")
_LINE = re.compile(r"( *)(\S[^:]*?)(?:\s+: ?(.*)|)")
_NOISE = re.compile(r"=+NVSMI LOG=+")


def parse(lines: Lines) -> Gpus:
    """Gpus whose fields are the headings down to the value, joined by slashes: ``Fabric/State``."""
    attached = ""
    gpus: list[dict[str, str]] = []
    failures: list[str] = []
    path: list[str] = []
    for line in lines:
        text = line.rstrip()
        gpu = _GPU.fullmatch(text)
        if FAILURES.match(text):
            failures.append(text)
        elif gpu:
            gpus.append({"Bus Id": gpu[1]})
            path = []
        elif text.startswith(" ") and gpus:
            path, value = _line(text, path)
            if value is not None:
                gpus[-1]["/".join(path)] = value
        elif text and not _NOISE.fullmatch(text):
            [heading], value = _line(text, [])
            if value is None:
                raise Unreadable("the output of nvidia-smi -q", line)
            attached = value if heading == "Attached GPUs" else attached
    if not attached.isdigit() and not failures:
        raise Unreadable("a line 'Attached GPUs'")
    if len({gpu["Bus Id"] for gpu in gpus}) < len(gpus):
        raise Unreadable("each GPU once", "a Bus Id several times")
    numbered = tuple(Gpu(index, cells) for index, cells in enumerate(gpus))
    return Gpus(numbered, int(attached) if attached.isdigit() else None, tuple(failures))


def _line(text: str, path: list[str]) -> tuple[list[str], str | None]:
    """The headings down to the line, and its value if it has one."""
    found = _LINE.fullmatch(text)
    depth = len(found[1]) // INDENT if found else 0
    if found is None or depth > len(path) + 1:
        raise Unreadable("a line such as 'State : Completed', at most one step below the one before", text)
    return [*path[: max(0, depth - 1)], found[2]], found[3]


NVIDIA_SMI_Q = Source(
    kind="nvidia-smi-q",
    title="all that nvidia-smi knows about the GPUs",
    part="gpu",
    level="quick",
    parse=parse,
    command=("nvidia-smi", "-q"),
    package="the NVIDIA driver",
    timeout=9.0,
)
_ONE = """
GPU 00000000:{bus}:00.0
    Product Name                                       : NVIDIA H100 80GB HBM3
    GPU Recovery Action                                : None
    ECC Errors
        Aggregate
            SRAM Threshold Exceeded                    : No
    Remapped Rows
        Correctable Error                              : 0
        Uncorrectable Error                            : 0
        Pending                                        : No
        Remapping Failure Occurred                     : No
    Temperature
        GPU Current Temp                               : 41 C
        GPU T.Limit Temp                               : 46 C
        GPU Slowdown T.Limit Temp                      : -2 C
    Fabric
        State                                          : Completed
        Status                                         : Success
        Health
            Bandwidth                                  : N/A
            Route Unhealthy                            : N/A
"""
_HEAD = """
==============NVSMI LOG==============

Timestamp                                              : Tue Jul 14 08:12:38 2026
Driver Version                                         : 580.95.05
CUDA Version                                           : 13.0

Attached GPUs                                          : 8"""


def example(old: str = "", new: str = "") -> str:
    """What is judged of the output for eight H100; on the last one `new` stands instead of `old`."""
    blocks = [_ONE.format(bus=f"{0x53 + 0x11 * index:02X}") for index in range(8)]
    assert old in blocks[-1]
    return _HEAD + "".join(blocks[:-1]) + blocks[-1].replace(old, new)


GOOD = example()

ACTIONS = {
    "none": None,
    "reset": Severity.RESET,
    "gpu reset required": Severity.RESET,
    "drain and reset": Severity.RESET,
    "drain p2p": Severity.RESET,
    "reboot": Severity.REBOOT,
    "node reboot required": Severity.REBOOT,
}
"""What the driver recommends -> what we ask for. NVML, GPU_RECOVERY_ACTION; Xid 154's text."""


@check(
    "gpu.recovery-action",
    NVIDIA_SMI_Q,
    scope="gpu",
    severity=Severity.REBOOT,
    expected="none recommended by the driver",
    why="The driver itself says that the GPU must be recovered before it can be used again.",
    remedy="what it says: nvidia-smi --gpu-reset when no job runs there, or a reboot",
    cites="NVML NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, from driver 565 on; before: GPU Reset Status",
    good=GOOD,
    bad=example(
        "Action                                : None", "Action                                : Drain and Reset"
    ),
)
@per_gpu
def recovery_action(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    action = gpu.text("GPU Recovery Action")
    if action is None:
        yield from _reset_status(rule, gpu)
        return
    if action.lower() not in ACTIONS:
        yield gpu.unseen(rule, "GPU Recovery Action")
        return
    asked = ACTIONS[action.lower()]
    yield replace(rule, severity=asked or rule.severity).finding(judged(asked is None), action, scope=gpu.scope)


def _reset_status(rule: Rule, gpu: Gpu) -> Iterator[Finding]:
    """What drivers before 565 said instead."""
    states = [gpu.text(f"GPU Reset Status/{name}") for name in ("Reset Required", "Drain and Reset Recommended")]
    if "Yes" in states:
        yield replace(rule, severity=Severity.RESET).finding(Verdict.FAIL, "reset required", scope=gpu.scope)
    elif states == ["No", "No"]:
        yield rule.finding(Verdict.PASS, "no reset required", scope=gpu.scope)
    else:
        yield gpu.unseen(rule, "GPU Recovery Action")


@check(
    "gpu.row-remap",
    NVIDIA_SMI_Q,
    scope="gpu",
    severity=Severity.ISOLATE,
    expected="no remapping that failed, none that waits",
    why="Bad rows of memory are replaced by spare ones; when that fails the row stays in use.",
    remedy="failed: replace the node. Waiting: reset the GPU when no job runs there",
    cites="https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/; DCGM: what waits asks for a reset",
    good=GOOD,
    bad=example("Occurred                     : No", "Occurred                     : Yes"),
)
@per_gpu
def row_remap(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    bad, good = (gpu.number(f"Remapped Rows/{kind} Error") for kind in ("Uncorrectable", "Correctable"))
    waits, failed = gpu.text("Remapped Rows/Pending"), gpu.text("Remapped Rows/Remapping Failure Occurred")
    if gpu.model and gpu.model.name in RETIRES and gpu.cells.get("Remapped Rows") == "N/A":
        told = f"a {gpu.model.name} retires pages instead: gpu.retired-pages"
        yield rule.finding(Verdict.SKIP, told, scope=gpu.scope)
    elif "Yes" in (failed, waits):
        fitting = rule if failed == "Yes" else replace(rule, severity=Severity.RESET)
        yield fitting.finding(Verdict.FAIL, "failed" if failed == "Yes" else "waits for a reset", scope=gpu.scope)
    elif failed == waits == "No" and bad is not None and good is not None:
        told = f"{bad:.0f} rows after uncorrectable errors, {good:.0f} after correctable ones"
        yield rule.finding(Verdict.PASS, told, scope=gpu.scope)
    else:
        yield gpu.unseen(rule, "Remapped Rows/Pending", "Remapped Rows/Remapping Failure Occurred")


@check(
    "gpu.sram-errors",
    NVIDIA_SMI_Q,
    scope="gpu",
    severity=Severity.ISOLATE,
    expected="the threshold of errors in its SRAM not exceeded",
    why="Caches and register files cannot be remapped: beyond the threshold the GPU is to be returned.",
    remedy="replace the node; on your own hardware run NVIDIA's field diagnosis",
    cites="NVIDIA Xid catalogue, workflow of Xid 48; https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/",
    good=GOOD,
    bad=example("Exceeded                    : No", "Exceeded                    : Yes"),
)
@per_gpu
def sram_errors(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    field = "ECC Errors/Aggregate/SRAM Threshold Exceeded"
    exceeded, model = gpu.text(field), gpu.model or profile.accelerator
    if exceeded in ("Yes", "No"):
        yield rule.finding(judged(exceeded == "No"), f"exceeded: {exceeded.lower()}", scope=gpu.scope)
    elif field not in gpu.cells and "ECC Errors/Aggregate/SRAM Uncorrectable" in gpu.cells:
        yield rule.finding(Verdict.SKIP, "this driver does not tell", scope=gpu.scope)
    elif model is not None and model.name in RETIRES and field not in gpu.cells:
        yield rule.finding(Verdict.SKIP, f"a {model.name} does not count them", scope=gpu.scope)
    else:
        yield gpu.unseen(rule, field)


@check(
    "gpu.temperature",
    NVIDIA_SMI_Q,
    scope="gpu",
    expected="cooler than where it slows itself down",
    why="From there on the GPU halves its clock, and a little further it switches itself off.",
    remedy="look at fans and airflow; replace the node if its neighbours are cool",
    cites="nvidia-smi -q of an H100 with driver 590.48.01: T.Limit is what is left; GPUs before Ada: degrees",
    good=GOOD,
    bad=example(
        "T.Limit Temp                               : 46 C", "T.Limit Temp                               : -3 C"
    ),
)
@per_gpu
def temperature(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    now, slow = gpu.number("Temperature/GPU Current Temp"), gpu.number("Temperature/GPU Slowdown Temp")
    left, least = gpu.number("Temperature/GPU T.Limit Temp"), gpu.number("Temperature/GPU Slowdown T.Limit Temp")
    if now is not None and left is not None and least is not None:
        yield rule.finding(
            judged(left > least), f"{now:.0f} °C, {left - least:.0f} before it slows down", scope=gpu.scope
        )
    elif now is not None and slow is not None:
        told = f"{now:.0f} °C, it slows down at {slow:.0f}"
        yield rule.finding(judged(now < slow), told, scope=gpu.scope)
    else:
        yield gpu.unseen(rule, "Temperature/GPU Current Temp", "Temperature/GPU T.Limit Temp")
