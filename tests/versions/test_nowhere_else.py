"""Nothing but the tables of seatrial.versions chooses a version."""

from __future__ import annotations

import functools
from fnmatch import fnmatch
from pathlib import Path

import pytest

from seatrial.versions.table import entries
from tests.versions.places import Place, files, places

ELSEWHERE = {
    "src/seatrial/versions/*": "the tables",
    "src/seatrial/checks/node/*.py": "what tools printed, as examples of rules",
    "src/seatrial/checks/environment/stack.py": "examples of rules: what others have",
    "src/seatrial/lint/*.py": "examples of rules: files of others",
    "docs/lint.md": "the same, written from there",
    "docs/cases.md": "written from the tables",
    "docs/versions.md": "the same",
    "src/seatrial/architectures/eks/nodeadm.py": "the version of a format: MIME",
    "src/seatrial/observe/exporter/exposition.py": "the version of a format: Prometheus' text",
    "src/seatrial/architectures/eks/__init__.py": "the choice of a user, which EKS's table must have",
    "src/seatrial/architectures/hyperpod_eks/README.md": "the same",
    "src/seatrial/images/containers/bill.py": "the version of a format: CycloneDX",
    "docs/*.md": "image of the reader's own",
    "docs/seatrial.schema.json": "the example of an option",
}
"""Files with what looks like a chosen version, and is none -> what it is."""
EXAMPLES = {
    "src/seatrial/checks/software/document.py": "an example of a rule: what a healthy node had",
    "src/seatrial/rank/machine.py": "an example of a rule",
    "src/seatrial/launchers/*/example.toml": "what the user's own nodes may have",
    "src/seatrial/cases/torchtitan/rules.py": "faults of the very version in which they were seen",
}
"""The same of versions that only happen to be pinned: with the next pin nothing stands there any more."""
KINDS = {"docs/*.md": {"image"}, "docs/seatrial.schema.json": {"requirement"}}
"""Of those, the ones in which only this may stand."""


def excused(place: Place) -> bool:
    """Whether a version may stand there."""
    return any(
        fnmatch(place.path, glob) and place.kind in KINDS.get(glob, {place.kind}) for glob in (*ELSEWHERE, *EXAMPLES)
    )


@functools.cache
def found() -> tuple[Place, ...]:
    """All in the repository."""
    return tuple(place for path in files() for place in places(path))


def test_no_version_is_chosen_elsewhere():
    there = [f"{place.path}:{place.line}: {place.text} ({place.kind})" for place in found() if not excused(place)]
    assert not there, "move it to src/seatrial/versions/:\n" + "\n".join(there)


@pytest.mark.parametrize("glob", ELSEWHERE)
def test_every_excuse_is_needed(glob):
    assert any(fnmatch(place.path, glob) for place in found())


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.py", 'IMAGE = "public.ecr.aws/neuron/pytorch:2.9.0"\n', "image"),
        ("x.py", 'BASE = "ubuntu:22.04"\n', "image"),
        ("Dockerfile", "FROM nvidia/cuda:13.0.1-devel-ubuntu24.04\n", "image"),
        ("x.sh", "pip install torch==2.13.0\n", "requirement"),
        ("x.py", 'run("pip", "install", "seatrial[aws]==0.1")\n', "requirement"),
        ("x.sh", "curl -fO https://example.org/download/v1.2.3/tool.tar.gz\n", "address"),
        ("x.yaml", "url: oci://example.org/charts/tool-1.2.3.tgz\n", "address"),
        ("x.py", 'version = "0.17.8"\n', "assignment"),
        ("x.yaml", "enroot_version: 4.2.1\n", "assignment"),
        ("x.sh", "EFA_INSTALLER_VERSION=1.50.0\n", "assignment"),
        ("x.py", f'DIGEST = "sha256:{"a" * 64}"\n', "digest"),
        ("x.py", f'CHECKSUM = "{"0" * 64}"\n', "digest"),
        ("x.py", f'COMMIT = "{"0" * 40}"\n', "digest"),
        ("x.py", f'TITLE = "torch {next(one for one in entries() if one.name == "torch").pin.version}"\n', "pin"),
        ("README.md", "pull public.ecr.aws/neuron/pytorch:2.9.0\n", "image"),
    ],
)
def test_a_version_that_somebody_plants_is_found(name, text, kind, tmp_path: Path):
    (tmp_path / name).write_text(text)
    there = [*places(tmp_path / name, tmp_path)]
    assert kind in {place.kind for place in there}, there
    assert all(place.line == 1 and not excused(place) for place in there)


def test_a_comment_chooses_nothing(tmp_path: Path):
    (tmp_path / "x.py").write_text('"""As of torch 2.13.0."""\n\nX = 1  # ubuntu:24.04 has it\n')
    assert not [*places(tmp_path / "x.py", tmp_path)]
