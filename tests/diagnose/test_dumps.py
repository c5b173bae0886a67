"""Dumps are foreign data: only plain values are made of them, and what is no dump is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from seatrial.diagnose import dumps
from seatrial.diagnose.dumps import Unreadable
from tests.diagnose.made import RECORDED, content, dump, entry, recorded


def test_recorded_dumps_of_gloo_are_read() -> None:
    found = recorded("absent")
    assert sorted(found) == [0, 1, 2, 3]
    last = found[0].collectives[-1]
    assert (last.group, last.name, last.sizes, last.dtypes) == ("gloo:0", "all_reduce", ((1000,),), ("Float",))
    assert not last.done and all(one.done for one in found[2].collectives)


def test_members_and_states_of_nccl_are_read() -> None:
    found = dump(3, [entry(1), entry(2, done=False)], {"0": [0, 1, 3]})
    assert found.members == {"nccl:0": (0, 1, 3)}
    assert [one.done for one in found.collectives] == [True, False]


class Runs:
    """Pickled, it is a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("place", ["whole", "inside"])
def test_a_pickle_that_calls_something_is_refused_and_nothing_is_called(tmp_path: Path, place: str) -> None:
    victim = Runs(tmp_path / "called")
    evil = pickle.dumps(victim if place == "whole" else {"entries": [victim], "pg_config": {}})
    with pytest.raises(Unreadable, match=r"asks for posix\.system"):
        dumps.read(evil, 0)
    assert not (tmp_path / "called").exists()
    pickle.loads(evil)  # the pickle is as evil as it looks
    assert (tmp_path / "called").exists()


def test_no_beginning_of_a_dump_is_a_dump() -> None:
    whole = next((RECORDED / "absent").iterdir()).read_bytes()
    for length in range(len(whole)):
        with pytest.raises(Unreadable):
            dumps.read(whole[:length], 0)


@pytest.mark.parametrize(
    "field", ["state", "is_p2p", "process_group", "collective_seq_id", "time_created_ns", "retired"]
)
def test_a_field_that_is_missing_is_told(field: str) -> None:
    one = entry(1, done=False)
    del one[field]
    with pytest.raises(Unreadable, match=field):
        dump(0, [one])


@pytest.mark.parametrize("text", [b"", b"?", b"\x80\x02}.", b"{}", pickle.dumps([1]), pickle.dumps({"entries": 3})])
def test_what_is_no_dump_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        dumps.read(text, 0)


def test_a_state_that_is_not_known_is_refused() -> None:
    with pytest.raises(Unreadable, match="'lost' is not known"):
        dump(0, [entry(1, state="lost")])


def test_what_two_recorders_knew_is_put_together() -> None:
    gloo = dumps.read(content([entry(1, "gloo:barrier")]), 0, "a")
    before = dumps.read(content([entry(2, done=False)]), 0, "b")
    after = dumps.read(content([entry(2), entry(3, done=False)]), 0, "c")
    found = dumps.merged([after, gloo, before])
    assert [(one.group, one.number, one.done) for one in found.collectives] == [
        ("gloo:0", 1, True),
        ("nccl:0", 2, True),
        ("nccl:0", 3, False),
    ]
