"""Trainium: its devices and their links as neuron-ls lists them, and the driver's counters of errors."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import only, read_files
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

TOOLS = "aws-neuronx-tools"
DRIVER = "aws-neuronx-dkms"
GUIDE = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/"


@dataclass(frozen=True, slots=True)
class Device:
    """A Trainium chip."""

    number: int
    cores: int
    """Logical ones, of which Trainium2 makes one of two by default."""
    connected: frozenset[int]


def parse(lines: Lines) -> list[Device]:
    """``neuron-ls``, a table, or ``neuron-ls -j``, which Neuron 2.34 takes back."""
    text = [line.rstrip() for line in lines]
    body = [line for line in text if line]
    found = _listed("\n".join(body)) if body and body[0].startswith(("[", "{")) else _tabled(body)
    if len({device.number for device in found}) != len(found) or not found:
        raise Unreadable("devices, each once", body[-1] if body else "")
    return found


def _listed(text: str) -> list[Device]:
    try:
        record: Any = json.loads(text)
        return [
            Device(int(item["neuron_device"]), int(item["nc_count"]), frozenset(item["connected_to"] or ()))
            for item in record
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"the list of neuron-ls -j before Neuron 2.34 ({error})", text[:200]) from None


def _tabled(lines: list[str]) -> list[Device]:
    """A frame, two lines of titles, a frame, a line for each device and one for each further process, a frame."""
    while lines and re.fullmatch(r"[\w-]+: \S+", lines[0]):
        del lines[0]
    frames = [n for n, line in enumerate(lines) if line == lines[0] and re.fullmatch(r"\+(-+\+)+", line)]
    behind = lines[frames[-1] + 1 :] if frames else []
    if len(frames) < 3 or frames[:2] != [0, 3] or (behind and behind[0].strip() != "Neuron Device Topology"):
        raise Unreadable("the table of neuron-ls, with its last frame", lines[-1] if lines else "")
    titles = [" ".join(pair).strip() for pair in zip(_cells(lines[1]), _cells(lines[2]), strict=False)]
    columns = [_column(titles, *names) for names in (("NEURON DEVICE",), ("LOGICAL NC", "NEURON CORES"))]
    found = []
    for line in lines[4 : frames[-1]]:
        if line == lines[0]:
            continue
        cells = _cells(line)
        if len(cells) != len(titles):
            raise Unreadable(f"{len(titles)} columns of neuron-ls", line)
        number, cores = (cells[column] for column in columns)
        if not number and not cores:
            continue  # a further process on the device above
        if not number.isdecimal() or not cores.isdecimal():
            raise Unreadable("number and cores of a device", line)
        connected = re.findall(r"\d+", cells[_column(titles, "CONNECTED DEVICES")])
        found.append(Device(int(number), int(cores), frozenset(map(int, connected))))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _column(titles: list[str], *names: str) -> int:
    for name in names:
        if name in titles:
            return titles.index(name)
    raise Unreadable(f"a column {names[-1]} of neuron-ls", " | ".join(titles))


LS = Source(
    kind="neuron-ls",
    title="Trainium devices and their links",
    part="neuron",
    level="quick",
    parse=parse,
    command=("neuron-ls",),
    package=TOOLS,
    timeout=8.0,
    ends=False,  # JSON of it ends without an end of line
)


def _example(connected: str, count: int) -> str:
    frame = "+--------+--------+-----------+\n"
    head = f"{frame}| NEURON | NEURON | CONNECTED |\n| DEVICE | CORES  | DEVICES   |\n{frame}"
    return head + "".join(f"| {number} | 2 | {connected} |\n" for number in range(count)) + frame


@check(
    "neuron.count",
    LS,
    scope="gpu",
    severity=Severity.REBOOT,
    expected="as many Trainium devices as the instance type has, all with the same number of cores",
    why="A job that asks for all cores of the node does not start, or another node waits for it.",
    remedy="reboot; if a device stays away, replace the node",
    cites=f"EC2 DescribeInstanceTypes, NeuronInfo; {GUIDE}neuron-ls.html",
    good=_example("1, 2, 3, 4", 16),
    bad=_example("1, 2, 3, 4", 15),
    on="trn1.32xlarge",
)
def count(rule: Rule, seen: list[Device], profile: Profile) -> Iterator[Finding]:
    cores = sorted({device.cores for device in seen})
    told = f"{len(seen)} devices with {' or '.join(map(str, cores))} cores"
    if profile.accelerators is None or profile.accelerator is None:
        yield rule.finding(Verdict.UNKNOWN, told, remedy="say what the node is: --instance")
        return
    each = (profile.accelerator.cores_per_accelerator, profile.accelerator.ranks_per_accelerator)
    good = len(seen) == profile.accelerators and len(cores) == 1 and cores[0] in each
    expected = f"{profile.accelerators} of a {profile.name}, with {' or '.join(map(str, sorted({*each})))} cores each"
    yield rule.finding(judged(good), told, expected=expected)


@check(
    "neuron.links",
    LS,
    scope="link",
    severity=Severity.REBOOT,
    expected="each device of a node with 16 is connected with as many others as it has NeuronLinks",
    why="Collectives within the node go over these, and fail or take another way where one is missing.",
    remedy="reboot; if the link stays away, replace the node",
    cites=f"{GUIDE}neuron-ls.html, topology of trn1.32xlarge and trn2.48xlarge: a torus of 4 by 4",
    good=_example("1, 2, 3, 4", 16),
    bad=_example("1, 2, 3, 4", 15).replace("| 0 | 2 | 1, 2, 3, 4 |", "| 0 | 2 | 1, 2, 3 |"),
    on="trn1.32xlarge",
)
def links(rule: Rule, seen: list[Device], profile: Profile) -> Iterator[Finding]:
    wanted = profile.accelerator.links if profile.accelerator else None
    if profile.accelerators != 16 or wanted is None:
        verdict = Verdict.UNKNOWN if profile.accelerators is None or wanted is None else Verdict.SKIP
        yield rule.finding(verdict, f"{len(seen)} devices, whose links are not known for this type")
        return
    for device in seen:
        told = f"connected with {', '.join(map(str, sorted(device.connected))) or 'none'}"
        good = len(device.connected) == wanted
        yield rule.finding(judged(good), told, expected=f"with {wanted} others", scope={"neuron": device.number})
    if len(seen) < profile.accelerators:
        yield rule.finding(Verdict.UNKNOWN, f"links of {len(seen)} devices, of {profile.accelerators}")


UNCORRECTED = ("mem_ecc_uncorrected", "sram_ecc_uncorrected")
REPAIRABLE = "mem_ecc_repairable_uncorrected"
"""An error of HBM that the device repairs when it starts anew. Neuron, Sysfs user guide; nrt_status.h, 1205."""
FAILURES = ("hw_error",)
"""Status of a core that only broken hardware gives. Neuron, Sysfs user guide, stats/status."""

_ROOT = "/sys/devices/virtual/neuron_device/neuron*"
_FILES = (
    f"{_ROOT}/core_count",
    # Counters are a file, or a folder with the file "total" in it.
    *(f"{_ROOT}/stats/hardware/{name}{end}" for name in (*UNCORRECTED, REPAIRABLE) for end in ("", "/total")),
    *(f"{_ROOT}/neuron_core*/stats/status/{name}/total" for name in FAILURES),
)


def parse_counters(lines: Lines) -> dict[str, dict[str, int]]:
    """Device -> counter -> errors since the driver was loaded; those of its cores are summed up."""
    files = read_files(lines, _FILES)
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path in files:
        place, value = PurePosixPath(path), only(files, path) or ""
        if not value.isdecimal():
            raise Unreadable(f"a number in {path}", value)
        name = place.parent.name if place.name == "total" else place.name
        found[place.parts[5]][name] += int(value)
    if not found:
        raise Unreadable("lines of /sys/devices/virtual/neuron_device")
    return {device: dict(counters) for device, counters in found.items()}


COUNTERS = Source(
    kind="neuron-counters",
    title="errors of the Trainium devices, as the driver counts them",
    part="neuron",
    level="quick",
    parse=parse_counters,
    files=_FILES,
    package=DRIVER,
)


def _counters(errors: int) -> str:
    folder = "/sys/devices/virtual/neuron_device/neuron0"
    names = (*UNCORRECTED, REPAIRABLE)
    return f"{folder}/core_count:2\n" + "".join(f"{folder}/stats/hardware/{name}:{errors}\n" for name in names)


@check(
    "neuron.errors",
    COUNTERS,
    scope="gpu",
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="no uncorrected error of memory since the driver was loaded, no hardware error of a core",
    why="An uncorrected error is a job that died, or a wrong result; the next job gets the same memory.",
    remedy="reboot, which repairs what can be repaired; if it comes back, replace the node",
    cites=f"{GUIDE}neuron-sysfs-user-guide.html; AWS eks-node-monitoring-agent, NEURON_HW_ERR",
    good=_counters(0),
    bad=_counters(1),
    on="trn1.2xlarge",
)
def errors(rule: Rule, seen: dict[str, dict[str, int]], profile: Profile) -> Iterator[Finding]:
    for device, counters in sorted(seen.items()):
        scope = {"neuron": device.removeprefix("neuron")}
        there = [f"{name} {value}" for name, value in counters.items() if name != "core_count"]
        told = ", ".join(there) or "no counters"
        if any(counters.get(name) for name in UNCORRECTED):
            yield rule.finding(Verdict.FAIL, told, scope=scope)
        elif counters.get(REPAIRABLE):
            yield replace(rule, severity=Severity.REBOOT).finding(Verdict.FAIL, told, scope=scope)
        elif lacking := [name for name in UNCORRECTED if name not in counters]:
            remedy = "driver 2.31 keeps them elsewhere: look at neuron-monitor, at level full"
            yield rule.finding(Verdict.UNKNOWN, f"{told}; not {', '.join(lacking)}", remedy=remedy, scope=scope)
        else:
            failed = any(counters.get(name) for name in FAILURES)
            yield rule.finding(Verdict.WARN if failed else Verdict.PASS, told, scope=scope)
    if profile.accelerators is None or len(seen) < profile.accelerators:
        yield rule.finding(Verdict.UNKNOWN, f"counters of {len(seen)} devices")
