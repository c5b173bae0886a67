"""The collector of EFA's counters, on trees as the driver makes them."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.observe.catalogue import METRICS
from seatrial.observe.exporter.collectors.efa import Efa
from tests.observe.exporter import sysfs
from tests.observe.exporter.reading import names, samples, value

OLD = """
lifespan rdma_read_bytes rdma_read_resp_bytes rdma_read_wr_err rdma_read_wrs rdma_write_bytes rdma_write_recv_bytes
rdma_write_wr_err rdma_write_wrs recv_bytes recv_wrs rx_bytes rx_drops rx_pkts send_bytes send_wrs tx_bytes tx_pkts
impaired_remote_conn_events retrans_bytes retrans_pkts retrans_timeout_events unresponsive_remote_events
"""
"""The 23 that the exporter had which this replaces, with labels device and port."""


@pytest.mark.parametrize("devices", [2, 32])
def test_every_counter_of_every_device_is_told(tmp_path: Path, devices: int) -> None:
    for number in range(devices):
        sysfs.device(tmp_path, f"rdmap{number}s0", value=1000 * number)
    collected = Efa(tmp_path).collect()
    found = samples(collected.families)
    assert collected.problems == ()
    assert len(found) == devices * (len(sysfs.NAMES) + 4)
    for number in range(devices):
        for index, name in enumerate(sysfs.NAMES):
            port = {"port": "1"} if sysfs.NAMES[name] else {}
            key = f"node_amazonefa_{name}", frozenset({"device": f"rdmap{number}s0", **port}.items())
            assert found[key] == 1000 * number + index
    assert {f"node_amazonefa_{name}" for name in OLD.split()} <= names(found)
    assert value(found, "node_amazonefa_info", device="rdmap0s0") == 1


def test_the_port_has_its_state_and_rate(tmp_path: Path) -> None:
    folder = sysfs.device(tmp_path)
    (folder / "ports/1/state").write_text("1: DOWN\n")
    (folder / "ports/1/phys_state").write_text("3: Disabled\n")
    (folder / "ports/1/rate").write_text("2.5 Gb/sec (1X SDR)\n")
    found = samples(Efa(tmp_path).collect().families)
    assert value(found, "node_amazonefa_state_id", device="rdmap0s0", port="1") == 1
    assert value(found, "node_amazonefa_physical_state_id", device="rdmap0s0", port="1") == 3
    assert value(found, "node_amazonefa_rate_bytes_per_second", device="rdmap0s0", port="1") == 2.5e9 / 8


def test_values_are_read_anew_and_may_go_back(tmp_path: Path) -> None:
    folder, efa = sysfs.device(tmp_path), Efa(tmp_path)
    for now in (5, 2**64 - 1, 3, 0):  # it counts, as far as it can; wraps, or was reset
        sysfs.path(folder, "tx_bytes").write_text(f"{now}\n")
        assert f'node_amazonefa_tx_bytes{{device="rdmap0s0",port="1"}} {now}\n' in efa.collect().families.values()


def test_a_counter_that_only_this_driver_has_is_told_too(tmp_path: Path) -> None:
    folder = sysfs.device(tmp_path)
    (folder / "ports/1/hw_counters/brand_new").write_text("7\n")
    collected = Efa(tmp_path).collect()
    assert value(samples(collected.families), "node_amazonefa_brand_new", port="1") == 7
    assert "node_amazonefa_brand_new" not in METRICS and collected.problems == ()


def test_a_counter_that_is_not_offered_is_absent_and_no_problem(tmp_path: Path) -> None:
    folder = sysfs.device(tmp_path)
    sysfs.path(folder, "retrans_bytes").unlink()
    collected = Efa(tmp_path).collect()
    assert "node_amazonefa_retrans_bytes" not in collected.families and collected.problems == ()


@pytest.mark.parametrize("text", ["", "\n", "-1", "1 2", "0x10", "12a", "nan", "18446744073709551616", "9" * 200, "٣"])
def test_garbage_is_a_problem_and_no_value(tmp_path: Path, text: str) -> None:
    folder = sysfs.device(tmp_path)
    sysfs.path(folder, "rx_drops").write_text(text)
    collected = Efa(tmp_path).collect()
    assert "node_amazonefa_rx_drops" not in collected.families
    assert len(collected.problems) == 1 and "rx_drops" in collected.problems[0]
    assert value(samples(collected.families), "node_amazonefa_rx_bytes", device="rdmap0s0") is not None


@pytest.mark.parametrize("file", ["state", "phys_state", "rate"])
def test_a_port_that_does_not_say_how_it_is(tmp_path: Path, file: str) -> None:
    folder = sysfs.device(tmp_path)
    (folder / "ports/1" / file).write_text("fine, thanks\n")
    other = sysfs.device(tmp_path, "rdmap1s0")
    (other / "ports/1" / file).unlink()
    collected = Efa(tmp_path).collect()
    assert [problem.split("infiniband/")[1] for problem in collected.problems] == [
        f"rdmap0s0/ports/1/{file}: b'fine, thanks' cannot be understood",
        f"rdmap1s0/ports/1/{file}: No such file or directory",
    ]


def test_devices_come_and_go(tmp_path: Path) -> None:
    sysfs.device(tmp_path, "rdmap0s0")
    unplugged, efa = sysfs.device(tmp_path, "rdmap1s0"), Efa(tmp_path)
    assert len(names(samples(efa.collect().families))) == len(sysfs.NAMES) + 4
    files = len(os.listdir("/proc/self/fd"))
    shutil.rmtree(unplugged)
    found = samples(efa.collect().families)
    assert {dict(labels)["device"] for _, labels in found} == {"rdmap0s0"}
    assert len(os.listdir("/proc/self/fd")) == files - len(sysfs.NAMES)
    sysfs.device(tmp_path, "rdmap1s0", value=1)
    assert value(samples(efa.collect().families), "node_amazonefa_info", device="rdmap1s0") == 1


def test_a_device_of_the_same_name_is_read_anew(tmp_path: Path) -> None:
    folder, efa = sysfs.device(tmp_path, value=1000), Efa(tmp_path)
    efa.collect()
    shutil.rmtree(folder)
    folder = sysfs.device(tmp_path, value=0)
    sysfs.path(folder, "tx_bytes").write_text("4\n")
    assert value(samples(efa.collect().families), "node_amazonefa_tx_bytes", device="rdmap0s0") == 4


def test_a_device_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (sysfs.device(tmp_path, "rdmap0s0") / "device/vendor").unlink()
    shutil.rmtree(sysfs.device(tmp_path, "rdmap1s0") / "ports")
    sysfs.device(tmp_path, "rdmap2s0")
    collected = Efa(tmp_path).collect()
    assert [problem.partition("infiniband/")[2] for problem in collected.problems] == [
        "rdmap0s0: No such file or directory",
        "rdmap1s0: No such file or directory",
    ]
    assert {dict(labels)["device"] for _, labels in samples(collected.families)} == {"rdmap2s0"}


def test_an_adapter_of_somebody_else_is_not_told(tmp_path: Path) -> None:
    sysfs.device(tmp_path, "mlx5_0", vendor="0x15b3")
    collected = Efa(tmp_path).collect()
    assert collected.families == {} and collected.problems == ()


def test_without_a_driver_that_is_said(tmp_path: Path) -> None:
    collected = Efa(tmp_path).collect()
    assert collected.families == {} and "is the driver loaded?" in collected.problems[0]


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sysfs.device(tmp_path_factory.mktemp("sys"))


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=40), counter=st.sampled_from(sorted(sysfs.NAMES)))
def test_whatever_a_file_holds_is_a_count_or_a_problem(device: Path, content: bytes, counter: str) -> None:
    before = sysfs.path(device, counter).read_bytes()
    sysfs.path(device, counter).write_bytes(content)
    collected = Efa(device.parents[2]).collect()
    sysfs.path(device, counter).write_bytes(before)
    told = value(samples(collected.families), f"node_amazonefa_{counter}", device="rdmap0s0")
    if told is None:
        assert len(collected.problems) == 1
    else:
        assert collected.problems == () and math.isclose(told, int(content))
