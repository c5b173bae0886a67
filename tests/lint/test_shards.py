"""Several processes find what one finds; no more is kept than there is room for."""

from __future__ import annotations

import functools
import inspect
import weakref
from dataclasses import replace

import pytest

from seatrial.errors import UserError
from seatrial.lint import documents, shards
from seatrial.lint import judge as judging
from seatrial.lint.judge import lint
from seatrial.lint.kinds import LARGEST
from seatrial.lint.rules import Tree, gather

CLAIM = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: {}\n"
POD = "apiVersion: v1\nkind: Pod\nspec:\n  volumes:\n    - name: a\n      persistentVolumeClaim: {{claimName: {}}}\n"


@pytest.fixture
def folder(tmp_path):
    for number in range(8):
        (tmp_path / f"{number}.sh").write_text("#!/bin/bash\n" + "cd a b\n" * (number + 1))
    (tmp_path / "claim.yaml").write_text(CLAIM.format("data"))
    (tmp_path / "right.yaml").write_text(POD.format("data"))
    (tmp_path / "wrong.yaml").write_text(POD.format("other"))
    (tmp_path / "unread.sh").write_text("#!/usr/bin/env fish\nif\n")
    return tmp_path


@pytest.mark.parametrize("jobs", [2, 3, 50])
def test_several_processes_find_the_same_in_the_same_order(folder, jobs):
    alone = lint([folder], jobs=1)
    together = lint([folder], jobs=jobs)
    assert replace(together, seconds=alone.seconds) == alone
    claims = [f.scope["path"] for f in alone.findings if f.check == "kubernetes.unknown-claim"]
    assert claims == [(folder / "wrong.yaml").as_posix()]


def test_what_was_not_kept_is_read_again(folder, monkeypatch):
    kept = lint([folder], jobs=1)
    monkeypatch.setattr(shards, "KEPT", 0)
    again = lint([folder], jobs=1)
    assert replace(again, seconds=kept.seconds) == kept


def test_beyond_what_is_kept_only_that_is_read_again_which_asks_for_others(folder, monkeypatch):
    read = []
    of_content = documents.of_content
    monkeypatch.setattr(documents, "of_content", lambda path, data: read.append(path.name) or of_content(path, data))
    monkeypatch.setattr(shards, "KEPT", 0)
    lint([folder], jobs=1)
    again = {name for name in read if read.count(name) > 1}
    assert again == {"right.yaml", "wrong.yaml"} and len(set(read)) == 12


def test_a_document_is_freed_as_soon_as_it_is_judged(folder):
    judged = []

    def judge(tree):
        assert not any(document() for document in judged), "an earlier one is still there"
        judged.extend(weakref.ref(document) for document in tree.judged)
        return judging.judge(tree)

    (folder / "job.sbatch").write_text("#!/bin/bash\n#SBATCH --nodes=2\nsrun bash ./train.sh $UNSET\n")
    (folder / "train.sh").write_text("#!/bin/bash\ntorchrun train.py\n")
    _, found = shards.judge_files(documents.find([folder]), judge, jobs=1)
    assert len(judged) == 14 and {"launch.separate-trainings", "shell.needed-variables"} <= {f.check for f in found}


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_problem_is_told_by_every_process(tmp_path, jobs):
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("x")
    with pytest.raises(UserError) as error:
        lint([tmp_path / name for name in ("c.txt", "a.txt", "b.txt")], jobs=jobs)
    assert [problem.where[-5:] for problem in error.value.problems] == ["a.txt", "b.txt", "c.txt"]


def test_what_is_known_of_all_documents_is_gathered_from_each():
    """A property that looked at those that are judged here would see those of one process."""
    own = {
        name: value for name, value in vars(Tree).items() if isinstance(value, (functools.cached_property, property))
    }
    functions = {name: getattr(value, "func", None) or value.fget for name, value in own.items()}
    assert {name for name, value in functions.items() if "self.judged" in inspect.getsource(value)} == {"_facts"}
    assert Tree((), given=gather([])).folders_made == frozenset()


def test_lines_that_were_not_read_are_counted(folder):
    files = {file.path.name: (file.lines, file.unread_lines) for file in lint([folder]).files}
    assert files["7.sh"] == (9, 0) and files["unread.sh"] == (2, 2)


def test_what_is_too_large_is_counted_whole(tmp_path):
    path = tmp_path / "large.sh"
    path.write_bytes(b"#!/bin/sh\n" + b"true\n" * (LARGEST // 5 + 100))
    [file] = lint([path]).files
    assert (file.size, file.lines) == (path.stat().st_size, LARGEST // 5 + 101)
