"""Where a step's time goes: the phases add up to it."""

from __future__ import annotations

import gc

import pytest
import torch

from seatrial.metrics import PHASES
from seatrial.rank import timing
from seatrial.train import compiler
from seatrial.train.timing import StepTimer
from tests.rank.test_clocks import UUID, nvml

pytestmark = pytest.mark.torch


class Clock:
    """Both clocks of the timer, moved by hand; the processor works for half of the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(timing.time, "process_time", lambda: self.now / 2)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def one_step(timer: StepTimer, clock: Clock, **seconds: float) -> None:
    """A step of the given phases, and a second that no phase claims."""
    for name, duration in seconds.items():
        with timer.phase(name):
            clock.pass_by(duration)
    clock.pass_by(1.0)
    timer.step()


def test_phases_add_up_to_the_seconds_of_a_step(clock: Clock) -> None:
    timer = StepTimer(torch.device("cpu"))
    one_step(timer, clock, data_wait=2.0, forward=3.0, backward=5.0, optimizer=1.0, checkpoint=4.0)
    seconds, phases = timer.collect()
    assert seconds == 16.0
    assert phases == {
        "data_wait": 2.0,
        "forward": 3.0,
        "backward": 5.0,
        "optimizer": 1.0,
        "checkpoint": 4.0,
        "other": 1.0,
    }
    assert tuple(phases) == PHASES


def test_time_that_is_counted_as_other_is_not_lost(clock: Clock) -> None:
    """As a validation is."""
    timer = StepTimer(torch.device("cpu"))
    one_step(timer, clock, forward=3.0, other=10.0)
    seconds, phases = timer.collect()
    assert seconds == 14.0
    assert phases["other"] == 11.0
    assert sum(phases.values()) == seconds


def test_a_phase_that_comes_several_times_in_a_step_is_added_up(clock: Clock) -> None:
    timer = StepTimer(torch.device("cpu"))
    for _ in range(2):  # two micro-batches
        with timer.phase("forward"):
            clock.pass_by(1.5)
    timer.step()
    assert timer.collect()[1]["forward"] == 3.0


def test_several_steps_give_means(clock: Clock) -> None:
    timer = StepTimer(torch.device("cpu"))
    one_step(timer, clock, forward=1.0)
    one_step(timer, clock, forward=5.0)
    seconds, phases = timer.collect()
    assert (seconds, phases["forward"], phases["other"]) == (4.0, 3.0, 1.0)


def test_collecting_starts_anew(clock: Clock) -> None:
    timer = StepTimer(torch.device("cpu"))
    one_step(timer, clock, forward=7.0, other=2.0)
    timer.collect()
    one_step(timer, clock, backward=1.0)
    assert timer.so_far() == {"data_wait": 0.0, "busy": 2.0, "cpu": 1.0, "gc": 0.0}
    seconds, phases = timer.collect()
    assert seconds == 2.0
    assert {name: value for name, value in phases.items() if value} == {"backward": 1.0, "other": 1.0}


def test_a_ranks_own_times_are_per_step(clock: Clock) -> None:
    timer = StepTimer(torch.device("cpu"))
    one_step(timer, clock, data_wait=2.0, forward=1.0)
    one_step(timer, clock, data_wait=4.0, forward=1.0)
    assert timer.so_far() == {"data_wait": 3.0, "busy": 5.0, "cpu": 2.5, "gc": 0.0}


def test_the_real_clock_agrees() -> None:
    timer = StepTimer(torch.device("cpu"))
    with timer.phase("forward"):
        sum(range(100_000))
    timer.step()
    seconds, phases = timer.collect()
    assert 0 < phases["forward"] <= seconds
    assert sum(phases.values()) == pytest.approx(seconds)


def test_an_unknown_phase_is_a_bug() -> None:
    with pytest.raises(KeyError), StepTimer(torch.device("cpu")).phase("forwards"):
        pass


def test_collections_of_garbage_are_told_by_step():
    timer = StepTimer(torch.device("cpu"))
    kept = [[] for _ in range(100_000)]
    gc.collect()
    gc.collect()
    timer.step()
    timer.step()
    told = timer.so_far()
    assert len(kept) and 0 < told["gc"] < told["busy"]
    timer.collect()
    gc.disable()
    try:
        assert timer.so_far()["gc"] == 0.0
    finally:
        gc.enable()


@pytest.mark.parametrize(("reasons", "share"), [(0x40, 1.0), (0x4, 0.0)])
def test_a_gpu_that_holds_its_clocks_down_is_told_by_its_time(clock, monkeypatch, reasons, share):
    """No device is here: the driver's library is a stand-in."""
    monkeypatch.setattr("seatrial.train.timing._uuid", lambda _: UUID)
    monkeypatch.setattr("seatrial.train.timing.load", lambda: nvml(reasons))
    timer = StepTimer(torch.device("cuda"))
    clock.pass_by(2.0)
    timer.step()
    assert timer.so_far()["throttled"] == 2.0 * share
    assert "throttled" not in StepTimer(torch.device("cpu")).so_far()


def test_the_compiler_is_told_of_a_job_that_asks_for_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "seconds", lambda: 10.0)
    timer, other = StepTimer(torch.device("cpu"), compiles=True), StepTimer(torch.device("cpu"))
    monkeypatch.setattr(compiler, "seconds", lambda: 16.0)
    for _ in range(2):
        one_step(timer, clock)
    assert timer.so_far()["compile"] == 3.0
    timer.collect()
    assert timer.so_far()["compile"] == 0.0
    assert "compile" not in other.so_far(), "else all ranks would have to agree on whether it was loaded"
