"""Records in a file that many change: nothing is lost, and what is broken is told."""

from __future__ import annotations

import errno
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial import records
from seatrial.errors import UserError


@dataclass(frozen=True, slots=True)
class Ship:
    name: str
    masts: int


def test_what_is_added_is_read_again_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ships.json"
    assert records.read(file, Ship) == []
    records.change(file, Ship, lambda old: [*old, Ship("Pinta", 3)])
    records.change(file, Ship, lambda old: [*old, Ship("Nina", 4)])
    assert records.read(file, Ship) == [Ship("Pinta", 3), Ship("Nina", 4)]
    assert file.read_text(encoding="utf-8").count("\n") == 4


def test_a_file_that_is_cut_anywhere_is_told_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "ships.json"
    records.change(file, Ship, lambda _: [Ship("Pinta", 3)])
    text = file.read_bytes()
    for end in range(len(text.rstrip())):
        file.write_bytes(text[:end])
        with pytest.raises(UserError, match="cannot be read: "):
            records.change(file, Ship, lambda old: [*old, Ship("Nina", 4)])
        assert file.read_bytes() == text[:end]


def test_the_place_of_what_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ships.json"
    file.write_text('[{"name": "Pinta", "masts": "many"}]', encoding="utf-8")
    with pytest.raises(UserError, match=r"ships\.json: cannot be read: 0 masts: Input should be a valid integer"):
        records.read(file, Ship)


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        records.read(tmp_path, Ship)


def _add(file: Path, name: str) -> None:
    for number in range(20):
        records.change(file, Ship, lambda old, number=number: [*old, Ship(f"{name} {number}", 1)])  # type: ignore[misc]


def test_of_two_that_add_at_once_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "ships.json"
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=_add, args=(file, name)) for name in ("one", "two")]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert len(records.read(file, Ship)) == 40


def test_a_full_disk_leaves_what_was_there_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ships.json"
    records.change(file, Ship, lambda _: [Ship("Pinta", 3)])
    before, write = sorted(tmp_path.iterdir()), Path.write_text

    def full(path: Path, text: str, **options: str) -> int:
        write(path, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        records.change(file, Ship, lambda old: [*old, Ship("Nina", 4)])
    assert sorted(tmp_path.iterdir()) == before and records.read(file, Ship) == [Ship("Pinta", 3)]
