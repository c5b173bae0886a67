"""Formulas, the line through a sweep, baselines, and what is written reads as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from seatrial.checks.collectives import baselines, formulas, judging, nccl_tests_json, nccl_tests_text, rules
from seatrial.checks.collectives.baselines import Baseline, nearest, of_runs, own, published
from seatrial.checks.collectives.fit import of_sweep
from seatrial.checks.collectives.recording import record
from seatrial.checks.collectives.sweep import Row, Sweep, Timing, sizes
from seatrial.checks.collectives.writing import Setting, statistics, to_json, to_text
from seatrial.errors import UserError
from seatrial.findings import Verdict
from seatrial.forecast import bus
from seatrial.hardware.instances import instance

KEY = ("p5.48xlarge", 2, 16, "all_reduce")


@pytest.mark.parametrize(
    ("operation", "factor"),
    [
        ("all_reduce", 1.75),
        ("all_gather", 0.875),
        ("reduce_scatter", 0.875),
        ("all_to_all", 0.875),
        ("gather", 0.875),
        ("scatter", 0.875),
        ("broadcast", 1.0),
        ("reduce", 1.0),
        ("sendrecv", 1.0),
        ("hypercube", 1.0),
    ],
)
def test_bus_bandwidth_of_8_ranks_is_nccl_tests_own(operation, factor):
    assert bus.factor(operation, 8) == factor
    share = 0.875 if operation == "hypercube" else 1.0
    assert bus.bandwidth(operation, 8, 10**9, 1.0) == pytest.approx(factor * share)


def test_names_of_programs_are_operations():
    names = ("/opt/nccl-tests/build/all_reduce_perf", "alltoall_perf", "allg", "redsct", "sendrecv_perf", "all_to_some")
    assert [*map(formulas.operation, names)] == [
        "all_reduce",
        "all_to_all",
        "all_gather",
        "reduce_scatter",
        "sendrecv",
        "",
    ]


def test_sizes_step_by_a_factor_or_by_bytes():
    assert sizes(8, 100, by_factor=2) == [8, 16, 32, 64]
    assert sizes(8, 16, by_bytes=4) == [8, 12, 16]
    assert sizes(8, 7, by_factor=2) == [] and sizes(8, 8, by_bytes=0) == [8]


# --- writing


def sweep(*, in_place: bool = True) -> Sweep:
    rows = []
    for size in sizes(8, 2**24, by_factor=8):
        seconds = 100e-6 + size / 3e9
        busbw = bus.bandwidth("all_reduce", 4, size, seconds)
        timing = Timing(
            time_us=seconds * 1e6,
            algbw=busbw / 1.5,
            busbw=busbw,
            wrong=0,
            iterations_us=tuple(seconds * 1e6 * share for share in (0.9, 1.0, 1.1)),
        )
        place = {"in_place" if in_place else "out_of_place": timing}
        rows.append(Row(size=size, count=size // 4, type="float", redop="sum", **place))
    return Sweep(
        tool="torch.distributed",
        operation="all_reduce",
        ranks=4,
        hosts=("a", "a", "b", "b"),
        rows=rows,
        planned=len(rows),
        checked=True,
        out_of_bounds=0,
        concluded=True,
        average=1.25,
        versions={"torch": "2.13.0"},
    )


SETTING = Setting(
    min_bytes=8,
    max_bytes=2**24,
    step_factor=8,
    warmup=1,
    iterations=3,
    validation=True,
    pids=(11, 12, 13, 14),
    device="cpu (x)",
    instance_type="p5.48xlarge",
    started="2026-11-28 22:10:00",
    ended="2026-11-28 22:11:00",
)


@pytest.mark.parametrize("in_place", [True, False])
def test_what_is_written_is_read_as_it_was(in_place):
    made = sweep(in_place=in_place)
    [text] = nccl_tests_text.parse(to_text(made, SETTING).splitlines(True))
    [document] = nccl_tests_json.parse(to_json(made, SETTING))
    for found in (text, document):
        assert (found.operation, found.ranks, found.nodes, found.planned) == ("all_reduce", 4, 2, len(made.rows))
        assert found.doubt() == "" and found.checked and found.out_of_bounds == 0
        for a, b in zip(found.rows, made.rows, strict=True):
            assert (a.size, a.count, a.type, a.redop, a.root) == (b.size, b.count, b.type, b.redop, b.root)
            assert (a.out_of_place is None) == (b.out_of_place is None)
            assert a.main.time_us == pytest.approx(b.main.time_us, rel=1e-3)
            assert a.main.busbw == pytest.approx(b.main.busbw, abs=0.01)
        for judge, rule in ((judging.data, rules.DATA), (judging.arithmetic, rules.DATA)):
            assert [finding.verdict for finding in judge(rule, found)] == [Verdict.PASS]
    assert document.rows[0].main.iterations_us == made.rows[0].main.iterations_us
    assert of_sweep(document) == of_sweep(made)
    line = json.loads(to_json(made, SETTING))["seatrial"]["fit"]
    assert line["alpha_us"] == pytest.approx(100) and line["beta_gbps"] == pytest.approx(3 * 1.5)  # on the bus


def test_percentiles_are_nccl_tests_own():
    told = statistics([float(n) for n in range(100, 0, -1)])
    assert (told["min_us"], told["max_us"], told["p50_us"], told["p95_us"], told["p99_us"]) == (1, 100, 51, 95, 99)
    assert statistics([3.0])["p99_us"] == 3.0 and statistics([3.0])["cv_pct"] == 0


# --- baselines


def test_every_published_baseline_names_its_source_and_an_instance_type():
    assert len(published()) == 63
    for baseline in published():
        assert baseline.source and baseline.busbw_gbps > 0 and baseline.operation in formulas.OPERATIONS
        assert baseline.ranks <= baseline.nodes * instance(baseline.instance_type).accelerators


def test_a_baseline_is_found_at_its_own_size_only():
    [exact] = nearest(published(), KEY, 2**34)
    assert exact.busbw_gbps == 487
    [near] = nearest(published(), KEY, 16 * 10**9)
    assert near == exact
    assert nearest(published(), KEY, 2**33) == () and nearest(published(), KEY, 0) == ()
    assert nearest(published(), (KEY[0], 4, 32, KEY[3]), 2**34) == ()
    assert nearest(published(), (*KEY[:3], "all_to_all"), 2**34) == ()


def test_sources_that_disagree_are_both_told():
    key = ("p6-b300.48xlarge", 2, 16, "all_reduce")
    assert sorted(b.busbw_gbps for b in nearest(published(), key, 2**23)) == [90.24, 100]
    made = sweep()
    made.hosts, made.ranks = tuple("a" * 8 + "b" * 8), 16
    for busbw, verdict in ((96.0, Verdict.PASS), (90.0, Verdict.WARN), (80.0, Verdict.FAIL)):
        timing = Timing(time_us=1.0, algbw=1.0, busbw=busbw)
        made.rows, made.planned = [Row(size=2**23, count=2**21, type="float", in_place=timing)], 1
        [finding] = judging.speed(rules.SPEED, made, key[0])
        assert finding.verdict is verdict
        assert "90.24 (awslabs" in finding.expected and "100 (GPUDirect" in finding.expected


def test_ones_own_are_made_of_three_runs_kept_and_replaced(tmp_path):
    path = tmp_path / baselines.FILE
    assert own(path) == ()
    runs = [{8: 1.0, 2**20: 100.0}, {8: 1.1, 2**20: 104.0}, {8: 0.9, 2**20: 98.0, 2**21: 1.0}]
    made = of_runs(KEY, runs, "runs a, b, c", "2026-11-28", "nccl 2.28.9")
    assert [(b.size_bytes, b.busbw_gbps, b.runs) for b in made] == [(8, 1.0, 3), (2**20, 100.0, 3)]
    assert made[1].spread == pytest.approx(0.06)
    baselines.keep(path, made)
    baselines.keep(path, [replace(made[1], busbw_gbps=90.0)])
    assert [b.busbw_gbps for b in own(path)] == [1.0, 90.0]
    assert all(a.size_bytes <= b.size_bytes for a, b in pairwise(own(path)))
    with pytest.raises(UserError, match="2 runs; 3 or more"):
        of_runs(KEY, runs[:2], "", "", "")
    path.write_text("[{]")
    with pytest.raises(UserError, match="cannot be read"):
        own(path)


def test_a_baseline_without_a_source_cannot_be_made():
    with pytest.raises(TypeError):
        Baseline(instance_type="x", nodes=1, ranks=1, operation="all_reduce", size_bytes=1, busbw_gbps=1.0)


def left(root: Path, name: str, made: Sweep) -> Path:
    folder = root / name / "collectives"
    folder.mkdir(parents=True)
    (folder / "all_reduce_perf.json").write_text(to_json(made, SETTING))
    return folder.parent


def test_runs_become_baselines(tmp_path):
    made = record([left(tmp_path, name, sweep()) for name in "abc"])
    assert len(made) == len(sweep().rows)
    first = made[-1]
    assert first.key == ("p5.48xlarge", 2, 4, "all_reduce") and first.runs == 3 and first.spread == 0
    assert (first.source, first.date, first.versions) == ("own runs a, b, c", "2026-11-28", "torch 2.13.0")


def test_no_baseline_rests_on_few_runs_wrong_data_or_half_a_sweep(tmp_path):
    wrong, half, unchecked = sweep(), sweep(), sweep()
    wrong.out_of_bounds = 1
    half.rows.pop()
    with pytest.raises(UserError) as caught:
        record([left(tmp_path, name, made) for name, made in (("a", sweep()), ("w", wrong), ("h", half))])
    said = "\n".join(map(str, caught.value.problems))
    assert "1 wrong elements" in said and "7 of 8 sizes" in said and "1 runs; 3 or more" in said
    folder = left(tmp_path, "u", unchecked)
    (folder / "collectives/all_reduce_perf.json").write_text(to_json(unchecked, replace(SETTING, validation=False)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        record([folder, tmp_path / "empty"])
    assert "nobody looked" in str(caught.value) and "no collective operation" in str(caught.value)
