"""How GPUs are set and how they run, by nvidia-smi's csv: modes, clocks, power, the link to the host."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import Gpu, per_gpu
from seatrial.checks.node.nvidia_smi import GOOD, NVIDIA_SMI, example
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

LOADED = 50
"""Percent of utilization from which a GPU is at work, so that its link is at its full speed. Our choice."""
MIG_CAPABLE = ("A100", "H100", "H200", "B200", "B300", "GB200")
"""Whose names begin so can be cut into instances: NVIDIA Multi-Instance GPU user guide, supported GPUs."""
_FAULTS = ("hw_thermal_slowdown", "hw_power_brake_slowdown")
_HINTS = ("hw_slowdown", "sw_thermal_slowdown")
"""hw_slowdown is also told for an instant when the clocks change: nvidia-smi --help-query-gpu."""


@check(
    "gpu.persistence",
    NVIDIA_SMI,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="persistence mode on",
    why="Without it the driver unloads the GPU when nobody uses it, which costs seconds and forgets its settings.",
    remedy="systemctl enable --now nvidia-persistenced, or nvidia-smi -pm 1",
    cites="DCGM, DCGM_FR_PERSISTENCE_MODE: severity config",
    good=GOOD,
    bad=example(sick={"persistence_mode": "Disabled"}),
)
@per_gpu
def persistence(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    mode = gpu.text("persistence_mode")
    if mode is None:
        yield gpu.unseen(rule, "persistence_mode")
    else:
        yield rule.finding(Verdict.PASS if mode == "Enabled" else Verdict.WARN, mode.lower(), scope=gpu.scope)


@check(
    "gpu.mig",
    NVIDIA_SMI,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="whole GPUs: MIG off, and to stay off",
    why="Parts of a GPU have no NVLink to others, so that a job across GPUs fails or crawls.",
    remedy="nvidia-smi -mig 0, then reset the GPU; leave it if the node is meant for small jobs",
    cites="NVIDIA Multi-Instance GPU user guide, application considerations",
    good=GOOD,
    bad=example(sick={"mig.mode.current": "Enabled", "mig.mode.pending": "Enabled"}),
)
@per_gpu
def mig(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    now, then = gpu.text("mig.mode.current"), gpu.text("mig.mode.pending")
    if now is None or then is None:
        if gpu.model is None or gpu.model.name.startswith(MIG_CAPABLE) or "mig.mode.current" not in gpu.cells:
            yield gpu.unseen(rule, "mig.mode.current", "mig.mode.pending")
        else:
            yield rule.finding(Verdict.SKIP, f"an {gpu.model.name} cannot be cut", scope=gpu.scope)
        return
    good = now == then == "Disabled"
    told = "on" if now == "Enabled" else "off" if good else "off, but on after a reset"
    yield rule.finding(Verdict.PASS if good else Verdict.WARN, told, scope=gpu.scope)


@check(
    "gpu.throttled",
    NVIDIA_SMI,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="clocks that neither heat nor the power supply holds down",
    why="One GPU at half its clock makes the whole job as slow as itself.",
    remedy="look at fans and airflow; a power brake on several nodes is the rack's supply",
    cites="AzNHC 0e0a1ac, check_gpu_clock_throttling; nvidia-smi --help-query-gpu",
    good=GOOD,
    bad=example(sick={f"clocks_throttle_reasons.{name}": "Active" for name in ("hw_slowdown", "hw_thermal_slowdown")}),
)
@per_gpu
def throttled(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    reasons = {name: gpu.text(f"clocks_throttle_reasons.{name}") for name in (*_FAULTS, *_HINTS)}
    active = [name for name, state in reasons.items() if state == "Active"]
    if not active and None in reasons.values():
        unseen = [f"clocks_throttle_reasons.{name}" for name, state in reasons.items() if state is None]
        yield gpu.unseen(rule, *unseen)
        return
    verdict = Verdict.FAIL if {*active} & {*_FAULTS} else Verdict.WARN if active else Verdict.PASS
    yield rule.finding(verdict, ", ".join(active) or "no reason active", scope=gpu.scope)


@check(
    "gpu.power",
    NVIDIA_SMI,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="a power limit that is the GPU's default, and a draw that can be read",
    why="Under a lower limit the GPU is slower than the same one elsewhere, and nothing looks wrong.",
    remedy="nvidia-smi -pl with the default limit; find out who lowered it",
    cites="NVIDIA Health Validation, power draw; nvidia-smi --help-query-gpu: enforced.power.limit",
    good=GOOD,
    bad=example(sick={"enforced.power.limit": "500.00 W"}),
)
@per_gpu
def power(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    draw, limit, usual = (gpu.number(f) for f in ("power.draw", "enforced.power.limit", "power.default_limit"))
    if draw is None or limit is None or usual is None:
        yield gpu.unseen(rule, "power.draw", "enforced.power.limit", "power.default_limit")
        return
    good = limit >= usual
    told = f"limited to {limit:.0f} W, {draw:.0f} W now"
    yield rule.finding(
        Verdict.PASS if good else Verdict.WARN, told, expected=f"limited to {usual:.0f} W", scope=gpu.scope
    )


@check(
    "gpu.pcie-width",
    NVIDIA_SMI,
    scope="gpu",
    severity=Severity.REBOOT,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="all lanes of the link to the host",
    why="With half the lanes, batches and checkpoints move at half the speed.",
    remedy="reboot the node; if it stays so, replace it",
    cites="DCGM SKU table: triage. NVIDIA lets an idle link be narrower, so that an idle one is only a warning",
    good=GOOD,
    bad=example(sick={"pcie.link.width.current": "8", "utilization.gpu": "97 %"}),
)
@per_gpu
def pcie_width(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    now, most = gpu.number("pcie.link.width.current"), gpu.number("pcie.link.width.max")
    if now is None or most is None:
        yield gpu.unseen(rule, "pcie.link.width.current", "pcie.link.width.max")
        return
    busy = (gpu.number("utilization.gpu") or 0) >= LOADED
    verdict = Verdict.PASS if now >= most else Verdict.FAIL if busy else Verdict.WARN
    told = f"{now:.0f} lanes{'' if busy else ', idle'}"
    yield rule.finding(verdict, told, expected=f"{most:.0f} lanes", scope=gpu.scope)


@check(
    "gpu.pcie-generation",
    NVIDIA_SMI,
    scope="gpu",
    severity=Severity.REBOOT,
    expected="a GPU that works has its link to the host at full speed",
    why="A link that trained at a lower generation moves batches and checkpoints at half the speed.",
    remedy="reboot the node; if it stays so, replace it",
    cites="DCGM SKU table: triage; nvidia-smi --help-query-gpu: an idle GPU lowers it, which is no fault",
    good=GOOD,
    bad=example(sick={"pcie.link.gen.current": "3", "utilization.gpu": "97 %"}),
)
@per_gpu
def pcie_generation(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    now, most = gpu.number("pcie.link.gen.current"), gpu.number("pcie.link.gen.max")
    busy = gpu.number("utilization.gpu")
    if now is None or most is None or busy is None:
        yield gpu.unseen(rule, "pcie.link.gen.current", "pcie.link.gen.max", "utilization.gpu")
    elif now < most and busy < LOADED:
        told = f"generation {now:.0f} of {most:.0f}, which tells nothing of an idle GPU"
        yield rule.finding(Verdict.SKIP, told, scope=gpu.scope)
    else:
        yield rule.finding(judged(now >= most), f"generation {now:.0f}", expected=f"{most:.0f}", scope=gpu.scope)
