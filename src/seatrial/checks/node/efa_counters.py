"""EFA's counters, as rates between two looks: what they have summed up since boot says nothing about now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import Files, only, read_looks, settings
from seatrial.checks.node.efa import INSTALLER, PCI_ID
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

BOUNDS = {
    "rx_drops": 100.0,
    "rdma_read_wr_err": 100.0,
    "rdma_write_wr_err": 100.0,
    "unresponsive_remote_events": 100.0,
    "impaired_remote_conn_events": 100.0,
    "retrans_timeout_events": 100.0,
    "retrans_pkts": 1000.0,
    "retrans_bytes": 1e6,
}
"""Counter -> per second, above which AWS's EKS node monitoring agent (51af549) raises an alarm."""
APART = (0.2, 3600.0)
"""Seconds between two looks of which a rate can be told: less is noise, more hides what lasted a minute."""

_FILES = ("/sys/class/infiniband/*/device/uevent", "/sys/class/infiniband/*/ports/*/hw_counters/*")


@dataclass(frozen=True, slots=True)
class Port:
    """Counter -> per second, of one port."""

    nic: str
    number: str
    rates: dict[str, float]
    doubtful: dict[str, str]
    """Counter -> why its rate cannot be told."""


def parse(lines: Lines) -> list[Port]:
    """Of the first look and the last."""
    looks = read_looks(lines, _FILES)
    first, last = looks[0], looks[-1]
    seconds = last.taken - first.taken
    if not APART[0] <= seconds <= APART[1]:
        raise Unreadable(f"two looks {APART[0]:g} s to {APART[1] / 3600:g} h apart", f"{seconds:.3f} s")
    before, after = _counters(first.files), _counters(last.files)
    return [
        _rates(nic, number, before.get((nic, number), {}), after.get((nic, number), {}), seconds)
        for nic, number in sorted(before.keys() | after.keys())
    ]


def _counters(files: Files) -> dict[tuple[str, str], dict[str, str]]:
    """Adapter and port -> counter -> value."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    adapters = {}
    for path, text in files.items():
        if path.endswith("/uevent"):
            adapters[path.split("/")[4]] = settings(text).get("PCI_ID")
    for path in files:
        place = PurePosixPath(path)
        if place.parent.name != "hw_counters":
            continue
        nic, number = place.parts[4], place.parts[6]
        if adapters.get(nic) is None:
            raise Unreadable(f"PCI_ID in /sys/class/infiniband/{nic}/device/uevent")
        if str(adapters[nic]).startswith(PCI_ID):
            found.setdefault((nic, number), {})[place.name] = only(files, path) or ""
    return found


def _rates(nic: str, number: str, before: dict[str, str], after: dict[str, str], seconds: float) -> Port:
    port = Port(nic, number, {}, {})
    for name in BOUNDS:
        old, new = before.get(name), after.get(name)
        if old is None and new is None:
            continue  # this driver does not offer it
        if old is None or new is None:
            port.doubtful[name] = "was there at one look only"
        elif not old.isdecimal() or not new.isdecimal():
            port.doubtful[name] = f"is no number: {old if not old.isdecimal() else new}"
        elif int(new) < int(old):  # 64 bits do not wrap within an hour: the device was reset
            port.doubtful[name] = f"fell from {old} to {new}: the device was reset"
        else:
            port.rates[name] = (int(new) - int(old)) / seconds
    return port


COUNTERS = Source(
    kind="efa-counters",
    title="counters of the EFA devices, looked at twice",
    part="efa",
    level="quick",
    parse=parse,
    files=_FILES,
    looks=2,
    package=INSTALLER,
)


def _example(drops: int) -> str:
    uevent = "/sys/class/infiniband/rdmap0s6/device/uevent:PCI_ID=1D0F:EFA0\n"
    place = "/sys/class/infiniband/rdmap0s6/ports/1/hw_counters/"
    looks = ((1000.0, 7), (1001.0, 7 + drops))
    return "".join(f"@ {at:.3f}\n{uevent}{place}rx_drops:{n}\n{place}tx_bytes:{n}\n" for at, n in looks)


@check(
    "efa.errors",
    COUNTERS,
    scope="nic",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="drops, retransmissions and errors below the rates at which AWS's EKS node agent raises an alarm",
    why="A link that drops or repeats packets slows each collective that crosses it, and no program says so.",
    remedy="look at the node at the other end as well; run check collectives, and replace the node that stays slow",
    cites="AWS eks-node-monitoring-agent 51af549, EFA monitor",
    good=_example(0),
    bad=_example(250),
    on="c5n.18xlarge",
)
def errors(rule: Rule, seen: list[Port], profile: Profile) -> Iterator[Finding]:
    offered = {name for port in seen for name in (*port.rates, *port.doubtful)}
    for port in seen:
        scope = {"nic": port.nic, "port": port.number}
        lacking = offered - port.rates.keys() - port.doubtful.keys()
        doubtful = port.doubtful | dict.fromkeys(sorted(lacking), "is there on other devices, and not on this one")
        for name, why in doubtful.items():
            yield rule.finding(Verdict.UNKNOWN, f"{name} {why}", scope=scope)
        above = {name: rate for name, rate in port.rates.items() if rate > BOUNDS[name]}
        for name, rate in above.items():
            yield rule.finding(
                Verdict.WARN, f"{name} {rate:,.0f}/s", expected=f"{BOUNDS[name]:,.0f}/s or less", scope=scope
            )
        if above or doubtful:
            continue
        absent = [name for name in BOUNDS if name not in port.rates]
        told = f"{len(port.rates)} counters below their bounds"
        told += f"; not offered by this driver: {', '.join(absent)}" if absent else ""
        yield rule.finding(Verdict.PASS if port.rates else Verdict.UNKNOWN, told, scope=scope)
    nics = len({port.nic for port in seen})
    if profile.efa is None or nics < profile.efa:
        expected = "" if profile.efa is None else f"those of {profile.efa}"
        yield rule.finding(Verdict.UNKNOWN, f"counters of {nics} devices", expected=expected)
