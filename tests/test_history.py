"""The history of runs: names of every kind, and what is found by them."""

from __future__ import annotations

import errno

import pytest

from seatrial.binding import bind
from seatrial.errors import UserError
from seatrial.history import History
from seatrial.runs import Run
from tests.test_binding import CASE, LOCAL, TINY

JOB = bind(CASE, TINY, LOCAL)
WEIRD = [
    "with space",
    "it's",
    'quo"te',
    "new\nline",
    "naïve-日本",
    "-leading",
    "--help",
    "a&b;c|d$e",
    "%s{run}",
    "." * 3,
]


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "runs")


@pytest.mark.parametrize("name", WEIRD)
def test_any_name_that_a_folder_can_have_works(history, name):
    run = history.create(JOB, name)
    assert run.id == name
    assert History(history.root).find(name).job == JOB


@pytest.mark.parametrize("name", [".", "..", "a/b", "../up", "nul\0", "x" * 201, "é" * 101, "b\udcffad", ""])
def test_other_names_are_refused_and_create_nothing(history, name):
    with pytest.raises(UserError, match="cannot be the name of a folder"):
        history.create(JOB, name)
    assert not history.root.exists() or not list(history.root.iterdir())


def test_a_taken_name_is_refused(history):
    history.create(JOB, "one")
    with pytest.raises(UserError, match="there is a run called 'one'"):
        history.create(JOB, "one")


def test_what_can_be_made_half_is_not_left(history, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Run, "save_job", full)
    with pytest.raises(OSError, match="No space left"):
        history.create(JOB, "one")
    assert not (history.root / "one").exists()


def test_a_root_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--runs-dir"):
        History(tmp_path / "file").create(JOB)


def test_ids_made_in_one_second_differ(history):
    ids = {history.create(JOB).id for _ in range(3)}
    assert len(ids) == 3


def test_find(history):
    with pytest.raises(UserError, match="there are no runs"):
        history.find("latest")
    for name in ("alpha-1", "alpha-2", "beta"):
        history.create(JOB, name)
    found = History(history.root)
    assert found.find("b").id == "beta"
    assert found.find("latest").id == "beta"
    with pytest.raises(UserError, match="beginning of 2 runs"):
        found.find("alpha")
    with pytest.raises(UserError, match="did you mean alpha-"):
        found.find("alpha-3")
