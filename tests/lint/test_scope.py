"""Whose variables a script finds set."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.lint import documents, scope
from seatrial.lint.documents import Document
from seatrial.lint.given import is_given
from seatrial.lint.rules import Tree


def tree(folder: Path, **files: str) -> tuple[Document, Tree]:
    """The first of some scripts, and all of them: by the names of their files, ``__`` for a slash."""
    found: list[Document] = []
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".sh")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        found += documents.read(path)
    return found[0], Tree(tuple(found), (folder,))


def test_what_is_sourced_is_followed(tmp_path):
    document, made = tree(tmp_path, a__run="source ./one.sh\n", a__one="X=1\n. two.sh\n", two="Y=1\n")
    assert {"X", "Y"} <= (scope.names(document, made) or set())


@pytest.mark.parametrize("line", [". /etc/profile.d/x.sh", 'source "$HERE/one.sh"', "source ./none.sh", "eval $x"])
def test_what_cannot_be_followed_is_unknown(line, tmp_path):
    document, made = tree(tmp_path, run=f"{line}\n", one="X=1\n")
    assert scope.names(document, made) is None


def test_files_that_source_each_other_end(tmp_path):
    document, made = tree(tmp_path, run=". ./one.sh\n", one=". ./run.sh\nX=1\n")
    assert "X" in (scope.names(document, made) or set())


def test_an_environment_of_python_sets_nothing(tmp_path):
    document, made = tree(tmp_path, run="source /opt/venv/bin/activate\n")
    assert scope.names(document, made) == frozenset()


def test_exports_of_files_around_it_count(tmp_path):
    document, made = tree(
        tmp_path,
        case__slurm__run="export OWN=1\n",
        case__slurm__same="export SAME=1\n",
        case__setup__beside="export BESIDE=1\n",
        above="export ABOVE=1 \nMINE=1\n",
        other__far="export FAR=1\n",
    )
    assert scope.handed(document, made) == {"SAME", "BESIDE", "ABOVE"}


NEAR = [
    ("CHECKPOINT_DIR", "checkpoint_dir", True),
    ("BATCH_SIZE", "BatchSize", True),
    ("NODES", "NODE", True),
    ("LAYRES", "LAYERS", True),
    ("GPU", "GPUS", False),
    ("NODE1", "NODE2", False),
    ("INPUT_DIR", "OUTPUT_DIR", False),
]


@pytest.mark.parametrize(("name", "other", "alike"), NEAR)
def test_names_that_are_nearly_the_same(name, other, alike):
    assert list(scope.near(name, {other})) == ([other] if alike else [])


GIVEN = ["HOME", "PIPESTATUS", "1", "SLURM_JOB_ID", "SLURM_JOB_NODELIST_HET_GROUP_0", "OMPI_COMM_WORLD_RANK"]
GIVEN += ["KUBERNETES_SERVICE_HOST", "LOCAL_RANK", "http_proxy", "SLURM_TASKS_PER_NODE", "SRUN_CPUS_PER_TASK"]


@pytest.mark.parametrize("name", GIVEN)
def test_names_that_are_given(name):
    assert is_given(name)


@pytest.mark.parametrize("name", ["SLURM_NNODE", "SLURM_GPU_PER_NODE", "MY_DATA", "home", "x"])
def test_names_that_nobody_gives(name):
    assert not is_given(name)
