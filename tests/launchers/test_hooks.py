"""The files by which clusters check their nodes: as they were, right for shells and schemas, and keeping no job away
without a reason."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from seatrial import guarding, launchers
from seatrial.checks.observations import LEVELS
from seatrial.cli.check_node import command
from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.launchers import batch, kubernetes, slurm
from seatrial.plan import Plan
from tests.launchers.kubernetes import schemas
from tests.test_rendered import SHELLCHECK

CLUSTER = Cluster(
    name="sea",
    launcher="slurm",
    nodes=4,
    cpus_per_node=192,
    accelerators_per_node=8,
    instance_type="p5.48xlarge",
    python="/opt/venv/bin/python",
    image="registry.example.com/seatrial:1",
    options=slurm.Options(partition="p5"),
)
CLUSTERS = {
    "slurm": CLUSTER,
    "slurm-hyperpod": replace(CLUSTER, options=slurm.Options(auto_resume=True)),
    "kubernetes": replace(CLUSTER, launcher="kubernetes", options=kubernetes.Options()),
    "kubernetes-hyperpod": replace(CLUSTER, launcher="kubernetes", options=kubernetes.Options(hyperpod=True)),
    "batch": replace(CLUSTER, launcher="batch", options=batch.Options(queue="q")),
}


def hooks(name: str) -> Plan:
    return guarding.hooks(CLUSTERS[name])


def scripts() -> dict[str, str]:
    return {f"{n}-{p}": text for n in CLUSTERS for p, text in hooks(n).files.items() if text.startswith("#!")}


@pytest.mark.parametrize("name", ["slurm-hyperpod", "kubernetes"])
def test_they_are_what_they_were(name, golden):
    golden(f"hooks/{name}.txt", hooks(name).text())


def test_every_script_is_one_for_sh_and_for_shellcheck(tmp_path):
    assert len(scripts()) > 8
    for name, text in scripts().items():
        (tmp_path / name).write_text(text)
        subprocess.run(["sh", "-n", tmp_path / name], check=True)
    checked = subprocess.run([SHELLCHECK, "--format=gcc", *tmp_path.iterdir()], capture_output=True, text=True)
    assert checked.stdout == "" and checked.returncode == 0


@pytest.mark.parametrize("version", schemas.VERSIONS)
@pytest.mark.parametrize("name", ["kubernetes", "kubernetes-hyperpod"])
def test_every_manifest_is_one_for_kubernetes(name, version):
    files = hooks(name).files
    documents = [thing for path in ("agent.yaml", "deep-check.yaml") for thing in yaml.safe_load_all(files[path])]
    kinds = [thing["kind"] for thing in documents]
    assert kinds == ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "DaemonSet", "Job"]
    for thing in documents:
        schemas.validate(thing, version)
    [before] = yaml.safe_load(files["init-container.yaml"])["initContainers"]
    pod = {"containers": [{"name": "job", "image": "x"}], "initContainers": [before]}
    schemas.validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "job"}, "spec": pod}, version)


def test_an_agent_stays_on_a_node_that_is_kept_away_from_jobs():
    [*_, agent] = yaml.safe_load_all(hooks("kubernetes-hyperpod").files["agent.yaml"])
    spec = agent["spec"]["template"]["spec"]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["nodeSelector"] == {"node.kubernetes.io/instance-type": "ml.p5.48xlarge"}, "not by its health"
    assert "privileged" not in str(agent)


def test_an_agent_on_hyperpod_asks_for_no_more_than_the_cluster_allows():
    for repair, expected in (("none", None), ("replace", "replace")):
        options = kubernetes.Options(hyperpod=True, hyperpod_repair=repair)
        files = guarding.hooks(replace(CLUSTERS["kubernetes"], options=options)).files
        [*_, agent] = yaml.safe_load_all(files["agent.yaml"])
        [container] = agent["spec"]["template"]["spec"]["containers"]
        given = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert (given["SEATRIAL_HYPERPOD"], given.get("SEATRIAL_HYPERPOD_REPAIR")) == ("1", expected)


def run(folder: Path, name: str, path: str, python: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of a plan with another program as the nodes' Python."""
    fake = folder / "python"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    script = folder / path
    script.write_text(guarding.hooks(replace(CLUSTERS[name], python=str(fake))).files[path])
    script.chmod(0o755)
    return subprocess.run([script, *argv], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("python", "code"),
    [("exit 1", 1), ("exit 0", 0), ("exit 2", 0), ("exit 3", 0), ("exit 124", 0), ("kill -9 $$", 0), ("exit 127", 0)],
)
def test_only_a_fault_that_was_found_keeps_a_job_away(tmp_path, python, code):
    assert run(tmp_path, "slurm", "prolog.sh", python).returncode == code
    for name, path in (("slurm", "epilog.sh"), ("slurm", "health.sh")):
        assert run(tmp_path, name, path, python).returncode == 0
    before = run(tmp_path, "batch", "before-a-job.sh", python, "echo", "the job's", "own command")
    assert (before.returncode, before.stdout) == ((1, "") if code else (0, "the job's own command\n"))
    assert run(tmp_path, "slurm-hyperpod", "lifecycle.sh", python).returncode == code


def test_what_they_run_is_a_command_that_exists(tmp_path):
    said = run(tmp_path, "slurm", "prolog.sh", 'shift 4; for word; do echo "$word"; done')
    assert said.returncode == 0
    words = (tmp_path / "prolog.sh.log").read_text().split()
    given = command.make_context("node", words).params
    assert (given["level"], given["guard"], given["instance"]) == ("quick", "slurm", "p5.48xlarge")
    assert given["level"] in LEVELS


def test_where_nothing_is_started_by_itself_there_is_nothing_to_hook():
    here = replace(CLUSTER, launcher=launchers.HERE)
    with pytest.raises(UserError, match="starts nothing by itself"):
        guarding.hooks(here)
    with pytest.raises(UserError, match="no nodes that stay"):
        guarding.guard_of("batch")
    with pytest.raises(UserError, match="names no image"):
        guarding.hooks(replace(CLUSTERS["kubernetes"], image=None))
