"""The window of a profile: when a recorder is told what, wherever a run begins and ends."""

from __future__ import annotations

import pytest

from seatrial.events import RunStart
from seatrial.rank.core import Rank
from seatrial.rank.window import Window


class Noting:
    """A recorder that notes what it is told."""

    def __init__(self, fails: str = "") -> None:
        self.told: list[str] = []
        self.fails = fails

    def _note(self, what: str) -> None:
        self.told.append(what)
        if self.fails and what.startswith(self.fails):
            raise RuntimeError("CUPTI is taken")

    def prepare(self) -> None:
        self._note("prepare")

    def start(self, step: int) -> None:
        self._note(f"start {step}")

    def mark(self, step: int) -> None:
        self._note(f"mark {step}")

    def stop(self) -> str:
        self._note("stop")
        return "here"


def walked(first, last, moments, **noting):
    recorder = Noting(**noting)
    window = Window(first, last, recorder)
    for done in moments:
        window.at(done)
    return window, recorder.told


@pytest.mark.parametrize(
    ("first", "last", "moments", "told"),
    [
        (3, 5, range(8), ["prepare", "start 3", "mark 4", "mark 5", "stop"]),
        (1, 1, range(3), ["start 1", "stop"]),  # from the first step on: nothing is left to prepare in
        (2, 2, range(4), ["prepare", "start 2", "stop"]),
        (3, 5, range(3, 8), ["start 4", "mark 5", "stop"]),  # a run that goes on from step 3
        (3, 5, range(5, 8), []),  # or from behind the window
        (3, 5, range(2), ["prepare"]),
    ],
)
def test_a_recorder_is_told_of_the_window_and_no_more(first, last, moments, told):
    assert walked(first, last, moments)[1] == told


def test_a_run_that_ends_inside_keeps_what_was_recorded(capsys):
    window, told = walked(2, 9, range(4))
    window.close()
    window.close()
    assert told == ["prepare", "start 2", "mark 3", "mark 4", "stop"]
    assert capsys.readouterr().err == "profile: here\n"


@pytest.mark.parametrize("where", ["prepare", "start", "mark", "stop"])
def test_a_profiler_that_fails_ends_no_training(where, capsys):
    window, told = walked(2, 3, range(6), fails=where)
    window.close()
    assert told[-1].startswith(where)  # and is left alone after that
    assert "warning: no profile: RuntimeError: CUPTI is taken" in capsys.readouterr().err


def test_a_rank_tells_its_recorder(make_rank, monkeypatch, tmp_path):
    made = []

    def recorder(self, wanted, path):
        made.append((Noting(), path.relative_to(self.run).as_posix()))
        return made[-1][0]

    monkeypatch.setattr(Rank, "recorder", recorder)
    job = {"profile": {"tool": "torch", "steps": [1, 2], "ranks": [1], "trace": []}}
    assert make_rank(**job).profile is not None and not made  # of rank 1 only
    rank = make_rank(rank=1, world_size=2, **job)
    rank.emit(RunStart(attempt=0, start_step=0, steps=3, world_size=2, device="", backend=""))
    for done in (1, 2, 3):
        rank.after_step(done)
    [(noting, path)] = made
    assert (noting.told, path) == (["start 1", "mark 2", "stop"], "profiles/rank-1.json.gz")


@pytest.mark.parametrize(("outcome", "told"), [("stopped", ["start 1", "stop"]), ("failed", ["start 1"])])
def test_a_rank_that_fails_writes_no_profile(make_rank, monkeypatch, outcome, told):
    noting = Noting()
    monkeypatch.setattr(Rank, "recorder", lambda self, wanted, path: noting)
    rank = make_rank(profile={"tool": "torch", "steps": [1, 9], "ranks": None, "trace": []})
    rank.emit(RunStart(attempt=0, start_step=0, steps=9, world_size=1, device="", backend=""))
    rank.end(outcome, 1)
    assert noting.told == told


def test_a_framework_may_record_by_flags_of_its_own(make_rank, monkeypatch):
    noting = Noting()
    monkeypatch.setattr(Rank, "recorder", lambda self, wanted, path: noting)
    rank = make_rank(profile={"tool": "torch", "steps": [1, 2], "ranks": [0], "trace": []})
    assert rank.leave_profile_to_framework().steps == (1, 2)
    rank.after_step(1)
    assert noting.told == []
