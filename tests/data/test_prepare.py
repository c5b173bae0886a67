"""Data sets that are made once, by whoever comes first, complete or not there at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.data import prepare
from seatrial.data.prepare import MANIFEST, manifest, prepared, verify
from seatrial.errors import UserError


def fill(folder: Path) -> None:
    (folder / "shards").mkdir()
    (folder / "shards" / "0.bin").write_bytes(b"12345")
    (folder / "index.json").write_text("{}")


def never(folder: Path) -> None:
    raise AssertionError("it is there already")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- made once ---


def test_who_comes_first_makes_it_and_who_comes_later_finds_it(tmp_path: Path) -> None:
    folder = tmp_path / "not yet" / "c4"
    assert prepared(folder, fill) == folder
    assert names(folder) == ["index.json", MANIFEST, "shards"]
    assert set(manifest(folder)) == {"index.json", "shards/0.bin"}
    assert manifest(folder)["shards/0.bin"]["bytes"] == 5
    assert prepared(folder, never) == folder
    assert names(folder.parent) == [".c4.lock", "c4"]


def be_a_rank(folder: Path, number: int) -> None:
    def make(unfinished: Path) -> None:
        with (folder.parent / "makers").open("a") as file:
            file.write(f"{number}\n")
        fill(unfinished)

    prepared(folder, make)
    assert verify(folder) == []


def test_of_eight_processes_one_makes_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=be_a_rank, args=(tmp_path / "c4", i)) for i in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8
    assert len((tmp_path / "makers").read_text().splitlines()) == 1


def test_who_waits_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "POLL_SECONDS", 0.001)
    begun, finish, signs = threading.Event(), threading.Event(), []

    def make(unfinished: Path) -> None:
        begun.set()
        assert finish.wait(30)
        fill(unfinished)

    def wait() -> None:
        signs.append(1)
        finish.set()

    maker = threading.Thread(target=prepared, args=(tmp_path / "c4", make))
    maker.start()
    assert begun.wait(30)
    assert prepared(tmp_path / "c4", never, waiting=wait) == tmp_path / "c4"
    maker.join()
    assert signs


# --- complete, or not there at all ---


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt(), SystemExit(75)])
def test_what_ends_early_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def make(unfinished: Path) -> None:
        fill(unfinished)
        raise error

    with pytest.raises(type(error)):
        prepared(tmp_path / "c4", make)
    assert names(tmp_path) == [".c4.lock"], "the disk may be full of it"
    prepared(tmp_path / "c4", fill)
    assert verify(tmp_path / "c4") == []


KILLED = """
import sys
from pathlib import Path
from seatrial.data.prepare import prepared

def make(folder):
    (folder / "half").write_text("a shard")
    print("half", flush=True)
    sys.stdin.read()

prepared(Path(sys.argv[1]), make)
"""


def test_a_maker_that_is_killed_gives_way(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "c4")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "c4").exists()
    assert names(tmp_path) == [".c4.lock", ".c4.unfinished"]
    prepared(tmp_path / "c4", fill)
    assert names(tmp_path / "c4") == ["index.json", MANIFEST, "shards"], "nothing of the half is in it"
    assert names(tmp_path) == [".c4.lock", "c4"]


def test_names_that_begin_alike_leave_each_other_alone(tmp_path: Path) -> None:
    def make(unfinished: Path) -> None:
        fill(unfinished)
        prepared(tmp_path / "llama3", fill)

    prepared(tmp_path / "llama3.1", make)
    assert verify(tmp_path / "llama3") == verify(tmp_path / "llama3.1") == []


def test_what_something_else_made_is_not_taken_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "c4").mkdir()
    (tmp_path / "c4" / "mine").write_text("work of years")
    with pytest.raises(UserError, match=r"has no manifest\.json: it was made by something else"):
        prepared(tmp_path / "c4", never)
    assert names(tmp_path / "c4") == ["mine"]


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match="cannot lock files: Function not implemented\n    mount it with locks"):
        prepared(tmp_path / "c4", never)


# --- whether it is whole ---


def remove(folder: Path) -> None:
    (folder / "shards/0.bin").unlink()


def change(folder: Path) -> None:
    (folder / "shards/0.bin").write_bytes(b"12346")


def cut(folder: Path) -> None:
    (folder / "shards/0.bin").write_bytes(b"1234")


def add(folder: Path) -> None:
    (folder / "shards" / MANIFEST).write_text("of something else")


@pytest.mark.parametrize(
    ("disturb", "says"),
    [
        (remove, ["shards/0.bin is missing"]),
        (change, ["shards/0.bin has changed"]),
        (cut, ["shards/0.bin has changed"]),
        (add, [f"shards/{MANIFEST} was added"]),
    ],
)
def test_each_disturbance_is_found(tmp_path: Path, disturb: Callable[[Path], None], says: list[str]) -> None:
    prepared(tmp_path / "c4", fill)
    assert verify(tmp_path / "c4") == []
    disturb(tmp_path / "c4")
    assert verify(tmp_path / "c4") == says


@pytest.mark.parametrize("text", ["", "{", "[]", None])
def test_a_broken_manifest_is_no_good_data(tmp_path: Path, text: str | None) -> None:
    prepared(tmp_path / "c4", fill)
    (tmp_path / "c4" / MANIFEST).unlink()
    if text is not None:
        (tmp_path / "c4" / MANIFEST).write_text(text)
    (problem,) = verify(tmp_path / "c4")
    assert problem.startswith("manifest.json is broken: ")


def test_signs_of_life_are_given_while_checksums_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "BLOCK", 2)
    told: list[int] = []
    prepared(tmp_path / "c4", fill, waiting=lambda: told.append(1))
    assert len(told) == 3 + 1, "5 and 2 bytes, 2 at a time"
    verify(tmp_path / "c4", waiting=lambda: told.append(1))
    assert len(told) == 8
    assert manifest(tmp_path / "c4")["shards/0.bin"]["sha256"] == hashlib.sha256(b"12345").hexdigest()
