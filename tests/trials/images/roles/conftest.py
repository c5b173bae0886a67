"""Root file systems, vendors, and images that were made once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.trials.images.roles.playing import Play, machine, tool
from tests.trials.images.roles.root import Root
from tests.trials.images.roles.vendor import Vendor, publish

GPU = (
    *("base", "packages", "nvidia_driver", "cuda", "efa", "gdrcopy", "nccl", "nccl_tests", "container_runtime"),
    *("enroot_pyxis", "lustre_client", "dcgm", "observability", "versions_report"),
)
"""Roles of an image that has everything of NVIDIA's."""
NEURON = ("efa", "neuron", "container_runtime", "observability", "versions_report")


@pytest.fixture(scope="session")
def ansible_programs() -> None:
    if absent := [name for name in ("ansible-playbook", "ansible-lint") if not tool(name)]:
        pytest.skip(f"roles cannot be looked at here: no {', '.join(absent)}")


@pytest.fixture(scope="session")
def requirements(ansible_programs: None) -> None:
    absent = [name for name in ("mmdebstrap", "dpkg-deb", "gpg", "git", "unshare") if not shutil.which(name)]
    lack = f"no {', '.join(absent)}" if absent else "" if os.geteuid() == 0 else "not root"
    if not lack and subprocess.run(("unshare", "--mount", "--net", "true"), capture_output=True).returncode:
        lack = "no right to make namespaces"
    if lack:
        pytest.skip(f"roles cannot be applied here: {lack}")


@pytest.fixture(scope="session")
def vendor(requirements: None, tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    return publish(tmp_path_factory.mktemp("vendor"))


Make = Callable[..., Play]


@pytest.fixture(scope="session")
def make(vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A root file system to which nothing was applied yet."""

    def made(accelerator: Any, *roles: str) -> Play:
        return Play(machine(accelerator, *roles), Root(tmp_path_factory.mktemp("root") / "it", vendor.folder), vendor)

    return made


@dataclass(frozen=True)
class Applied:
    """An image that was made, and what was said the second time."""

    play: Play
    again: str
    changed: int

    @property
    def root(self) -> Root:
        return self.play.root


def apply_twice(play: Play) -> Applied:
    code, changed, said = play.run()
    assert code == 0 and changed > 0, said
    code, changed, said = play.run()
    assert code == 0, said
    return Applied(play, said, changed)


@pytest.fixture(scope="session")
def gpu(make: Make) -> Applied:
    play = make("gpu", *GPU)
    header = Path(play.root.folder / "upper/opt/slurm/include/slurm/spank.h")
    header.parent.mkdir(parents=True)
    header.write_text("/* Slurm's */\n")
    return apply_twice(play)


@pytest.fixture(scope="session")
def neuron(make: Make) -> Applied:
    return apply_twice(make("neuron", *NEURON))
