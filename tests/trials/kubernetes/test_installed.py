"""What an architecture installs is applied to an API server by its own commands, but for what comes from elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.architectures._kubernetes import installs
from tests.architectures.kubernetes.samples import inside
from tests.launchers.kubernetes import schemas
from tests.trials.kubernetes.server import ApiServer, program

pytestmark = pytest.mark.external

KUEUE = ("clusterqueues", "localqueues", "resourceflavors", "topologies")
PLAN = installs(inside("p5.48xlarge", "trn1.32xlarge", cluster="here", topology=True, agent="example.com/seatrial:1"))


class Kubectl:
    """kubectl in a folder, with the API server's kubeconfig."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder, self.env = folder, {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def __call__(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=self.folder, env=self.env, capture_output=True, text=True)

    def apply(self) -> None:
        """Everything of ours, by the commands of the plan."""
        applied = [command.argv for command in PLAN.commands if any("--filename" in part for part in command.argv)]
        assert len(applied) == 5
        for argv in applied:
            done = self(*argv)
            assert done.returncode == 0, done.stderr

    def objects(self) -> dict[tuple[str, str], Any]:
        """Kind and name -> spec and generation of what was applied."""
        done = self("kubectl", "get", "--all-namespaces", "--output=json", ",".join(("ds,pv,pvc,ns", *KUEUE)))
        assert done.returncode == 0, done.stderr
        return {
            (one["kind"], one["metadata"]["name"]): (one["spec"], one["metadata"].get("generation"))
            for one in json.loads(done.stdout)["items"]
        }


@pytest.fixture
def kubectl(server: ApiServer, tmp_path: Path) -> Iterator[Kubectl]:
    if program("kubectl") is None:
        pytest.skip("kubectl is not installed")
    definitions = [one for one in schemas.definitions().values() if one["spec"]["names"]["plural"] in KUEUE]
    (tmp_path / "kinds.yaml").write_text(yaml.safe_dump_all(definitions))
    for name, text in PLAN.files.items():
        (tmp_path / name).write_text(text)
    run = Kubectl(tmp_path, server.kubeconfig)
    assert run("kubectl", "apply", "--server-side", "--filename=kinds.yaml").returncode == 0
    names = [f"crd/{one['metadata']['name']}" for one in definitions]
    assert run("kubectl", "wait", "--for=condition=Established", "--timeout=30s", *names).returncode == 0
    yield run
    for name in ("agent", "volume", "plugins", "queue", "kinds", "namespaces"):
        run("kubectl", "delete", "--wait=false", "--ignore-not-found", f"--filename={name}.yaml")


def test_a_second_run_changes_nothing_and_a_second_owner_is_refused(kubectl):
    kubectl.apply()
    first = kubectl.objects()
    assert ("ClusterQueue", "seatrial") in first and ("PersistentVolumeClaim", "fsx") in first
    kubectl.apply()
    assert kubectl.objects() == first
    other = ("apply", "--server-side", "--field-manager=another", "--filename=plugins.yaml")
    text = (kubectl.folder / "plugins.yaml").read_text().replace("v0.18.2", "v0.17.0")
    (kubectl.folder / "plugins.yaml").write_text(text)
    done = kubectl("kubectl", *other)
    assert done.returncode != 0 and 'conflict with "seatrial"' in done.stderr
