"""Memory of GPUs, by nvidia-smi's csv: how much there is, and what its error correction met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import Gpu, per_gpu
from seatrial.checks.node.nvidia_smi import GOOD, NVIDIA_SMI, example
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

SHARE = 0.9
"""Of an accelerator's memory that the driver must show: it keeps some, and error correction takes some. A T4 shows
15360 of 16384 MiB, an H100 81559 of 81920."""
CORRECTED = 50_000_000
"""Corrected errors since the driver was loaded: facebookresearch/gcm 1b7bde9, its default."""
CORRECTED_EVER = 20_000_000
"""Corrected errors in all the GPU's life: AzNHC 0e0a1ac, check_gpu_ecc. The stricter of the two."""
RETIRED = 10
"""Pages: facebookresearch/gcm 1b7bde9, its default. awsome-distributed-ai lets 60 pass."""
RETIRES = ("T4",)
"""Accelerators that retire pages; from the A100 on they remap rows. NVIDIA GPU memory error management."""
_GUIDE = "https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/"


@check(
    "gpu.memory",
    NVIDIA_SMI,
    scope="gpu",
    severity=Severity.ISOLATE,
    expected=f"{SHARE:.0%} or more of the accelerator's memory",
    why="A GPU with less memory than its siblings runs out of it first, and the job with it.",
    remedy="reset the GPU; if it stays so, replace the node",
    cites="seatrial.hardware; nvidia-smi of an H100 and a T4",
    good=GOOD,
    bad=example(sick={"memory.total": "65247 MiB"}),
)
@per_gpu
def memory(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    total, model = gpu.number("memory.total"), gpu.model or profile.accelerator
    if total is None or model is None:
        yield gpu.unseen(rule, "memory.total")
        return
    whole = model.memory_bytes / 2**20
    expected = f"{SHARE * whole:.0f} MiB or more"
    yield rule.finding(judged(total >= SHARE * whole), f"{total:.0f} MiB", expected=expected, scope=gpu.scope)


@check(
    "gpu.ecc-mode",
    NVIDIA_SMI,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="error correction on, and to stay on",
    why="Without it a flipped bit ends in the weights, and nobody is told.",
    remedy="nvidia-smi -e 1, then reboot",
    cites="DCGM, DCGM_FR_ECC_DISABLED: severity config",
    good=GOOD,
    bad=example(sick={"ecc.mode.current": "Disabled"}),
)
@per_gpu
def ecc_mode(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    now, then = gpu.text("ecc.mode.current"), gpu.text("ecc.mode.pending")
    if now is None or then is None:
        yield gpu.unseen(rule, "ecc.mode.current", "ecc.mode.pending")
    elif now == "Enabled" != then:
        yield rule.finding(Verdict.WARN, "on, but off from the next boot on", scope=gpu.scope)
    else:
        yield rule.finding(judged(now == "Enabled"), now.lower(), scope=gpu.scope)


@check(
    "gpu.ecc-uncorrectable",
    NVIDIA_SMI,
    scope="gpu",
    severity=Severity.RESET,
    expected="no uncorrectable memory errors since the driver was loaded",
    why="The process that met one died, or was given wrong data; the row is replaced when the GPU is reset.",
    remedy="let the job end, reset the GPU, and look whether the row could be remapped: nvidia-smi -q -d ROW_REMAPPER",
    cites=f"facebookresearch/gcm 1b7bde9; {_GUIDE}",
    good=GOOD,
    bad=example(sick={"ecc.errors.uncorrected.volatile.total": "2"}),
)
@per_gpu
def uncorrectable(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    errors = gpu.number("ecc.errors.uncorrected.volatile.total")
    if errors is None:
        yield gpu.unseen(rule, "ecc.errors.uncorrected.volatile.total")
    else:
        yield rule.finding(judged(errors == 0), f"{errors:.0f} errors", scope=gpu.scope)


@check(
    "gpu.ecc-correctable",
    NVIDIA_SMI,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"{CORRECTED:,} corrected memory errors or fewer since the driver was loaded (GCM), "
    f"{CORRECTED_EVER:,} or fewer ever (AzNHC)",
    why="They do no harm, but so many of them precede those that do.",
    remedy="watch the GPU; a reset lets it remap rows",
    cites="facebookresearch/gcm 1b7bde9; AzNHC 0e0a1ac, check_gpu_ecc",
    good=GOOD,
    bad=example(sick={"ecc.errors.corrected.volatile.total": "60000000"}),
)
@per_gpu
def correctable(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    now = gpu.number("ecc.errors.corrected.volatile.total")
    ever = gpu.number("ecc.errors.corrected.aggregate.total")
    if now is None or ever is None:
        yield gpu.unseen(rule, "ecc.errors.corrected.volatile.total", "ecc.errors.corrected.aggregate.total")
        return
    verdict = Verdict.FAIL if now > CORRECTED else Verdict.WARN if ever > CORRECTED_EVER else Verdict.PASS
    yield rule.finding(verdict, f"{now:.0f} errors, {ever:.0f} ever", scope=gpu.scope)


_T4 = {
    "name": "Tesla T4",
    "memory.total": "15360 MiB",
    "mig.mode.current": "[N/A]",
    "mig.mode.pending": "[N/A]",
    "retired_pages.single_bit_ecc.count": "0",
    "retired_pages.double_bit.count": "0",
    "retired_pages.pending": "No",
}


@check(
    "gpu.retired-pages",
    NVIDIA_SMI,
    scope="gpu",
    severity=Severity.ISOLATE,
    expected=f"fewer than {RETIRED} retired pages (GCM; awsome-distributed-ai: 60), none to be retired",
    why="Memory of GPUs before the A100 is not repaired: bad pages are left out until too many are.",
    remedy="replace the node; if a page only waits to be retired, reset the GPU",
    cites="facebookresearch/gcm 1b7bde9; DCGM: a page that waits asks for a reset, NVSentinel: for nothing",
    good=example(_T4),
    bad=example(_T4, sick={"retired_pages.double_bit.count": "12"}),
    on="g4dn.metal",
)
@per_gpu
def retired_pages(rule: Rule, gpu: Gpu, profile: Profile) -> Iterator[Finding]:
    single, double = (gpu.number(f"retired_pages.{kind}.count") for kind in ("single_bit_ecc", "double_bit"))
    waiting, model = gpu.text("retired_pages.pending"), gpu.model or profile.accelerator
    if single is not None and double is not None and waiting is not None:
        told = f"{single + double:.0f} pages, {'one waits' if waiting == 'Yes' else 'none waits'}"
        many = single + double >= RETIRED
        fitting = rule if many else replace(rule, severity=Severity.RESET)
        yield fitting.finding(judged(not many and waiting == "No"), told, scope=gpu.scope)
    elif model is None or model.name in RETIRES:
        yield gpu.unseen(rule, "retired_pages.single_bit_ecc.count", "retired_pages.double_bit.count")
    else:
        yield rule.finding(Verdict.SKIP, f"an {model.name} remaps rows instead: gpu.row-remap", scope=gpu.scope)
