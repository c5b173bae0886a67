"""Lines that have changed since a commit, and the findings that are about them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.lint.change import Change
from seatrial.lint.judge import lint


def git(folder: Path, *args: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", "-C", str(folder), *who, *args], check=True, capture_output=True, text=True).stdout


def commit(folder: Path, message: str) -> None:
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "a.sh").write_text("#!/bin/bash\ncd a b\necho 1\necho 2\ncd c d\n")
    (tmp_path / "b.sh").write_text("#!/bin/bash\ncd e f\n")
    commit(tmp_path, "first")
    return tmp_path


def found(folder: Path, base: str = "main") -> list[tuple[str, int]]:
    return [(Path(f.scope["path"]).name, f.scope["line"]) for f in lint([folder], base=base).findings]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("#!/bin/bash\ncd a b\necho 1\necho 2\ncd c d\n", []),
        ("#!/bin/bash\ncd a b\necho 1\ncd c d\n", []),
        ("#!/bin/bash\ncd a b\necho 1\necho 2\necho 3\ncd c d\n", []),
        ("#!/bin/bash\ncd a b\necho 1\necho 2\ncd c x\n", [5]),
        ("#!/bin/bash\ncd x b\necho 1\necho 2\ncd c d\ncd a b\n", [2, 6]),
        ("#!/bin/bash\ncd a \\\n  b\necho 1\necho 2\ncd c d\n", [2]),
        ("#!/bin/bash\ncd a b\necho '++ b/b.sh'\necho '-- a/b.sh'\ncd c d", [5]),
    ],
)
def test_findings_on_lines_that_were_added_or_altered(repository, text, lines):
    (repository / "a.sh").write_text(text)
    assert found(repository) == [("a.sh", line) for line in lines]


def test_a_command_changes_as_a_whole(repository):
    (repository / "a.sh").write_text("#!/bin/bash\ncd \\\n  a \\\n  b\n")
    commit(repository, "second")
    (repository / "a.sh").write_text("#!/bin/bash\ncd \\\n  a \\\n  x\n")
    assert found(repository, "HEAD") == [("a.sh", 2)]


def test_files_that_git_does_not_know_yet(repository):
    (repository / "new one.sh").write_text("#!/bin/bash\ncd a b\n")
    (repository / "n\u00e4h.sh").write_text("#!/bin/bash\ncd a b\n")
    assert sorted(found(repository)) == [("new one.sh", 2), ("n\u00e4h.sh", 2)]
    commit(repository, "second")
    assert sorted(found(repository, "HEAD~1")) == [("new one.sh", 2), ("n\u00e4h.sh", 2)]


def test_a_file_that_moves_changes_where_it_is_altered(repository):
    git(repository, "mv", "a.sh", "c.sh")
    (repository / "c.sh").write_text("#!/bin/bash\ncd a b\necho 1\necho 2\ncd c x\n")
    assert found(repository) == [("c.sh", 5)]


def test_what_others_have_changed_meanwhile_is_not_this_change(repository):
    git(repository, "checkout", "--quiet", "-b", "work")
    (repository / "a.sh").write_text("#!/bin/bash\ncd a b\necho 1\necho 2\ncd c x\n")
    commit(repository, "mine")
    git(repository, "checkout", "--quiet", "main")
    (repository / "b.sh").write_text("#!/bin/bash\ntrue\n")
    commit(repository, "theirs")
    git(repository, "checkout", "--quiet", "work")
    assert found(repository) == [("a.sh", 5)]


def test_that_a_changed_file_cannot_be_read_is_told(repository):
    (repository / "a.sh").write_text("#!/bin/bash\nif true; then\ntrue\n")
    (repository / "b.sh").write_text("#!/bin/bash\nif true; then\n")
    commit(repository, "second")
    with (repository / "a.sh").open("a") as file:
        file.write("echo more\n")
    report = lint([repository], base="HEAD")
    assert [(Path(f.scope["path"]).name, f.check) for f in report.findings] == [("a.sh", "lint.unreadable")]
    assert [file.path.name for file in report.files] == ["a.sh"]


def test_from_within_a_folder(repository, monkeypatch):
    (repository / "jobs").mkdir()
    (repository / "jobs" / "c.sh").write_text("#!/bin/bash\ncd a b\n")
    monkeypatch.chdir(repository / "jobs")
    assert [f.scope["path"] for f in lint([Path("c.sh"), Path("../a.sh")], base="main").findings] == ["c.sh"]


def test_no_repository_and_no_commit(repository, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    with pytest.raises(UserError, match="not a git repository"):
        Change.since("main", [outside])
    for base in ("maim", "--help", "HEAD:a.sh"):
        with pytest.raises(UserError, match="has no commit that is called"):
            Change.since(base, [repository])
