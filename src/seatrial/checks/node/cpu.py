"""A node's CPUs: as many as its type has, all at work, in their NUMA nodes, at full speed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import Files, read_files
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict


@dataclass(frozen=True, slots=True)
class Cpus:
    """What lscpu says."""

    total: int
    online: frozenset[int]
    threads: int
    sockets: int
    numa: dict[int, frozenset[int]]
    """NUMA node -> its CPUs."""


def parse(lines: Lines) -> Cpus:
    """``lscpu``, which indents some of its lines since util-linux 2.37."""
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not colon or not name:
            raise Unreadable("'NAME: VALUE' of lscpu", line)
        found.setdefault(name, value)
    nodes = _number(found, "NUMA node(s)")
    numa = {
        int(match[1]): cpu_list(value)
        for name, value in found.items()
        if (match := re.fullmatch(r"NUMA node(\d+) CPU\(s\)", name))
    }
    if len(numa) != nodes:
        raise Unreadable(f"the CPUs of {nodes} NUMA nodes of lscpu")
    if "On-line CPU(s) list" not in found:
        raise Unreadable("'On-line CPU(s) list: …' of lscpu")
    return Cpus(
        _number(found, "CPU(s)"),
        cpu_list(found["On-line CPU(s) list"]),
        _number(found, "Thread(s) per core"),
        # Arm's have clusters where firmware tells of no sockets, and then "-" of these.
        _number(found, "Socket(s)") if found.get("Socket(s)") != "-" else 1,
        numa,
    )


def _number(found: dict[str, str], name: str) -> int:
    if not found.get(name, "").isdecimal():
        raise Unreadable(f"'{name}: NUMBER' of lscpu", f"{name}: {found[name]}" if name in found else "")
    return int(found[name])


def cpu_list(text: str) -> frozenset[int]:
    """The kernel's way to write sets: ``0-3,8``. Raises Unreadable."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise Unreadable("a list such as 0-3,8", text)
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)


LSCPU = Source(
    kind="lscpu",
    title="CPUs and NUMA nodes",
    part="node",
    level="quick",
    parse=parse,
    command=("lscpu",),
    package="util-linux",
)
_LSCPU = """CPU(s):                  8
On-line CPU(s) list:     0-7
Thread(s) per core:      2
Socket(s):               1
NUMA node(s):            1
NUMA node0 CPU(s):       0-7
"""


@check(
    "node.cpus",
    LSCPU,
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="as many CPUs as the instance type has, all of them at work",
    why="Data loaders and communication threads of a rank wait for one another where CPUs are missing.",
    remedy="replace the node; with half of them, set ThreadsPerCore=2 in HyperPod's group or the launch template",
    cites="EC2 DescribeInstanceTypes, VCpuInfo; AzNHC, check_hw_cpuinfo",
    good=_LSCPU,
    bad=_LSCPU.replace("0-7", "0-5").replace("CPU(s):                  8", "CPU(s):                  6"),
    on="c5.2xlarge",
)
def cpus(rule: Rule, seen: Cpus, profile: Profile) -> Iterator[Finding]:
    told = f"{len(seen.online)} of {seen.total} CPUs at work, {seen.threads} threads a core, {seen.sockets} sockets"
    if profile.vcpus is None:
        yield rule.finding(Verdict.UNKNOWN, told, remedy="say what the node is: --instance")
        return
    expected = f"{profile.vcpus} of a {profile.name}"
    if len(seen.online) == profile.vcpus:
        yield rule.finding(Verdict.PASS, told, expected=expected)
    elif 2 * len(seen.online) == profile.vcpus and seen.threads == 1:
        yield rule.finding(Verdict.WARN, f"{told}: hyper-threading is off", expected=expected)
    else:
        yield rule.finding(Verdict.FAIL, told, expected=expected)


@check(
    "node.numa",
    LSCPU,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="each CPU at work belongs to a NUMA node, of which there are as many as sockets or more",
    why="Without them nobody can bind a rank to the memory and the network card beside its GPU.",
    remedy="switch NUMA on in the firmware, and take numa=off off the kernel's command line",
    cites="Linux, Documentation/admin-guide/mm/numaperf.rst",
    good=_LSCPU,
    bad=_LSCPU.replace("Socket(s):               1", "Socket(s):               2"),
    on="c5.2xlarge",
)
def numa(rule: Rule, seen: Cpus, profile: Profile) -> Iterator[Finding]:
    homeless = seen.online - frozenset().union(*seen.numa.values())
    told = f"{len(seen.numa)} NUMA nodes, {seen.sockets} sockets"
    if homeless:
        told += f", {len(homeless)} CPUs in none"
    good = not homeless and len(seen.numa) >= seen.sockets and bool(seen.online)
    yield rule.finding(Verdict.PASS if good else Verdict.WARN, told)


_GOVERNORS = ("/sys/devices/system/cpu/online", "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")


def parse_governors(lines: Lines) -> Files:
    """Files of `_GOVERNORS`."""
    files = read_files(lines, _GOVERNORS)
    if _GOVERNORS[0] not in files:
        raise Unreadable(_GOVERNORS[0])
    return files


GOVERNORS = Source(
    kind="cpu-governors",
    title="who chooses the frequency of the CPUs",
    part="node",
    level="quick",
    parse=parse_governors,
    files=_GOVERNORS,
    package="Linux",
)
_GOVERNOR = f"{_GOVERNORS[0]}:0\n{_GOVERNORS[1].replace('*', '0')}:performance\n"


@check(
    "node.governor",
    GOVERNORS,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="performance, where the kernel may choose",
    why="CPUs that sleep or slow down between kernels add their waking up to each launch.",
    remedy="cpupower frequency-set --governor performance",
    cites="AzNHC and Meta GCM, on CPU frequency; Linux, Documentation/admin-guide/pm/cpufreq.rst",
    good=_GOVERNOR,
    bad=_GOVERNOR.replace("performance", "powersave"),
    on="c5.2xlarge",
)
def governor(rule: Rule, seen: Files, profile: Profile) -> Iterator[Finding]:
    online = cpu_list(seen[_GOVERNORS[0]][0].strip())
    governors = {path: values[0].strip() for path, values in seen.items() if path != _GOVERNORS[0]}
    if not governors:
        yield rule.finding(Verdict.SKIP, "the kernel has no say in the frequency here: firmware or hypervisor choose")
        return
    others = sorted({value for value in governors.values() if value != "performance"})
    told = f"performance on {sum(value == 'performance' for value in governors.values())} of {len(online)} CPUs"
    if others:
        yield rule.finding(Verdict.WARN, f"{told}, else {', '.join(others)}")
    else:
        yield rule.finding(Verdict.PASS if len(governors) >= len(online) else Verdict.UNKNOWN, told)
