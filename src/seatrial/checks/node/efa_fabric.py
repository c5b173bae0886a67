"""EFA as programs see it: through libfabric, which NCCL uses, and through the verbs below it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.node.efa import INSTALLER, counted
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

_FIELDS = ("provider", "fabric", "domain", "version", "type", "protocol")
NO_DATA = "fi_getinfo: -61"
"""What fi_info says where no provider has a device: ENODATA of <linux/errno.h>."""
NO_DEVICES = ("No IB devices found", "Failed to get IB devices list: Function not implemented")
"""What ibv_devinfo says where there is none, and where the kernel has no ib_uverbs. rdma-core, ibv_devinfo.c."""
VENDOR, PARTS = 0x1D0F, range(0xEFA0, 0xEFB0)
"""Amazon, and its EFA devices: 0xefa0 to 0xefa3 so far. Driver efa r3.1.0, efa_main.c."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One block of fi_info."""

    provider: str
    fabric: str
    domain: str
    version: str
    type: str
    protocol: str

    @property
    def device(self) -> str:
        """The adapter behind it: a domain is named rdmap16s27-rdm and, for datagrams, rdmap16s27-dgrm."""
        return re.sub(r"-(rdm|dgrm)$", "", self.domain)


def parse_endpoints(lines: Lines) -> list[Endpoint]:
    """The blocks of ``fi_info``; none where it says that there is no device."""
    found: list[Endpoint] = []
    block: list[str] = []
    for line in lines:
        text = line.strip()
        if not text:
            continue
        if text.startswith(NO_DATA) and not found and not block:
            return [] if not any(rest.strip() for rest in lines) else _unexpected("nothing behind it", text)
        name, colon, value = text.partition(": ")
        if not colon or name != _FIELDS[len(block)]:
            raise Unreadable(f"'{_FIELDS[len(block)]}: …' of fi_info", line)
        block.append(value.strip())
        if len(block) == len(_FIELDS):
            found.append(Endpoint(*block))
            block = []
    if block or not found:
        raise Unreadable(f"'{_FIELDS[len(block)]}: …' of fi_info")
    return found


def _unexpected(expected: str, line: str) -> list[Endpoint]:
    raise Unreadable(expected, line)


FI_INFO = Source(
    kind="fi-info",
    title="EFA devices that libfabric offers",
    part="efa",
    level="quick",
    parse=parse_endpoints,
    command=("fi_info", "-p", "efa"),
    package=INSTALLER,
    errors=True,
)
_BLOCK = """provider: efa
    fabric: efa
    domain: rdmap0s6-rdm
    version: 118.10
    type: FI_EP_RDM
    protocol: FI_PROTO_EFA
"""


@check(
    "efa.libfabric",
    FI_INFO,
    scope="nic",
    severity=Severity.REBOOT,
    expected="an endpoint of type RDM on each EFA device of the instance type",
    why="NCCL reaches EFA through libfabric, and without it falls back to TCP at a fraction of the bandwidth.",
    remedy="install the EFA installer's libfabric; in a container mount /dev/infiniband; then reboot",
    cites="libfabric, man 7 fi_efa; aws-ofi-nccl, README",
    good=_BLOCK,
    bad="fi_getinfo: -61 (No data available)\n",
    on="c5n.18xlarge",
)
def libfabric(rule: Rule, seen: list[Endpoint], profile: Profile) -> Iterator[Finding]:
    offers = defaultdict(set)
    for endpoint in seen:
        if endpoint.provider == "efa":
            offers[endpoint.device].add((endpoint.fabric, endpoint.type))
    usable = {device for device, kinds in offers.items() if any(kind == "FI_EP_RDM" for _, kind in kinds)}
    yield from counted(rule, len(usable), profile, "devices with an RDM endpoint")
    every = set().union({("efa", "FI_EP_RDM")}, *offers.values())  # libfabric 2 lists efa-direct beside it
    for device, kinds in offers.items():
        if kinds != every:
            lacks = ", ".join(sorted(f"{kind} of fabric {fabric}" for fabric, kind in every - kinds))
            yield rule.finding(Verdict.FAIL, f"lacks {lacks}, which others have", scope={"nic": device})


@dataclass(frozen=True, slots=True)
class Device:
    """One adapter of ibv_devinfo."""

    name: str
    facts: dict[str, str]
    ports: dict[str, str]
    """Number -> state."""

    @property
    def is_efa(self) -> bool:
        return int(self.facts["vendor_id"], 0) == VENDOR and int(self.facts["vendor_part_id"]) in PARTS


def parse_devices(lines: Lines) -> list[Device]:
    """What ``ibv_devinfo`` lists; none where it says that there is no device."""
    found: list[Device] = []
    number = ""
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if line.strip() in NO_DEVICES and not found:
            return []
        if not line.strip():
            continue
        if not colon or not value or (name != "hca_id" and not found):
            raise Unreadable("'hca_id: …' and its lines 'name: value' of ibv_devinfo", line)
        if name == "hca_id":
            found.append(Device(value, {}, {}))
        elif name == "port":
            number = value
            found[-1].ports[number] = ""
        elif name == "state" and number in found[-1].ports:
            found[-1].ports[number] = value
        else:
            found[-1].facts[name] = value
    for device in found:
        _whole(device)
    if not found:
        raise Unreadable("'hca_id: …' of ibv_devinfo")
    return found


def _whole(device: Device) -> None:
    """Raises Unreadable for a device of which not all is there."""
    for name, shape in (("vendor_id", "0x[0-9a-f]+"), ("vendor_part_id", "[0-9]+"), ("phys_port_cnt", "[0-9]+")):
        if not re.fullmatch(shape, device.facts.get(name, "")):
            raise Unreadable(f"{name} of {device.name}")
    if len(device.ports) != int(device.facts["phys_port_cnt"]) or not all(device.ports.values()):
        raise Unreadable(f"{device.facts['phys_port_cnt']} ports of {device.name}, each with a state")


IBV_DEVINFO = Source(
    kind="ibv-devinfo",
    title="EFA devices that the verbs library offers",
    part="efa",
    level="full",
    parse=parse_devices,
    command=("ibv_devinfo",),
    package="ibverbs-utils or libibverbs-utils",
    errors=True,
)
_DEVICE = """hca_id:\trdmap0s6
\ttransport:\t\t\tunspecified (4)
\tvendor_id:\t\t\t0x1d0f
\tvendor_part_id:\t\t\t61344
\tphys_port_cnt:\t\t\t1
\t\tport:\t1
\t\t\tstate:\t\t\tPORT_ACTIVE (4)
"""


@check(
    "efa.verbs",
    IBV_DEVINFO,
    scope="nic",
    severity=Severity.REBOOT,
    expected="each EFA device of the instance type, with its ports active",
    why="A device that cannot be opened by its verbs is not there for libfabric and NCCL.",
    remedy="install rdma-core of the EFA installer; in a container mount /dev/infiniband; then reboot",
    cites="rdma-core, man 1 ibv_devinfo; AWS's EFA guide",
    good=_DEVICE,
    bad=_DEVICE.replace("PORT_ACTIVE (4)", "PORT_DOWN (1)"),
    on="c5n.18xlarge",
)
def verbs(rule: Rule, seen: list[Device], profile: Profile) -> Iterator[Finding]:
    devices = [device for device in seen if device.is_efa]
    yield from counted(rule, len(devices), profile, "devices")
    yield from _ports(rule, devices)


def _ports(rule: Rule, devices: Iterable[Device]) -> Iterator[Finding]:
    for device in devices:
        for number, state in device.ports.items():
            scope = {"nic": device.name, "port": number}
            yield rule.finding(judged(state == "PORT_ACTIVE (4)"), state, scope=scope)
