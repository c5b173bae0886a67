"""A cluster whose nodes ran their lifecycle scripts once."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_slurm import Params, User
from seatrial.architectures.hyperpod_slurm.bundle import bundle
from tests.trials.hyperpod.nodes import SOURCE, Nodes
from tests.trials.slurm.conftest import missing

PARAMS = Params(
    region="us-west-2",
    workers=(
        Group(name="cpu", instance_type="m5.2xlarge", count=2),
        Group(name="big", instance_type="m5.4xlarge", count=1),
    ),
    login_nodes=1,
    users=(User(name="ada", uid=10001, ssh_keys=("ssh-ed25519 AAAA ada@laptop",)),),
    slurm={"KillOnBadExit": "1"},
    containers=False,
    package="/fsx/seatrial-0-py3-none-any.whl",
    observability=True,
)
PLACES = {
    "lustre": {"dns_name": "fs-1.fsx.us-west-2.amazonaws.com", "mount_name": "abcdefgh"},
    "home": {"dns_name": "fs-2.fsx.us-west-2.amazonaws.com"},
}


@pytest.fixture(scope="session")
def requirements() -> None:
    lack = missing() or ("" if shutil.which("mmdebstrap") else "no mmdebstrap")
    if lack:
        pytest.skip(f"no HyperPod can be built here: {lack}")


Make = Callable[..., Nodes]


@pytest.fixture(scope="session")
def make(requirements: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Instances whose scripts did not run yet. `places` and keywords are changes of PLACES and seatrial.json."""
    with ExitStack() as stack:

        def made(*groups: str, **changed: Any) -> Nodes:
            files = bundle(replace(PARAMS, health_checks=changed.get("health_checks", False)), Facts(deployment="hp"))
            places = {**PLACES, **changed.pop("places", {})}
            files["seatrial.json"] = json.dumps({**json.loads(files["seatrial.json"]), **changed})
            nodes = Nodes(tmp_path_factory.mktemp("hyperpod"), files, places, groups)
            stack.enter_context(nodes)
            wheel(nodes.folder / "shared/fsx")
            return nodes

        yield made


@pytest.fixture(scope="session")
def cluster(make: Make) -> Nodes:
    """A cluster that came up: workers first, as they may, and each said what it did."""
    nodes = make("controller", "login", "cpu", "cpu", "big")
    nodes.said |= {one.name: one.create() for one in reversed(nodes.instances)}
    return nodes


def wheel(folder: Path) -> None:
    """Seatrial as it stands here, for pip: a file that leads to it, and to what it needs."""
    lines = [str(SOURCE), *(path for path in sys.path if path.endswith("site-packages"))]
    info = "seatrial-0.dist-info"
    files = {
        "seatrial-here.pth": "\n".join(lines) + "\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: seatrial\nVersion: 0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / "seatrial-0-py3-none-any.whl", "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
