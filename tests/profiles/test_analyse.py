"""Where the time goes: traces made with an overlap that is known, against shares worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial import profiles
from seatrial.errors import UserError
from seatrial.profiles.figures import Figures, skew
from tests.profiles import made
from tests.profiles.made import ADAM, ADD, COPY, FLASH, GEMM, gather, kernel, span, step

RECORDED = [Path(__file__).with_name("recorded") / f"rank-{rank}.json.gz" for rank in (0, 1)]


def one(path: Path) -> Figures:
    [figures] = profiles.read([path]).ranks
    return figures


def micros(values):
    return {name: round(seconds * 1e6) for name, seconds in values.items() if round(seconds * 1e6)}


def two_steps():
    """Steps of 100 us each. In the first, hand-made:

    0-40 a product, 20-60 an all-gather (20 hidden, 20 not), 60-70 attention, 70-80 nothing, launched at 78;
    80-100 the optimizer, 90-95 a copy behind it. The second: 100-130 an elementwise kernel, 130-150 nothing, asked for
    before; 150-180 an all-gather alone, 180-200 a copy alone.
    """
    return [
        step(5, 0, 100),
        step(6, 100, 200),
        *kernel(GEMM, 0, 40, launched=-10),
        gather(20, 60),
        *kernel(FLASH, 60, 70, launched=2),
        *kernel(ADAM, 80, 100, launched=78),
        *kernel(ADD, 100, 130, launched=80),
        span("gpu_memcpy", COPY, 90, 95, 9),
        gather(150, 180, 3 << 20),
        span("gpu_memcpy", COPY, 180, 200, 9),
    ]


def test_each_moment_is_charged_once(tmp_path):
    figures = one(made.write(tmp_path / "t.json", two_steps()))
    assert (figures.kind, figures.rank, figures.label, figures.steps) == ("device", 3, "rank 3", (5, 6))
    assert micros(figures.time) == {
        "matrix product": 40, "attention": 10, "optimizer": 20, "other": 30,
        "communication": 50, "copy": 20, "idle": 30,
    }  # fmt: skip
    assert sum(figures.time.values()) == pytest.approx(figures.window) == pytest.approx(200e-6)
    assert micros(figures.busy)["communication"] == 70 and micros(figures.busy)["copy"] == 25
    assert figures.hidden == pytest.approx(20 / 70)
    assert micros(figures.waiting) == {"all_gather": 50}
    assert figures.step == pytest.approx(100e-6) and figures.compute == pytest.approx(100e-6)


def test_gaps_are_split_by_whether_the_host_had_asked(tmp_path):
    gaps = one(made.write(tmp_path / "t.json", two_steps())).gaps
    assert gaps.number == 2 and gaps.seconds == pytest.approx(30e-6) and gaps.longest == pytest.approx(20e-6)
    assert gaps.launch_bound == pytest.approx(8e-6)  # 70-78; the all-gather at 150 has no launch that is known


def test_messages_have_sizes_where_they_were_recorded(tmp_path):
    figures = one(made.write(tmp_path / "t.json", two_steps()))
    rows = [(m.operation, m.at_least, m.calls, m.bytes, round((m.seconds or 0) * 1e6)) for m in figures.messages]
    assert rows == [("all_gather", 2 << 20, 1, 2 << 20, 40), ("all_gather", 4 << 20, 1, 6 << 20, 30)]
    events = [span("kernel", made.GATHER, 0, 10, 20), *kernel(ADD, 0, 10)]
    bare = one(made.write(tmp_path / "bare.json", events))
    assert [(m.at_least, m.calls) for m in bare.messages] == [(None, 1)]
    assert bare.gaps.launch_bound is None and bare.steps == () and bare.window == pytest.approx(10e-6)


def test_kernels_are_ranked_by_their_time(tmp_path):
    events = [*kernel(GEMM, 0, 10), *kernel(ADD, 20, 50), *kernel(ADD, 60, 90)]
    found = one(made.write(tmp_path / "t.json", events)).kernels
    assert [(k.name, k.kind, k.calls, round(k.seconds * 1e6)) for k in found] == [
        (ADD, "other", 2, 60),
        (GEMM, "matrix product", 1, 10),
    ]


def test_what_a_device_does_after_the_last_step_began_it_belongs_to_it(tmp_path):
    figures = one(made.write(tmp_path / "t.json", [step(1, 0, 50), *kernel(GEMM, 10, 80, launched=5)]))
    assert figures.window == pytest.approx(80e-6) and micros(figures.time) == {"matrix product": 70, "idle": 10}


def test_memory_is_kept_by_its_peaks(tmp_path):
    told = {"Total Allocated": 0, "Device Type": 1}
    moments = [
        {"ph": "i", "name": "[memory]", "ts": n, "args": told | {"Total Allocated": n % 997}} for n in range(5000)
    ]
    moments += [{"ph": "i", "name": "[memory]", "ts": 7, "args": {"Total Allocated": 10**9, "Device Type": 0}}]
    figures = one(made.write(tmp_path / "t.json", [step(1, 0, 5000), *kernel(GEMM, 0, 9), *moments]))
    assert len(figures.memory) == 400 and figures.peak_memory == 996  # of the device, not of its host


def test_a_trace_of_a_host_is_charged_by_its_operators(tmp_path):
    """10-30 a product inside its linear (5-35); 20-60 an all-reduce on gloo's thread, with a view of its own inside."""
    events = [
        step(1, 0, 100),
        span("cpu_op", "aten::linear", 5, 35, 1),
        span("cpu_op", "aten::mm", 10, 30, 1),
        span("user_annotation", "gloo:all_reduce", 20, 60, 2)
        | {"args": {"Input type": ["float"], "Input Dims": [[1000, 1000]]}},
        span("cpu_op", "aten::view", 40, 50, 2),
        span("user_annotation", "Optimizer.step#AdamW.step", 70, 95, 1),
        span("cpu_op", "aten::_foreach_mul_", 75, 85, 1),
        span("cpu_op", "c10d::allreduce_", 18, 20, 1),
    ]
    figures = one(made.write(tmp_path / "t.json", events, rank=None))
    assert figures.kind == "host" and figures.label == "t.json"
    assert micros(figures.time) == {"matrix product": 30, "communication": 25, "optimizer": 10, "idle": 35}
    assert [(m.operation, m.bytes) for m in figures.messages] == [("all_reduce", 4_000_000)]
    assert figures.hidden == pytest.approx(15 / 40) and figures.gaps.launch_bound is None


def test_a_step_that_is_given_its_loss_as_a_closure_is_not_all_the_optimizers(tmp_path):
    """As Composer does it: forward and backward pass run inside Optimizer.step."""
    events = [
        step(1, 0, 100),
        span("user_annotation", "Optimizer.step#AdamW.step", 0, 100, 1),
        span("cpu_op", "aten::mm", 0, 40, 1),
        span("cpu_op", "autograd::engine::evaluate_function: MmBackward0", 40, 80, 2),
        span("cpu_op", "aten::mm", 45, 75, 2),
        span("cpu_op", "aten::_fused_adamw_", 80, 95, 1),
    ]
    figures = one(made.write(tmp_path / "t.json", events))
    assert micros(figures.time) == {"matrix product": 70, "optimizer": 15, "idle": 15}


def test_a_copy_beside_communication_is_communication(tmp_path):
    events = [gather(0, 40), span("gpu_memcpy", COPY, 30, 60, 9)]
    assert micros(one(made.write(tmp_path / "t.json", events)).time) == {"communication": 40, "copy": 20}


def test_a_launch_that_clocks_put_behind_its_kernel_costs_no_more_than_the_gap(tmp_path):
    events = [*kernel(GEMM, 0, 10, launched=0), *kernel(ADD, 20, 30, launched=500)]
    assert one(made.write(tmp_path / "t.json", events)).gaps.launch_bound == pytest.approx(10e-6)


def test_a_recorded_trace_of_two_ranks():
    """What stands in the files, counted with grep."""
    found = profiles.read(RECORDED)
    assert [(f.rank, f.steps, f.kind, f.events, f.unread) for f in found.ranks] == [
        (0, (3,), "host", 4093, ""),
        (1, (3,), "host", 4093, ""),
    ]
    for figures in found.ranks:
        assert sum(figures.time.values()) == pytest.approx(figures.window)
        assert figures.time["matrix product"] > 0 < figures.time["attention"] and figures.time["optimizer"] > 0
        assert [name for name, _ in figures.calls] == ["all_gather", "all_gather", "all_reduce", "all_reduce"]
        # 869,504 parameters in fp32: half of them go into the all-gather, and their gradients are summed whole
        sizes = [(m.operation, m.at_least, m.calls, m.bytes) for m in figures.messages if m.bytes > 1000]
        assert sizes == [("all_gather", 1 << 20, 1, 869_504 // 2 * 4), ("all_reduce", 2 << 20, 1, 869_504 * 4)]
    assert skew(found.ranks).waits  # the collectives match


def ranks(tmp_path, *traces):
    return profiles.read([made.write(tmp_path / f"r{n}.json", t, n) for n, t in enumerate(traces)])


def test_ranks_are_matched_by_the_order_of_their_collectives(tmp_path):
    """Rank 1 computes 30 longer, so rank 0 waits for it in its first gather; the second takes both as long."""
    quick = [step(1, 0, 100), *kernel(GEMM, 0, 20), gather(20, 60), gather(60, 70)]
    slow = [step(1, 0, 100), *kernel(GEMM, 0, 50), gather(50, 60), gather(60, 70)]
    found = ranks(tmp_path, quick, slow)
    apart = skew(found.ranks)
    assert micros(apart.waits) == {"rank 0": 30}
    assert apart.slowest == "rank 1" and apart.spread == pytest.approx(0.6)
    [finding] = [f for f in found.findings if f.check == "profile.skew"]
    assert (finding.verdict, finding.observed) == ("WARN", "rank 0 waits 30 % of the step in collectives for rank 1")


def test_ranks_that_call_other_collectives_are_not_matched(tmp_path):
    found = ranks(tmp_path, [*kernel(GEMM, 0, 20), gather(20, 60)], [*kernel(GEMM, 0, 20)])
    assert skew(found.ranks).waits == {} and skew(found.ranks[:1]) is None
    [finding] = [f for f in found.findings if f.check == "profile.skew"]
    assert finding.verdict == "UNKNOWN"


def test_figures_survive_their_file(tmp_path):
    folder = tmp_path / "profiles"
    folder.mkdir()
    trace = made.write(folder / "rank-0.json", two_steps())
    first = profiles.of_run(tmp_path, keep=True)
    noted = folder / profiles.KEPT
    assert noted.is_file()
    noted.write_text(noted.read_text().replace('"label": "rank 3"', '"label": "noted"'))
    assert profiles.of_run(tmp_path).ranks[0].label == "noted"
    made.write(trace, [*two_steps(), *kernel(GEMM, 300, 400)])  # another file: read again
    again = profiles.of_run(tmp_path)
    assert again.ranks[0].label == "rank 3" and again.ranks[0].window > first.ranks[0].window
    noted.write_text("{")
    assert profiles.of_run(tmp_path).ranks == again.ranks


def test_noted_figures_are_equal_to_those_that_were_noted(tmp_path):
    (tmp_path / "profiles").mkdir()
    made.write(tmp_path / "profiles" / "rank-0.json", two_steps())
    assert profiles.of_run(tmp_path, keep=True) == profiles.of_run(tmp_path)


def test_a_run_without_profiles_has_none(tmp_path):
    assert profiles.of_run(tmp_path) is None
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / ".rank-0.json.gz.json").write_text("{")  # being written
    (tmp_path / "profiles" / "rank-0.nsys-rep").write_text("")
    assert profiles.of_run(tmp_path) is None


def test_one_broken_file_of_several_is_noted(tmp_path):
    good = made.write(tmp_path / "good.json", two_steps())
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    found = profiles.read([good, bad])
    assert len(found.ranks) == 1 and "bad.json: is no trace" in found.unread[0]
    with pytest.raises(UserError, match="is no trace"):
        profiles.read([bad])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.nsys-rep", b"", "only Nsight Systems reads its own reports"),
        ("r.json", b'{"traceEvents": [{"ph": "M", "name": "x"}]}', "holds no kernel and no operator among 1 events"),
        ("r.sqlite", b"SQLite format 3\x00 and no more", "is no whole SQLite file"),
        ("missing.json", None, "No such file"),
    ],
)
def test_files_that_are_no_profiles_are_refused(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=says):
        profiles.read([tmp_path / name])
