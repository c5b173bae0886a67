"""Network interfaces of the node: up, steady, and without errors between two looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import Files, Look, only, read_looks
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

BAD_SHARE = 0.01
"""Of packets that may be errors. node_exporter's mixin, NodeNetworkReceiveErrs and NodeNetworkTransmitErrs."""
IFF_UP = 1
"""Flag of an interface that somebody wants to be up. <linux/if.h>"""

_KERNEL = "/proc/sys/kernel/osrelease"
_FACTS = ("flags", "operstate", "carrier_changes", "mtu")
_COUNTERS = ("rx_packets", "tx_packets", "rx_errors", "tx_errors")
_FILES = (
    _KERNEL,
    "/sys/class/net/*/device/uevent",  # which virtual interfaces lack
    *(f"/sys/class/net/*/{name}" for name in _FACTS),
    *(f"/sys/class/net/*/statistics/{name}" for name in _COUNTERS),
)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface with a device behind it."""

    name: str
    wanted: bool
    state: str
    mtu: int
    changes: int
    """Times that its carrier came or went between the looks."""
    packets: int
    """Between the looks, as are errors."""
    errors: int


def parse(lines: Lines) -> list[Link]:
    """Of the first look and the last."""
    looks = read_looks(lines, _FILES)
    first, last = (_numbers(look) for look in (looks[0], looks[-1]))
    if first.keys() != last.keys():
        raise Unreadable("the same interfaces at both looks", ", ".join(sorted(first.keys() ^ last.keys())))
    found = []
    for name, new in last.items():
        old = first[name]
        delta = {key: new[key] - old[key] for key in ("carrier_changes", *_COUNTERS)}
        if min(delta.values()) < 0:
            raise Unreadable(f"counters of {name} that do not fall")
        state = only(looks[-1].files, f"/sys/class/net/{name}/operstate") or ""
        packets, errors = (delta[f"rx_{what}"] + delta[f"tx_{what}"] for what in ("packets", "errors"))
        wanted = bool(new["flags"] & IFF_UP)
        found.append(Link(name, wanted, state, new["mtu"], delta["carrier_changes"], packets, errors))
    return found


def _numbers(look: Look) -> dict[str, dict[str, int]]:
    files: Files = look.files
    if _KERNEL not in files:
        raise Unreadable(f"{_KERNEL} at each look")
    every = {path.split("/")[4] for path in files if path.startswith("/sys/class/net/")}
    found: dict[str, dict[str, int]] = {}
    for name in sorted(every):
        if f"/sys/class/net/{name}/device/uevent" not in files:
            continue
        found[name] = {}
        if not only(files, f"/sys/class/net/{name}/operstate"):
            raise Unreadable(f"/sys/class/net/{name}/operstate at each look")
        for key in ("flags", "carrier_changes", "mtu", *(f"statistics/{counter}" for counter in _COUNTERS)):
            value = only(files, f"/sys/class/net/{name}/{key}") or ""
            try:
                found[name][key.rpartition("/")[2]] = int(value, 0)
            except ValueError:
                raise Unreadable(f"a number in /sys/class/net/{name}/{key}", value) from None
    return found


LINKS = Source(
    kind="links",
    title="network interfaces, looked at twice",
    part="node",
    level="quick",
    parse=parse,
    files=_FILES,
    looks=2,
    package="Linux",
)


def _example(state: str = "up", changes: int = 0, errors: int = 0) -> str:
    text = ""
    for at in (0, 1):
        values = {"flags": "0x1003", "operstate": state, "carrier_changes": 2 + at * changes, "mtu": 9001}
        counters = {"rx_packets": 1000 * at, "tx_packets": 0, "rx_errors": errors * at, "tx_errors": 0}
        values |= {f"statistics/{name}": value for name, value in counters.items()}
        text += f"@ {1000 + at}.000\n{_KERNEL}:6.1.0\n/sys/class/net/ens5/device/uevent:DRIVER=ena\n"
        text += "".join(f"/sys/class/net/ens5/{name}:{value}\n" for name, value in values.items())
    return text


@check(
    "node.links",
    LINKS,
    scope="link",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="each interface that is configured is up, and stays so between two looks",
    why="Ranks find one another, and reach storage, over these; one that comes and goes ends as a time-out.",
    remedy="look at the kernel's log for the interface; reboot; replace the node if it stays down",
    cites="Linux, Documentation/ABI/testing/sysfs-class-net; NVSentinel, NIC monitor, on carrier changes",
    good=_example(),
    bad=_example(state="down"),
)
def links(rule: Rule, seen: list[Link], profile: Profile) -> Iterator[Finding]:
    wanted = [link for link in seen if link.wanted]
    for link in wanted:
        scope = {"link": link.name}
        if link.changes:
            yield rule.finding(Verdict.WARN, f"its carrier changed {link.changes} times between two looks", scope=scope)
            continue
        up = link.state in ("up", "unknown")  # drivers that cannot tell say unknown, and are then up
        yield rule.finding(judged(up), f"{link.state}, MTU {link.mtu}", scope=scope)
    if not wanted:
        yield rule.finding(Verdict.UNKNOWN, "no interface with a device behind it is configured")


@check(
    "node.link-errors",
    LINKS,
    scope="link",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=f"errors on {BAD_SHARE:.0%} of packets or fewer between two looks",
    why="Packets that are sent again make storage and the start of jobs slow.",
    remedy="look at ethtool -S of the interface; replace the node if it goes on",
    cites="node_exporter's mixin, NodeNetworkReceiveErrs and NodeNetworkTransmitErrs",
    good=_example(),
    bad=_example(errors=50),
)
def link_errors(rule: Rule, seen: list[Link], profile: Profile) -> Iterator[Finding]:
    for link in seen:
        bad = link.errors > BAD_SHARE * max(link.packets, 1)
        told = f"{link.errors} errors on {link.packets} packets"
        yield rule.finding(Verdict.WARN if bad else Verdict.PASS, told, scope={"link": link.name})
