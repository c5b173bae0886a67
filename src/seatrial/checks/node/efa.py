"""EFA as the kernel shows it: devices on the PCI bus, their driver, their ports, their files for programs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import Files, only, read_files, settings
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

PCI_ID = "1D0F:EFA"
"""How vendor and device of every EFA begin: 0xefa0 to 0xefa3 so far. Driver efa r3.1.0, efa_main.c."""
INSTALLER = "the EFA installer: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html"

_FILES = (
    "/sys/bus/pci/devices/*/uevent",
    "/sys/class/infiniband/*/device/uevent",
    "/sys/class/infiniband/*/ports/*/state",
    "/sys/class/infiniband/*/ports/*/phys_state",
    "/sys/class/infiniband/*/ports/*/rate",
)
_RATE = re.compile(r"(\d+(?:\.\d+)?) Gb/sec \(.+\)")


@dataclass(frozen=True, slots=True)
class Adapter:
    """An EFA that the kernel offers to programs."""

    name: str
    slot: str
    ports: dict[str, dict[str, str]]
    """Number -> state, phys_state and rate, as far as they could be read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The EFAs of a node."""

    slots: dict[str, str]
    """Place on the PCI bus -> driver; empty: none has taken it."""
    adapters: list[Adapter]


def parse(lines: Lines) -> Seen:
    """EFAs alone: other adapters for RDMA are passed over, as a p6-b200 has two of."""
    files = read_files(lines, _FILES)
    slots, adapters = {}, []
    for path, text in files.items():
        folder = PurePosixPath(path).parent
        if path.startswith("/sys/bus/pci/"):
            device = settings(text)
            if _is_efa(device):
                slots[folder.name] = device.get("DRIVER", "")
        elif path.endswith("/device/uevent"):
            device = settings(text)
            if _is_efa(device):
                name = folder.parent.name
                adapters.append(Adapter(name, device.get("PCI_SLOT_NAME", ""), _ports(files, name)))
    if not any(path.startswith("/sys/bus/pci/") for path in files):
        raise Unreadable("lines of /sys/bus/pci/devices/*/uevent")
    return Seen(slots, adapters)


def _is_efa(device: dict[str, str]) -> bool:
    if "PCI_ID" not in device and "PCI_SLOT_NAME" in device:
        raise Unreadable(f"the PCI_ID of {device['PCI_SLOT_NAME']}")
    return device.get("PCI_ID", "").startswith(PCI_ID)


def _ports(files: Files, name: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in files:
        if path.startswith(f"/sys/class/infiniband/{name}/ports/"):
            place = PurePosixPath(path)
            found.setdefault(place.parent.name, {})[place.name] = only(files, path) or ""
    return found


DEVICES = Source(
    kind="efa-devices",
    title="EFA devices of the kernel: their place, driver and ports",
    part="efa",
    level="quick",
    parse=parse,
    files=_FILES,
    package=INSTALLER,
)

_GOOD = """/sys/bus/pci/devices/0000:00:06.0/uevent:DRIVER=efa
/sys/bus/pci/devices/0000:00:06.0/uevent:PCI_ID=1D0F:EFA0
/sys/bus/pci/devices/0000:00:06.0/uevent:PCI_SLOT_NAME=0000:00:06.0
/sys/class/infiniband/rdmap0s6/device/uevent:DRIVER=efa
/sys/class/infiniband/rdmap0s6/device/uevent:PCI_ID=1D0F:EFA0
/sys/class/infiniband/rdmap0s6/device/uevent:PCI_SLOT_NAME=0000:00:06.0
/sys/class/infiniband/rdmap0s6/ports/1/state:4: ACTIVE
/sys/class/infiniband/rdmap0s6/ports/1/phys_state:5: LinkUp
/sys/class/infiniband/rdmap0s6/ports/1/rate:100 Gb/sec (4X EDR)
"""
_NONE = """/sys/bus/pci/devices/0000:00:05.0/uevent:DRIVER=ena
/sys/bus/pci/devices/0000:00:05.0/uevent:PCI_ID=1D0F:EC20
"""


@check(
    "efa.count",
    DEVICES,
    scope="nic",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    severity=Severity.MONITOR,
    expected="as many EFA devices on the PCI bus as the instance type has",
    why="A job over fewer devices than the other nodes have runs at the pace of the fewest.",
    remedy="attach an EFA to every network card in the launch template; if it has them, replace the node",
    cites="EC2 DescribeInstanceTypes, MaximumEfaInterfaces; checks of HyperPod and of AWS's EKS node agent",
    good=_GOOD,
    bad=_NONE,
    on="c5n.18xlarge",
)
def count(rule: Rule, seen: Seen, profile: Profile) -> Iterator[Finding]:
    yield from counted(rule, len(seen.slots), profile, "EFA devices")


def counted(rule: Rule, found: int, profile: Profile, what: str) -> Iterator[Finding]:
    """Whether there are as many as the instance type has."""
    if profile.efa is None:
        yield rule.finding(Verdict.UNKNOWN, f"{found} {what}", remedy="say what the node is: --instance")
        return
    verdict = Verdict.WARN if found > profile.efa and Verdict.WARN in rule.verdicts else judged(found == profile.efa)
    yield rule.finding(verdict, f"{found} {what}", expected=f"{profile.efa} of a {profile.name}")


def _none(rule: Rule, profile: Profile) -> Finding:
    remedy = "say what the node is: --instance" if profile.efa is None else ""
    return rule.finding(Verdict.UNKNOWN, "there is no EFA device", remedy=remedy)


@check(
    "efa.driver",
    DEVICES,
    scope="nic",
    severity=Severity.REBOOT,
    expected="the driver efa has taken each device and offers it to programs",
    why="A device without a driver is not there for libfabric, and NCCL uses fewer or falls back to TCP.",
    remedy="load the module efa (modprobe efa); if that does not help, install the driver anew and reboot",
    cites="Linux, Documentation/ABI/testing/sysfs-bus-pci; AWS's EFA guide, 'Install the EFA software'",
    good=_GOOD,
    bad="/sys/bus/pci/devices/0000:00:06.0/uevent:PCI_ID=1D0F:EFA0\n",
    on="c5n.18xlarge",
)
def driver(rule: Rule, seen: Seen, profile: Profile) -> Iterator[Finding]:
    offered = Counter(adapter.slot for adapter in seen.adapters)
    for slot, name in seen.slots.items():
        taken = name == "efa" and offered[slot] == 1
        told = f"driver {name}, offered {offered[slot]} times" if name else "no driver"
        yield rule.finding(judged(taken), told if not taken else "driver efa", scope={"pci": slot})
    for slot in offered.keys() - seen.slots.keys():
        yield rule.finding(Verdict.UNKNOWN, "not seen on the PCI bus", scope={"pci": slot})
    if not seen.slots and not offered:
        yield _none(rule, profile)


@check(
    "efa.port",
    DEVICES,
    scope="nic",
    severity=Severity.REBOOT,
    expected="ACTIVE and LinkUp",
    why="Nothing is sent over a port that is down, and collectives wait for their time-out.",
    remedy="reboot; if the port stays down, replace the node",
    cites="Linux, Documentation/ABI/stable/sysfs-class-infiniband",
    good=_GOOD,
    bad=_GOOD.replace("4: ACTIVE", "1: DOWN").replace("5: LinkUp", "3: Disabled"),
    on="c5n.18xlarge",
)
def port(rule: Rule, seen: Seen, profile: Profile) -> Iterator[Finding]:
    for adapter in seen.adapters:
        for number, values in sorted(adapter.ports.items()):
            scope = {"nic": adapter.name, "port": number}
            state, physical = values.get("state"), values.get("phys_state")
            if not state or not physical:
                yield rule.finding(Verdict.UNKNOWN, "its state could not be read", scope=scope)
                continue
            good = (state, physical) == ("4: ACTIVE", "5: LinkUp")
            yield rule.finding(judged(good), f"{state}, {physical}", scope=scope)
        if not adapter.ports:
            yield rule.finding(Verdict.UNKNOWN, "shows no port", scope={"nic": adapter.name})
    if not seen.adapters:
        yield _none(rule, profile)


@check(
    "efa.rate",
    DEVICES,
    scope="nic",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="the line rate of the instance type's network, shared among its EFA devices",
    why="A link that came up slower is a bandwidth that no setting brings back.",
    remedy="update the driver efa to 2.13 or newer, which tells the true rate; if it stays low, replace the node",
    cites="EC2 DescribeInstanceTypes, NetworkPerformance; notes of driver efa: link speed is told since 2.13",
    good=_GOOD,
    bad=_GOOD.replace("100 Gb/sec (4X EDR)", "25 Gb/sec (1X EDR)"),
    on="c5n.18xlarge",
)
def rate(rule: Rule, seen: Seen, profile: Profile) -> Iterator[Finding]:
    instance = profile.instance
    total = instance.network_gbps if instance and instance.efa_interfaces else None
    line = total / instance.efa_interfaces if instance and total else None
    for adapter in seen.adapters:
        for number, values in sorted(adapter.ports.items()):
            scope = {"nic": adapter.name, "port": number}
            match = _RATE.fullmatch(values.get("rate", ""))
            told = values.get("rate") or "no rate"
            if match is None or line is None:
                yield rule.finding(Verdict.UNKNOWN, told, scope=scope)
                continue
            verdict = Verdict.PASS if float(match[1]) >= line else Verdict.WARN
            yield rule.finding(verdict, told, expected=f"{line:g} Gb/s or more", scope=scope)
    if not any(adapter.ports for adapter in seen.adapters):
        yield _none(rule, profile)
