"""Network interfaces, real and virtual, between two looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.node import links
from seatrial.findings import Verdict, overall
from tests.checks.node.trees import seen, write
from tests.checks.test_checks import CHECKS, judged


def interface(root: Path, name: str, *, virtual: bool = False, **facts: str) -> None:
    values = {"flags": "0x1003", "operstate": "up", "carrier_changes": "1", "mtu": "9001"} | facts
    write(root, **{f"sys/class/net/{name}/{key}": f"{value}\n" for key, value in values.items()})
    for counter in ("rx_packets", "tx_packets", "rx_errors", "tx_errors"):
        write(root, **{f"sys/class/net/{name}/statistics/{counter}": "5\n"})
    if not virtual:
        write(root, **{f"sys/class/net/{name}/device/uevent": "DRIVER=ena\n"})


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"operstate": "unknown"}, Verdict.PASS),
        ({"operstate": "down"}, Verdict.FAIL),
        ({"operstate": "dormant"}, Verdict.FAIL),
        ({"operstate": "down", "flags": "0x1002"}, Verdict.UNKNOWN),
        ({"carrier_changes": "<Invalid argument>"}, Verdict.UNKNOWN),
    ],
)
def test_interfaces(tmp_path, facts, verdict):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    interface(tmp_path, "ens5", **facts)
    interface(tmp_path, "docker0", virtual=True, operstate="down")
    source = replace(links.LINKS, apart=0.0)
    assert overall(seen("node.links", tmp_path, source=source)) is verdict


def test_links_between_two_looks():
    good = CHECKS["node.links"].rule.good
    at = good.index("@ 1001")
    first, second = good[:at], good[at:]
    flaps = first + second.replace("carrier_changes:2", "carrier_changes:4")
    assert overall(judged(CHECKS["node.links"], flaps)) is Verdict.WARN
    for errors, verdict in ((10, Verdict.PASS), (11, Verdict.WARN)):
        text = first + second.replace("rx_errors:0", f"rx_errors:{errors}")
        assert overall(judged(CHECKS["node.link-errors"], text)) is verdict
    gone = first + second.replace("ens5", "ens6")
    assert overall(judged(CHECKS["node.links"], gone)) is Verdict.UNKNOWN
    fell = first + second.replace("carrier_changes:2", "carrier_changes:1")
    assert overall(judged(CHECKS["node.links"], fell)) is Verdict.UNKNOWN
