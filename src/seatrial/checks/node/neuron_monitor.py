"""What neuron-monitor reports: errors of the jobs that run, and of the devices. Each part tells an error of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.node.neuron import GUIDE, TOOLS
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

KINDS = ("generic", "numerical", "transient", "model", "runtime", "hardware")
"""Of errors of a job. Neuron Monitor user guide, execution_stats."""
ECC = ("mem_ecc_uncorrected", "sram_ecc_uncorrected")
SECONDS = 8
"""That it may run: it reports every 5 s by default."""


@dataclass(slots=True)
class Report:
    """All reports put together: the most of each count."""

    devices: int | None = None
    ecc: dict[int, dict[str, int]] = field(default_factory=dict)
    """Device -> counter -> errors."""
    jobs: dict[str, dict[str, int]] = field(default_factory=dict)
    """Process -> kind -> errors."""
    problems: dict[str, str] = field(default_factory=dict)
    """Part -> its own error."""


def parse(lines: Lines) -> Report:
    """One line of JSON for each report, or one that is written over several lines."""
    text = "".join(lines)
    records, at, decoder = [], 0, json.JSONDecoder()
    while rest := text[at:].strip():
        try:
            record, length = decoder.raw_decode(rest)
        except ValueError as error:
            raise Unreadable(f"JSON of neuron-monitor ({error})", rest[:200]) from None
        records.append(record)
        at = len(text) - len(text[at:].lstrip()) + length
    report = Report()
    for record in records:
        try:
            _add(report, record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"a report of neuron-monitor ({error!r})", json.dumps(record)[:200]) from None
    if not records:
        raise Unreadable("a report of neuron-monitor")
    return report


def _add(report: Report, record: dict[str, Any]) -> None:
    hardware = record["neuron_hardware_info"]
    _problem(report, "neuron_hardware_info", hardware)
    report.devices = int(hardware["neuron_device_count"])
    counters = record["system_data"].get("neuron_hw_counters")
    if counters is not None:
        _problem(report, "neuron_hw_counters", counters)
        for device in counters.get("neuron_devices") or ():
            worst = report.ecc.setdefault(int(device["neuron_device_index"]), dict.fromkeys(ECC, 0))
            for name in ECC:
                worst[name] = max(worst[name], int(device[name]))
    for runtime in record["neuron_runtime_data"]:
        name = f"pid {runtime['pid']}"
        _problem(report, name, runtime)
        stats = runtime["report"].get("execution_stats")
        if stats is not None:
            _problem(report, f"{name}, execution_stats", stats)
            worst = report.jobs.setdefault(name, dict.fromkeys(KINDS, 0))
            for kind in KINDS:
                worst[kind] = max(worst[kind], int(stats["error_summary"][kind]))


def _problem(report: Report, part: str, values: dict[str, Any]) -> None:
    if said := values["error"]:
        report.problems[part] = str(said)


MONITOR = Source(
    kind="neuron-monitor",
    title="errors of Trainium devices and of the jobs on them",
    part="neuron",
    level="full",
    parse=parse,
    command=("timeout", str(SECONDS), "neuron-monitor"),
    tool="neuron-monitor",
    package=TOOLS,
    timeout=SECONDS + 4.0,
    statuses=frozenset({0, 124}),  # 124: timeout has ended it, for it never ends by itself
)


def example(uncorrected: int = 0, hardware: int = 0, error: str = "") -> str:
    """A report of a node with one device and one job."""
    kinds = dict.fromkeys(KINDS, 0) | {"hardware": hardware}
    counters = {"neuron_device_index": 0, "mem_ecc_corrected": 0, "mem_ecc_uncorrected": uncorrected}
    counters |= {"sram_ecc_uncorrected": 0, "sram_ecc_corrected": 0}
    job = {"execution_stats": {"error_summary": kinds, "error": ""}}
    record = {
        "neuron_runtime_data": [{"pid": 7, "error": "", "report": job}],
        "system_data": {"neuron_hw_counters": {"neuron_devices": [counters], "error": error}},
        "neuron_hardware_info": {"neuron_device_count": 1, "error": ""},
    }
    return json.dumps(record) + "\n"


@check(
    "neuron.monitor-ecc",
    MONITOR,
    scope="gpu",
    severity=Severity.ISOLATE,
    expected="no uncorrected error of memory on any device",
    why="An uncorrected error is a job that died, or a wrong result; the next job gets the same memory.",
    remedy="reboot, which repairs what can be repaired; if it comes back, replace the node",
    cites=f"{GUIDE}neuron-monitor-user-guide.html, neuron_hw_counters",
    good=example(),
    bad=example(uncorrected=1),
    on="trn1.2xlarge",
)
def ecc(rule: Rule, seen: Report, profile: Profile) -> Iterator[Finding]:
    for device, counters in sorted(seen.ecc.items()):
        told = ", ".join(f"{name} {value}" for name, value in counters.items())
        yield rule.finding(judged(not any(counters.values())), told, scope={"neuron": device})
    for part in ("neuron_hw_counters", "neuron_hardware_info"):
        if part in seen.problems:
            yield rule.finding(Verdict.UNKNOWN, f"{part}: {seen.problems[part]}")
    if profile.accelerators is None or len(seen.ecc) < profile.accelerators or seen.devices != profile.accelerators:
        told = f"counters of {len(seen.ecc)} devices, of {seen.devices}"
        yield rule.finding(Verdict.UNKNOWN, told, remedy="ask for neuron_hw_counters in neuron-monitor's configuration")


@check(
    "neuron.job-errors",
    MONITOR,
    scope="gpu",
    severity=Severity.REBOOT,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="no error of the hardware in the jobs that run; others are theirs",
    why="A hardware error ends a job, and will end the next one on the same device.",
    remedy="reboot; if it comes back, replace the node; of other errors look at the job's own log",
    cites=f"{GUIDE}neuron-monitor-user-guide.html, execution_stats",
    good=example(),
    bad=example(hardware=2),
    on="trn1.2xlarge",
)
def job_errors(rule: Rule, seen: Report, profile: Profile) -> Iterator[Finding]:
    for job, kinds in seen.jobs.items():
        told = ", ".join(f"{value} {kind}" for kind, value in kinds.items() if value) or "no error"
        verdict = Verdict.FAIL if kinds["hardware"] else Verdict.WARN if any(kinds.values()) else Verdict.PASS
        yield rule.finding(verdict, told, scope={"job": job})
    for part, said in seen.problems.items():
        if part.startswith("pid "):
            yield rule.finding(Verdict.UNKNOWN, f"{part}: {said}")
    if not seen.jobs and not any(part.startswith("pid ") for part in seen.problems):
        yield rule.finding(Verdict.SKIP, "no job uses Trainium now, or none reports its errors")
