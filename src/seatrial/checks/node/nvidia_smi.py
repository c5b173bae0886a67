"""nvidia-smi --query-gpu as csv: which GPUs there are, and whether they answer."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import ERRORS, FAILURES, Gpu, Gpus, missing
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

FIELDS: Mapping[str, tuple[str, str]] = {
    "index": (r"\d+", "{index}"),
    "count": (r"\d+", "8"),
    "name": (r"[A-Za-z][ -~]*", "NVIDIA H100 80GB HBM3"),
    "uuid": (r"(GPU-)?[0-9a-fA-F-]+", "GPU-5a10e6e5-95f7-2785-ed63-6f6147f304f{index}"),
    "serial": (r"\w+", "165402300112{index}"),
    "pci.bus_id": (r"[0-9A-Fa-f:.]+", "00000000:{bus}:00.0"),
    "driver_version": (r"\d[\d.]*", "580.95.05"),
    "vbios_version": (r"[0-9A-Fa-f.]+", "96.00.A5.00.01"),
    "persistence_mode": ("Enabled|Disabled", "Enabled"),
    "mig.mode.current": ("Enabled|Disabled", "Disabled"),
    "mig.mode.pending": ("Enabled|Disabled", "Disabled"),
    "ecc.mode.current": ("Enabled|Disabled", "Enabled"),
    "ecc.mode.pending": ("Enabled|Disabled", "Enabled"),
    "ecc.errors.uncorrected.volatile.total": (r"\d+", "0"),
    "ecc.errors.corrected.volatile.total": (r"\d+", "0"),
    "ecc.errors.corrected.aggregate.total": (r"\d+", "0"),
    "retired_pages.single_bit_ecc.count": (r"\d+", "[N/A]"),
    "retired_pages.double_bit.count": (r"\d+", "[N/A]"),
    "retired_pages.pending": ("Yes|No", "[N/A]"),
    "clocks_throttle_reasons.hw_slowdown": ("Active|Not Active", "Not Active"),
    "clocks_throttle_reasons.hw_thermal_slowdown": ("Active|Not Active", "Not Active"),
    "clocks_throttle_reasons.hw_power_brake_slowdown": ("Active|Not Active", "Not Active"),
    "clocks_throttle_reasons.sw_thermal_slowdown": ("Active|Not Active", "Not Active"),
    "utilization.gpu": (r"\d+( %)?", "0 %"),
    "memory.total": (r"\d+( MiB)?", "81559 MiB"),
    "power.draw": (r"\d+(\.\d+)?( W)?", "69.85 W"),
    "enforced.power.limit": (r"\d+(\.\d+)?( W)?", "700.00 W"),
    "power.default_limit": (r"\d+(\.\d+)?( W)?", "700.00 W"),
    "pcie.link.gen.current": (r"\d+", "5"),
    "pcie.link.gen.max": (r"\d+", "5"),
    "pcie.link.width.current": (r"\d+", "16"),
    "pcie.link.width.max": (r"\d+", "16"),
}
"""What is asked, in names that all drivers since 450 know -> the form of a value, and that of a healthy, idle H100."""
ALIASES = {
    "clocks_event_reasons": "clocks_throttle_reasons",  # what drivers since 535 put into the header for either name
    "gpu_name": "name",
    "gpu_uuid": "uuid",
    "gpu_serial": "serial",
    "gpu_bus_id": "pci.bus_id",
    "retired_pages.sbe": "retired_pages.single_bit_ecc.count",
    "retired_pages.dbe": "retired_pages.double_bit.count",
    "pcie.link.gen.gpucurrent": "pcie.link.gen.current",
}
_HELP = "nvidia-smi --help-query-gpu of driver 590.48.01"


def example(healthy: Mapping[str, str] | None = None, *, sick: Mapping[str, str] | None = None, gpus: int = 8) -> str:
    """A csv of so many H100; `healthy`: what is different on all of them, `sick`: on the last one."""
    rows = [", ".join(f"{field}{_unit(value)}" for field, (_, value) in FIELDS.items())]
    for index in range(gpus):
        other = {**(healthy or {}), **((sick or {}) if index == gpus - 1 else {})}
        cells = [other.get(field, value) for field, (_, value) in FIELDS.items()]
        rows.append(", ".join(cells).format(index=index, bus=f"{0x53 + 0x11 * index:02X}"))
    return "".join(f"{row}\n" for row in rows)


def _unit(value: str) -> str:
    unit = re.fullmatch(r"[\d.]+ (\S+)", value)
    return f" [{unit[1]}]" if unit else ""


def parse(lines: Lines) -> Gpus:
    """Gpus of the csv. Columns may be fewer or others, but `index` must be there."""
    header: list[str] = []
    gpus: list[Gpu] = []
    failures: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        if FAILURES.match(line):
            failures.append(line.strip())
        elif not header:
            header = _header(line)
        else:
            gpus.append(_gpu(header, line))
    if not header and not failures:
        raise Unreadable("a csv of nvidia-smi --query-gpu")
    twice = [gpu for gpu, times in Counter(gpu.index for gpu in gpus).items() if times > 1]
    if twice:
        raise Unreadable("each GPU once", f"GPU {twice[0]} several times")
    counts = [count for gpu in gpus if (count := gpu.number("count")) is not None]
    return Gpus(tuple(gpus), int(max(counts)) if counts else None, tuple(failures))


def _header(line: str) -> list[str]:
    names = [re.sub(r" \[\S+\]$", "", cell.strip()) for cell in line.split(",")]
    names = [ALIASES.get(name, name.replace("clocks_event_reasons.", "clocks_throttle_reasons.")) for name in names]
    if "index" not in names or len({*names}) < len(names) or not all(re.fullmatch(r"[\w.]+", name) for name in names):
        raise Unreadable("a header of nvidia-smi --query-gpu=index,… --format=csv (-q is of kind nvidia-smi-q)", line)
    return names


def _gpu(header: list[str], line: str) -> Gpu:
    cells = [cell.strip() for cell in next(csv.reader([line]))]
    if len(cells) != len(header):
        raise Unreadable(f"{len(header)} values, as in the header", line)
    found = dict(zip(header, cells, strict=True))
    for field, cell in found.items():
        form = FIELDS.get(field, (".*", ""))[0]
        if not re.fullmatch(form, cell) and cell != "N/A" and not cell.startswith("[") and not ERRORS.search(cell):
            raise Unreadable(f"a value of {field} such as {FIELDS[field][1]!r}", cell or "nothing")
    if not found["index"].isdigit():
        raise Unreadable("the index of a GPU", line)
    return Gpu(int(found["index"]), found)


NVIDIA_SMI = Source(
    kind="nvidia-smi",
    title="state of the GPUs, as csv",
    part="gpu",
    level="quick",
    parse=parse,
    command=("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv"),
    package="the NVIDIA driver",
    timeout=9.0,
)
GOOD = example()


@check(
    "gpu.count",
    NVIDIA_SMI,
    scope="node",
    severity=Severity.REBOOT,
    expected="as many GPUs as the instance type has",
    why="A GPU that fell off the bus is no longer listed, and a job that counts on it does not start.",
    remedy="reboot the node; if the GPU stays away, replace it",
    cites="EKS node monitoring agent 51af549, table of instance types; HyperPod's health monitoring agent reboots",
    good=GOOD,
    bad=example(gpus=7),
)
def count(rule: Rule, seen: Gpus, profile: Profile) -> Iterator[Finding]:
    total = profile.accelerators if profile.accelerators is not None else seen.attached
    if total is None or (profile.accelerators is None and len(seen.gpus) == total and not seen.failures):
        # All that are attached answer; but one that has left the bus is not attached either.
        yield rule.finding(Verdict.UNKNOWN, f"{len(seen.gpus)} GPUs", remedy="say what the node is: --instance")
        return
    told = "".join(f"; {line}" for line in seen.failures)
    good = len(seen.gpus) == total and not seen.failures
    yield rule.finding(judged(good), f"{len(seen.gpus)} GPUs{told}", expected=f"{total}, and each of them answers")


@check(
    "gpu.answers",
    NVIDIA_SMI,
    scope="gpu",
    severity=Severity.REBOOT,
    expected="a value, or N/A, in every column",
    why="A GPU in whose place stands an error runs no kernel any more, though it is still listed.",
    remedy="reset the GPU (nvidia-smi --gpu-reset) if nvidia-smi asks for it, else reboot; look for Xid in dmesg",
    cites="facebookresearch/gcm, check_nvidia_smi; AzNHC: infoROM",
    good=GOOD,
    bad=example(sick={"utilization.gpu": "[GPU requires reset]", "power.draw": "[GPU requires reset]"}),
)
def answers(rule: Rule, seen: Gpus, profile: Profile) -> Iterator[Finding]:
    for line in seen.failures:
        yield rule.finding(Verdict.FAIL, line)
    for gpu in seen.gpus:
        silent = [f"{field}: {cell}" for field, cell in gpu.cells.items() if ERRORS.search(cell)]
        resets = bool(silent) and all("reset" in told.lower() for told in silent)
        fitting = replace(rule, severity=Severity.RESET) if resets else rule
        told = ", ".join(silent)
        yield fitting.finding(judged(not silent), told or "answers", scope=gpu.scope)
    yield from missing(rule, len(seen.gpus), profile, seen.attached)
