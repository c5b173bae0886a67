"""Exports of Nsight Systems: the same step as in a trace of torch.profiler gives the same figures."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from seatrial import profiles
from seatrial.errors import UserError
from tests.profiles import made
from tests.profiles.made import ADD, GATHER, GEMM
from tests.profiles.test_analyse import micros

KERNELS = [
    (0, 40_000, 7, GEMM, -9_000, 0),
    (20_000, 60_000, 20, GATHER, 1_000, 0),
    (80_000, 100_000, 7, ADD, 75_000, 0),
    (100_000, 110_000, 9, "Memcpy", 3_000, 0),
]
RANGES = [
    (0, 120_000, "ProfilerStep#7", None),
    (900, 1_100, "ncclAllGather", '{"Message size [bytes]": 4194304}'),
    (1_200, 1_300, "ncclAllReduce", '{"other": 1}'),
]


def test_an_export_is_charged_like_a_trace(tmp_path):
    path = made.export(tmp_path / "profile_1_rank_12_on_node.sqlite", kernels=KERNELS, ranges=RANGES)
    [figures] = profiles.read([path]).ranks
    assert (figures.tool, figures.kind, figures.rank, figures.steps) == ("nsys", "device", 12, (7,))
    assert figures.window == pytest.approx(120e-6)
    wanted = {"matrix product": 40, "communication": 20, "other": 20, "copy": 10, "idle": 30}
    assert micros(figures.time) == wanted
    assert figures.gaps.launch_bound == pytest.approx(15e-6)  # 60-75 of 60-80
    assert micros(figures.waiting) == {"all_gather": 20}
    sizes = [(m.operation, m.at_least, m.bytes, m.seconds) for m in figures.messages]
    assert sizes == [("all_gather", 4 << 20, 4 << 20, None), ("all_reduce", None, 0, None)]
    assert figures.calls == ()  # when the host called says nothing about how long it took


def test_each_device_of_a_node_is_a_profile_of_its_own(tmp_path):
    kernels = [(0, 10_000, 7, GEMM, None, 0), (0, 90_000, 7, GEMM, None, 1)]
    found = profiles.read([made.export(tmp_path / "node-0.sqlite", kernels=kernels)]).ranks
    assert [(f.label, f.rank, round(f.window * 1e6)) for f in found] == [("device 0", None, 10), ("device 1", None, 90)]
    assert found[0].gaps.launch_bound is None


def test_columns_that_a_version_lacks_are_done_without(tmp_path):
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER)")
        file.execute("CREATE TABLE NVTX_EVENTS (start INTEGER, end INTEGER, textId INTEGER)")
        file.execute("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (0, 5000)")
        file.execute("INSERT INTO NVTX_EVENTS VALUES (0, NULL, NULL)")
        file.commit()
    [figures] = profiles.read([path]).ranks
    assert micros(figures.time) == {"other": 5}


def test_a_database_that_tells_of_no_kernel_is_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE StringIds (id INTEGER, value TEXT)")
        file.commit()
    with pytest.raises(UserError, match="tells of no kernel"):
        profiles.read([path])


def test_an_export_that_is_cut_off_says_so(tmp_path):
    kernels = [(n, n + 1, 7, GEMM, n, 0) for n in range(3000)]
    path = made.export(tmp_path / "cut.sqlite", kernels=kernels)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="is no whole SQLite file"):
        profiles.read([path])
