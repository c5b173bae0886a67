"""EFA: a fake /sys is looked at as the real one is, and what libfabric and the verbs print is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.collecting import collect, look
from seatrial.checks.judging import judge
from seatrial.checks.node.efa_counters import BOUNDS, COUNTERS
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Severity, Verdict, overall
from tests.checks.test_checks import CHECKS, judged

RECORDED = Path(__file__).parents[1] / "recorded"
P4D = Profile.of("p4d.24xlarge")


def fake(root: Path, nics: int = 4, **ports: str) -> None:
    """A node with EFA as Linux shows it: links from the class to the devices, and one adapter of another vendor."""
    values = {"state": "4: ACTIVE", "phys_state": "5: LinkUp", "rate": "100 Gb/sec (4X EDR)"} | ports
    (root / "sys/class/infiniband").mkdir(parents=True)
    (root / "sys/bus/pci/devices").mkdir(parents=True)
    for number in range(nics + 1):
        slot, name = f"0000:{16 + number}:00.0", f"rdmap{16 + number}s0" if number < nics else "mlx5_0"
        device = root / f"sys/devices/pci0000:00/{slot}"
        port = device / f"infiniband/{name}/ports/1"
        (port / "hw_counters").mkdir(parents=True)
        pci = ("efa", "1D0F:EFA1") if number < nics else ("mlx5_core", "15B3:1021")
        (device / "uevent").write_text(f"DRIVER={pci[0]}\nPCI_ID={pci[1]}\nPCI_SLOT_NAME={slot}\n")
        (root / f"sys/bus/pci/devices/{slot}").symlink_to(device)
        (root / f"sys/class/infiniband/{name}").symlink_to(port.parents[1])
        (port.parents[1] / "device").symlink_to(device)
        for key, value in values.items():
            (port / key).write_text(f"{value}\n")
        for counter in (*BOUNDS, "tx_bytes", "lifespan"):
            (port / "hw_counters" / counter).write_text("12\n")


def seen(kind: str, root: Path, profile: Profile = P4D) -> dict[str, list[Verdict]]:
    checks = [check for check in CHECKS.values() if check.source.kind == kind]
    findings = judge(checks, collect([checks[0].source], profile, root), profile)
    return {check.id: [f.verdict for f in findings if f.check == check.id] for check in checks}


def test_a_healthy_node(tmp_path):
    fake(tmp_path)
    found = seen("efa-devices", tmp_path)
    assert {id: overall([*map(_as_finding, verdicts)]) for id, verdicts in found.items()} == dict.fromkeys(
        ("efa.count", "efa.driver", "efa.port", "efa.rate"), Verdict.PASS
    )
    assert len(found["efa.port"]) == 4, "the other vendor's adapter is no EFA"


def _as_finding(verdict: Verdict):
    return CHECKS["node.nvme"].rule.finding(verdict, "x")


def test_faults_of_the_devices(tmp_path):
    fake(tmp_path, nics=3)
    assert seen("efa-devices", tmp_path)["efa.count"] == [Verdict.FAIL]
    uevent = tmp_path / "sys/devices/pci0000:00/0000:16:00.0/uevent"
    uevent.write_text(uevent.read_text().replace("DRIVER=efa\n", ""))
    assert Counter(seen("efa-devices", tmp_path)["efa.driver"]) == {Verdict.PASS: 2, Verdict.FAIL: 1}
    (tmp_path / "sys/class/infiniband/rdmap17s0").unlink()
    assert Counter(seen("efa-devices", tmp_path)["efa.driver"]) == {Verdict.PASS: 1, Verdict.FAIL: 2}


@pytest.mark.parametrize(
    ("ports", "rule", "verdict"),
    [
        ({"state": "1: DOWN"}, "efa.port", Verdict.FAIL),
        ({"phys_state": "3: Disabled"}, "efa.port", Verdict.FAIL),
        ({"state": ""}, "efa.port", Verdict.UNKNOWN),
        ({"rate": "50 Gb/sec (2X EDR)"}, "efa.rate", Verdict.WARN),
        ({"rate": "fast"}, "efa.rate", Verdict.UNKNOWN),
    ],
)
def test_faults_of_the_ports(tmp_path, ports, rule, verdict):
    fake(tmp_path, **ports)
    assert set(seen("efa-devices", tmp_path)[rule]) == {verdict}


def test_a_node_of_a_type_without_efa_is_not_asked_and_one_of_no_known_type_is_unknown(tmp_path):
    fake(tmp_path)
    assert seen("efa-devices", tmp_path, Profile.of("c5.2xlarge"))["efa.count"] == [Verdict.SKIP]
    assert seen("efa-devices", tmp_path, NOT_KNOWN)["efa.count"] == [Verdict.UNKNOWN]


# --- counters


def counted(root: Path, changes: dict[str, str], profile: Profile = P4D) -> list[tuple[Verdict, str]]:
    """What is found where the first adapter's counters change between two looks."""
    first = look(replace(COUNTERS, apart=0.0), root)
    assert first.text.count("@ ") == 2
    one = first.text[first.text.index("@ ", 1) :].partition("\n")[2]
    two = one
    for name, value in changes.items():
        place = f"/sys/class/infiniband/rdmap16s0/ports/1/hw_counters/{name}"
        two = two.replace(f"{place}:12\n", f"{place}:{value}\n" if value else "")
    text = f"@ 100.000\n{one}@ 101.000\n{two}"
    return [(f.verdict, f.observed) for f in judged(CHECKS["efa.errors"], text, profile)]


def test_counters_are_rates_and_what_they_summed_up_before_is_no_fault(tmp_path):
    fake(tmp_path)
    assert [verdict for verdict, _ in counted(tmp_path, {"tx_bytes": "99999999999"})] == [Verdict.PASS] * 4
    for name, bound in BOUNDS.items():
        at, above = (counted(tmp_path, {name: str(12 + int(bound) + more)}) for more in (0, 1))
        assert [verdict for verdict, _ in at] == [Verdict.PASS] * 4
        assert above[0][0] is Verdict.WARN and name in above[0][1]


@pytest.mark.parametrize(("value", "said"), [("3", "reset"), ("", "one look"), ("<Invalid argument>", "no number")])
def test_a_counter_that_falls_goes_or_is_none_is_unknown(tmp_path, value, said):
    fake(tmp_path)
    [first, *others] = counted(tmp_path, {"rx_drops": value})
    assert first[0] is Verdict.UNKNOWN and said in first[1]
    assert {verdict for verdict, _ in others} == {Verdict.PASS}


def test_a_counter_that_an_old_driver_does_not_offer_is_told_and_never_zero(tmp_path):
    fake(tmp_path)
    for path in tmp_path.glob("sys/devices/*/*/infiniband/*/ports/1/hw_counters/retrans_*"):
        path.unlink()
    [first, *_] = counted(tmp_path, {})
    assert first[0] is Verdict.PASS and "not offered by this driver: retrans_timeout_events" in first[1]
    for path in tmp_path.glob("sys/devices/*/*/infiniband/rdmap16s0/ports/1/hw_counters/rx_drops"):
        path.unlink()
    [first, *_] = counted(tmp_path, {})
    assert first[0] is Verdict.UNKNOWN and "on other devices" in first[1]


def test_a_device_without_counters_is_missed(tmp_path):
    fake(tmp_path, nics=3)
    assert counted(tmp_path, {})[-1] == (Verdict.UNKNOWN, "counters of 3 devices")


@pytest.mark.parametrize("second", ["100.010", "99.000", "9999.000"])
def test_looks_must_be_some_time_apart(second):
    text = CHECKS["efa.errors"].rule.good.replace("1001.000", second)
    assert overall(judged(CHECKS["efa.errors"], text)) is Verdict.UNKNOWN


# --- libfabric and verbs


def read(kind: str, name: str, profile: Profile) -> list:
    [check] = [check for check in CHECKS.values() if check.source.kind == kind]
    path = RECORDED / kind / f"{name}.txt"
    return judge([check], [Observation(kind=kind, origin=name, path=path, foreign=True)], profile)


@pytest.mark.parametrize("name", ["p4d-libfabric-1", "p4d-libfabric-2"])
def test_devices_are_counted_and_not_blocks(name):
    [found] = read("fi-info", name, P4D)
    assert (found.verdict, found.observed) == (Verdict.PASS, "4 devices with an RDM endpoint")
    text = (RECORDED / f"fi-info/{name}.txt").read_text()
    blocks = ["provider" + block for block in text.split("provider")[1:]]
    check = CHECKS["efa.libfabric"]
    for number in range(len(blocks)):
        less = "".join(blocks[:number] + blocks[number + 1 :])
        assert overall(judged(check, less, P4D)) is not Verdict.PASS, blocks[number]
    for prefix in prefixes(text, len(text) - 1):
        assert overall(judged(check, prefix, P4D)) is not Verdict.PASS
    [torn] = judged(check, text[: text.rindex("    type")], P4D)
    assert torn.verdict is Verdict.UNKNOWN and "type" in torn.observed


def prefixes(text: str, end: int) -> list[str]:
    """Those that end with a line, and each of the last lines'."""
    return [text[:at] for at in range(end) if text[at - 1 : at] == "\n" or at > end - 100]


def test_no_device_for_libfabric_is_a_fault_where_there_should_be_some():
    [found] = read("fi-info", "none", P4D)
    assert (found.verdict, found.severity) == (Verdict.FAIL, Severity.REBOOT)
    assert read("fi-info", "none", NOT_KNOWN)[0].verdict is Verdict.UNKNOWN


def test_verbs_are_those_of_efa_alone():
    assert {f.verdict for f in read("ibv-devinfo", "p4d", P4D)} == {Verdict.PASS}
    p6 = read("ibv-devinfo", "beside-others", Profile.of("p6-b200.48xlarge"))
    assert {f.verdict for f in p6} == {Verdict.PASS} and len(p6) == 9
    for name in ("none", "no-driver"):
        assert [f.verdict for f in read("ibv-devinfo", name, P4D)] == [Verdict.FAIL]


def test_half_of_what_the_verbs_print_is_no_pass():
    text = (RECORDED / "ibv-devinfo/p4d.txt").read_text()
    whole = text.rindex("\t\t\tmax_mtu")
    for prefix in prefixes(text, whole):
        assert overall(judged(CHECKS["efa.verbs"], prefix, P4D)) is not Verdict.PASS


def test_files_for_programs():
    check = CHECKS["efa.uverbs"]
    line = "crw-rw-rw- 1 root root 231, {} Nov 28 12:00 uverbs{}\n"
    text = "total 0\ncrw-rw-rw- 1 root root 10, 58 Nov 28 12:00 rdma_cm\n"
    text += "".join(line.format(192 + n, n) for n in range(4))
    assert [f.verdict for f in judged(check, text, P4D)] == [Verdict.PASS]
    assert [f.verdict for f in judged(check, text.replace("-rw-rw-", "-rw----", 2), P4D)] == [Verdict.WARN]
    absent = "/usr/bin/ls: cannot access '/dev/infiniband': No such file or directory\n"
    assert [f.verdict for f in judged(check, absent, P4D, status=2)] == [Verdict.FAIL]
