"""What is kept is what would be found out, until anything changes that it was made of."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest

from seatrial import cache
from seatrial.cache import cached, files


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    package = tmp_path / "package"
    (package / "inside").mkdir(parents=True)
    (package / "inside" / "a.py").write_text("a = 1")
    monkeypatch.setattr(cache, "PACKAGE", package)
    return package


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> list[int]:
        self.calls += 1
        return [self.calls]


def test_it_is_made_once_for_a_key():
    make = Maker()
    assert [cached("x", {"a": (1, 2)}, make), cached("x", {"a": (1, 2)}, make)] == [[1], [1]]
    assert cached("x", {"a": (1, 3)}, make) == [2]
    assert cached("y", {"a": (1, 3)}, make) == [3]


def edit(package):
    (package / "inside" / "a.py").write_text("a = 22")


def touch(package):
    os.utime(package / "inside" / "a.py", ns=(1, 1))


def add(package):
    (package / "b.py").touch()


def rename(package):
    (package / "inside" / "a.py").rename(package / "inside" / "b.py")


@pytest.mark.parametrize("change", [edit, touch, add, rename])
def test_a_change_of_our_own_files_makes_it_anew_in_the_next_process(home, change):
    make = Maker()
    cached("x", 1, make)
    change(home)
    assert cached("x", 1, make) == [1]
    cache._ours.cache_clear()
    assert cached("x", 1, make) == [2]


def test_what_is_no_python_does_not_count(home):
    before = files(home)
    (home / "__pycache__").mkdir()
    (home / "__pycache__" / "a.py").touch()
    (home / "README.md").touch()
    assert files(home) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"items": 1}', "\udcff"])
def test_a_broken_file_is_made_anew(text):
    make = Maker()
    cached("x", 1, make)
    [path] = cache.folder().iterdir()
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert cached("x", 1, make) == [2]
    assert cached("x", 1, make) == [2]


def test_nobody_else_reads_it_and_nothing_is_left_beside_it():
    cached("x", 1, Maker())
    [path] = cache.folder().iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["items"] == {"": [1, [1]]}


def test_of_many_things_only_the_changed_are_made_anew():
    made: list[str] = []

    def make(item: str) -> int:
        made.append(item)
        return len(made)

    assert cache.cached_each("many", {"a": 1, "b": [2]}, make) == {"a": 1, "b": 2}
    assert cache.cached_each("many", {"b": [3], "a": 1, "c": None}, make) == {"b": 3, "a": 1, "c": 4}
    assert cache.cached_each("many", {"a": 1}, make) == {"a": 1}
    assert made == ["a", "b", "b", "c"]
    [path] = cache.folder().iterdir()
    assert json.loads(path.read_text())["items"].keys() == {"a"}


def test_where_nothing_can_be_written_it_is_made_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    make = Maker()
    assert [cached("x", 1, make), cached("x", 1, make)] == [[1], [2]]


def test_what_nobody_made_anew_for_a_month_goes(tmp_path):
    for name in ("old", "recent", "x"):
        cached(name, 1, Maker())
    [old] = cache.folder().glob("old-*")
    past = time.time() - cache.KEPT_FOR - 60
    os.utime(old, (past, past))
    cached("x", 2, Maker())
    assert sorted(path.name.partition("-")[0] for path in cache.folder().iterdir()) == ["recent", "x"]
