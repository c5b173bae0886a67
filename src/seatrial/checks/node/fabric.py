"""Whether the GPUs have joined the fabric of NVSwitches, and whether its manager runs."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import Gpu, per_gpu
from seatrial.checks.node.nvidia_smi_q import GOOD, NVIDIA_SMI_Q, example
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

SILENT = ("A100",)
"""Whose names begin so do not report the state of their fabric: nvml.h, nvmlDeviceGetGpuFabricInfo, from Hopper on."""
HEALTHY = {
    "Summary": ("Healthy",),
    "Bandwidth": ("Full", "Not Degraded"),
    "Route Recovery in progress": ("False", "No"),
    "Route Unhealthy": ("False", "No"),
    "Access Timeout Recovery": ("False", "No"),
    "Incorrect Configuration": ("None", "False", "No"),
}
"""Part of a fabric's health -> what is right; N/A where the GPU does not say. nvml.h, NVML_GPU_FABRIC_HEALTH_MASK."""
SICK = ("Degraded", "True", "Yes", "Unhealthy", "Limited Capacity")
STATES = ("active", "inactive", "failed", "activating", "deactivating", "reloading", "unknown")
"""What systemctl is-active prints."""


@check(
    "fabric.state",
    NVIDIA_SMI_Q,
    scope="gpu",
    severity=Severity.REBOOT,
    expected="registered: state Completed, status Success, nothing of its health degraded",
    why="A GPU that is not in the fabric fails in cudaInit, or reaches its siblings by PCIe.",
    remedy="restart nvidia-fabricmanager when no job runs; if it stays so, reboot the node, then replace it",
    cites="NVML, fabric info; Imbue host health checks 8f5964a",
    good=GOOD,
    bad=example("State                                          : Completed", "State   : In Progress"),
)
@per_gpu
def state(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    model = gpu.model or profile.accelerator
    if profile.has("nvswitch") is False:
        yield rule.finding(Verdict.SKIP, f"a node of type {profile.name} has no nvswitch", scope=gpu.scope)
        return
    now, status = gpu.text("Fabric/State"), gpu.cells.get("Fabric/Status", "N/A")  # an error stands there as it is
    if now is None or (status == "N/A" and now == "Completed"):
        if model is not None and model.name.startswith(SILENT) and gpu.cells.get("Fabric/State") == "N/A":
            told = f"an {model.name} does not report it: see nvlink.links and fabric.manager"
            yield rule.finding(Verdict.SKIP, told, scope=gpu.scope)
        else:
            yield gpu.unseen(rule, "Fabric/State", "Fabric/Status")
        return
    told = f"{now}, {status}"
    if (now, status) != ("Completed", "Success"):
        yield rule.finding(Verdict.FAIL, told, scope=gpu.scope)
        return
    yield _health(rule, gpu, told)


def _health(rule: Rule, gpu: Gpu, told: str) -> Finding:
    said = {name: value for name in HEALTHY if (value := gpu.text(f"Fabric/Health/{name}")) is not None}
    sick = {name: value for name, value in said.items() if value in SICK}
    odd = [f"Fabric/Health/{name}" for name, value in said.items() if value not in (*HEALTHY[name], *SICK)]
    if odd and not sick:
        return gpu.unseen(rule, *odd)
    more = "".join(f", {name}: {value}" for name, value in sick.items())
    return rule.finding(judged(not sick), told + more, scope=gpu.scope)


def parse(lines: Lines) -> str:
    """The one word of systemctl is-active."""
    text = [line.strip() for line in lines if line.strip()]
    if len(text) != 1 or text[0] not in STATES:
        raise Unreadable(f"one of {', '.join(STATES)}", "".join(text[:1]))
    return text[0]


FABRIC_MANAGER = Source(
    kind="fabric-manager",
    title="state of the service that sets up the NVSwitches",
    part="nvswitch",
    level="quick",
    parse=parse,
    command=("systemctl", "is-active", "nvidia-fabricmanager"),
    package="systemd",
    read=False,
)


@check(
    "fabric.manager",
    FABRIC_MANAGER,
    scope="node",
    severity=Severity.REBOOT,
    expected="nvidia-fabricmanager active",
    why="Without it no GPU behind NVSwitches can be used: CUDA fails with error 802, system not yet initialized.",
    remedy="systemctl restart nvidia-fabricmanager; it must be of the driver's own version",
    cites="NVIDIA Fabric Manager user guide; AWS, NVIDIA drivers for P4d, P5 and P6",
    good="active\n",
    bad="failed\n",
)
def manager(rule: Rule, seen: str, profile: Profile) -> Iterator[Finding]:
    yield rule.finding(judged(seen == "active"), seen)
