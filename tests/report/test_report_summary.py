"""What a summary says of runs that went well, badly, or hardly at all."""

import json
import math
import random

import pytest

from seatrial.errors import UserError
from seatrial.events import CheckpointSaved, RunEnd, RunStart
from seatrial.findings import Finding, Verdict
from seatrial.report.summary import summarise
from seatrial.runs import State


def test_figures_of_a_whole_run(make_run, story):
    summary = summarise(make_run(story.whole_run()), story.FINDINGS)
    assert (summary.state, summary.verdict, summary.steps_done, summary.steps_planned) == (
        State.COMPLETED,
        Verdict.WARN,
        40,
        40,
    )
    assert [finding.verdict for finding in summary.findings] == ["WARN", "PASS", "PASS", "SKIP"]
    # 40 steps less the first two of either attempt; steps 21 to 27 were repeated and count once.
    assert len(summary.series) == 40 and len(summary.steady) == 36
    assert summary.throughput == pytest.approx(4096 / 0.1, rel=0.02)
    assert summary.mfu["full"] == pytest.approx(summary.throughput * 8.2e6 / (2 * 5e11))
    assert sum(summary.phases.values()) == pytest.approx(0.1, rel=0.02)
    assert [attempt.outcome for attempt in summary.attempts] == [None, "completed"]
    assert (len(summary.saved), len(summary.restarts), len(summary.validations)) == (2, 1, 2)
    assert summary.stall_seconds == pytest.approx(0.08)
    assert {measure.name: measure.slowest for measure in summary.ranks} == {"data_wait": 1, "busy": 1, "cpu": 0}
    assert summary.notes == ()


def test_throughput_is_by_time_without_warm_up_and_with_the_wait_for_data(make_run, story):
    summary = summarise(make_run(story.steps_only([9.0, 5.0, 0.1, 0.2, 0.6])), [])
    assert summary.throughput == pytest.approx(3 * 4096 / 0.9) and summary.step_seconds == pytest.approx(0.3)


def test_a_line_weighs_as_much_as_the_steps_that_it_stands_for(make_run, story):
    """Phases add up to the step, also where not every step is logged."""
    events = [(0.0, story.start()), *((float(n), story.step(n, seconds=0.01 * n)) for n in (1, 2, 3, 10))]
    summary = summarise(make_run(events), [])
    assert summary.steady_steps == 8 and summary.step_seconds == pytest.approx((0.03 + 7 * 0.1) / 8)
    assert sum(summary.phases.values()) == pytest.approx(summary.step_seconds)


def test_a_run_without_events(make_run):
    summary = summarise(make_run([]), [])
    assert (summary.state, summary.verdict, summary.start, summary.throughput) == (
        State.LOST,
        Verdict.UNKNOWN,
        None,
        None,
    )
    assert (summary.stall_seconds, summary.final_loss, summary.peak_memory, summary.world_size) == (None, None, None, 2)
    assert "No event was recorded" in summary.notes[0]


def test_a_run_that_never_took_a_step(make_run, story):
    summary = summarise(make_run([(0.0, story.start())]), [])
    assert summary.steps_done == 0 and summary.series == ()
    assert any("No step was logged" in note for note in summary.notes)
    assert any("never said how it ended" in note for note in summary.notes)


def test_one_step_is_all_warm_up(make_run, story):
    summary = summarise(make_run(story.steps_only([0.1])), [])
    assert summary.throughput is None and summary.final_loss is not None
    assert "there is no steady figure" in summary.notes[0]


def test_a_loss_that_is_not_a_number(make_run, story):
    events = [(0.0, story.start()), *((n * 1.0, story.step(n, loss=math.nan if n > 3 else 2.0)) for n in range(1, 6))]
    summary = summarise(make_run(events), [])
    assert math.isnan(summary.final_loss)
    assert any("2 of 5 logged steps, first at step 4" in note for note in summary.notes)


def test_no_mfu_without_peak_or_for_samples(make_run, story):
    no_peak = summarise(make_run(story.steps_only([0.1] * 5, peak_flops=None, peak_source="unknown"), name="a"), [])
    samples = summarise(make_run(story.steps_only([0.1] * 5, unit="samples"), name="b"), [])
    assert no_peak.mfu == {} and no_peak.mfu_unknown == "not stated on a CPU"
    assert samples.mfu == {} and "this case counts samples" in samples.mfu_unknown


def test_mfu_beyond_the_peak_is_a_caveat(make_run, story):
    for peak, told in ((1e9, True), (1e15, False)):
        summary = summarise(make_run(story.steps_only([0.1] * 9, peak_flops=peak), name=f"{peak:g}"), [])
        assert any("MFU is over 100 %" in note for note in summary.notes) is told


def test_steady_figures_come_from_the_last_number_of_ranks(make_run, story):
    events = story.steps_only([0.1] * 6, end=False)
    events += [(1.0, story.start(attempt=1, start_step=6, world_size=1))]
    events += [(1.0 + n, story.step(n, seconds=0.5, num_ranks=1)) for n in range(7, 12)]
    summary = summarise(make_run(events), [])
    assert {point.event.step for point in summary.steady} == {9, 10, 11}
    assert [len(measure.values) for measure in summary.ranks] == [1, 1, 1]
    assert any("different numbers of ranks" in note for note in summary.notes)


def test_steps_without_a_run_start_and_zero_seconds(make_run, story):
    events = [(n * 1.0, story.step(n, seconds=0.0)) for n in range(1, 6)]
    summary = summarise(make_run(events), [])
    assert summary.throughput is None and summary.device is None and len(summary.attempts) == 1


def test_resumed_run_counts_the_last_attempt(make_run, story):
    events = [
        *story.steps_only([0.1] * 5, end=False),
        (0.6, CheckpointSaved(step=5, path="c", bytes=1, seconds=0.1, stall_seconds=0.1)),
        (0.7, RunEnd(outcome="stopped", step=5)),
        (100.0, story.start(attempt=1, start_step=5)),
    ]
    summary = summarise(make_run(events), [])
    assert summary.steps_done == 5 and [attempt.outcome for attempt in summary.attempts] == ["stopped", None]
    assert summary.attempts[0].end < summary.attempts[1].start


def test_lines_that_cannot_be_read_are_told(make_run, story):
    run = make_run(story.steps_only([0.1] * 5))
    run.events_path.write_bytes(b"not json\n" + run.events_path.read_bytes())
    assert "1 lines of events.jsonl could not be read" in summarise(run, []).notes[-1]


def skewed(story, slow, noise):
    """60 steps of 4 ranks, of which the last is `slow` times as long busy; steps differ by `noise`."""
    chance = random.Random(1)
    for number in range(1, 61):
        seconds = 0.1 * (1 + chance.gauss(0, noise))
        busy = [0.9 * seconds * (slow if rank == 3 else 1.0) for rank in range(4)]
        yield number * 0.1, story.step(number, seconds=seconds, ranks={"busy": busy})


@pytest.mark.parametrize(
    ("slow", "noise", "behind"),
    [(1.002, 0.0, ()), (1.002, 0.02, ()), (1.03, 0.02, ()), (1.05, 0.005, (3,)), (1.2, 0.02, (3,))],
)
def test_a_rank_is_behind_only_by_more_than_steps_differ(make_run, story, slow, noise, behind):
    events = [(0.0, story.start(world_size=4)), *skewed(story, slow, noise)]
    (busy,) = summarise(make_run(events), []).ranks
    assert busy.behind == behind and busy.slowest == 3


def test_too_few_steps_tell_no_rank_behind(make_run, story):
    events = [(0.0, story.start(world_size=4)), *list(skewed(story, 2.0, 0.0))[:6]]
    (busy,) = summarise(make_run(events), []).ranks
    assert busy.noise is None and busy.behind == ()


def test_a_cpu_run_is_no_result_about_a_gpu(make_run, story):
    cpu = summarise(make_run([], name="cpu"), [])
    gpu = summarise(make_run([], name="gpu", device="cuda"), [])
    assert "no result about a GPU" in cpu.fidelity_statement and "GPU" not in gpu.fidelity_statement


def test_an_unreadable_job_is_the_users_to_repair(make_run):
    run = make_run([])
    (run.path / "job.json").write_text("{")
    with pytest.raises(UserError):
        summarise(run, [])


def test_the_job_stands_in_the_report_once_and_whole(make_run):
    summary = summarise(make_run([]), [Finding(check="c", verdict=Verdict.PASS, observed="")])
    record = json.loads((make_run([], name="other").path / "job.json").read_text())
    elsewhere = {"case", "recipe", "title", "framework", "fidelity", "fidelity_note", "parameters", "args", "notes"}
    elsewhere |= {"purpose", "flops_per_token"}
    assert elsewhere | set(summary.layout) == set(record) and summary.settings == record["args"]


def test_run_start_of_an_empty_world(make_run):
    start = RunStart(attempt=0, start_step=0, steps=0, world_size=0, device="", backend="")
    assert summarise(make_run([(0.0, start)]), []).world_size == 0
