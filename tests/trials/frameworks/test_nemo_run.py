"""The nemo-run case on NeMo-Run itself: killed, stopped and resumed through an experiment; its dry run against ours."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex
import signal
import subprocess
from dataclasses import replace
from typing import Any

import pytest
import yaml

from seatrial import environments
from seatrial.binding import bind
from seatrial.cases.nemo_run import CASE
from seatrial.cases.nemo_run.executors import skypilot_settings
from seatrial.cluster import Mount
from seatrial.events import CheckpointLoaded, Restart, RunStart
from seatrial.findings import Finding
from seatrial.job import Job
from seatrial.launchers import kubernetes, slurm
from seatrial.runs import Run, State
from tests.clusters import P5
from tests.command import Command, is_gone, losses, rank_pid, settings, wait_for_step
from tests.trials.frameworks.driver import SOURCES

pytestmark = pytest.mark.timeout(600)  # three starts of an experiment: 96 s on two idle cores

SHORT = settings("steps=26", "checkpoint_every=4", "validation_every=0", "data_tokens=200000")


@pytest.fixture(scope="module")
def undisturbed(command: Command) -> Run:
    command("run", "nemo-run", *SHORT, "--name", "undisturbed")
    return command.find("undisturbed")


def test_an_experiment_trains(undisturbed: Run) -> None:
    log = undisturbed.events()
    assert sorted(losses(undisturbed)) == list(range(1, 27))
    assert losses(undisturbed)[26] < losses(undisturbed)[1] - 0.5
    end = log.end()
    assert end is not None and (end.outcome, end.step, end.ranks_agree) == ("completed", 26, True)
    assert not log.of(Finding), log.of(Finding)
    assert undisturbed.job.fidelity == "real-core" and is_gone(undisturbed)
    assert len([*(undisturbed.path / "nemo-run").glob("node-0/experiments/tiny/*/_DONE")]) == 1  # what NeMo-Run keeps


def test_tensor_parallel_killed_and_stopped_it_is_the_same_training(command: Command, undisturbed: Run) -> None:
    """One of its ranks is killed, then it is asked to stop, then resumed: three experiments, one curve."""
    process, run = command.begin("run", "nemo-run/tiny-tp2", *SHORT, name="disturbed")
    wait_for_step(run, 5, 200)
    os.kill(rank_pid(run, 1), signal.SIGKILL)
    wait_for_restart(run, 6)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 75, out + err + command.logs()
    assert is_gone(run) and run.state() is State.STOPPED
    assert "Signal 9 (SIGKILL) received" in (run.path / "logs" / "node-0.log").read_text()
    [restart] = run.events().of(Restart)
    assert restart.reason == "node 0 ended with exit code 1"
    loaded = [event.step for event in run.events().of(CheckpointLoaded)]
    assert loaded == [4]

    resume = next(line for line in out.splitlines() if line.startswith("resume"))
    command(*shlex.split(resume)[2:])
    assert [start.start_step for start in run.events().of(RunStart)] == [0, 4, run.events().last(CheckpointLoaded).step]
    assert is_gone(run) and run.state() is State.COMPLETED
    assert losses(run).keys() == losses(undisturbed).keys()
    for step, loss in losses(undisturbed).items():  # which is data-parallel: its sums are in another order
        assert losses(run)[step] == pytest.approx(loss, rel=5e-5), step


def wait_for_restart(run: Run, step: int) -> None:
    """Until it has been started again, and has done so many steps."""
    from tests.waiting import poll

    poll(lambda: bool(run.events().of(Restart)), 200, "it was started again")
    begun = len(run.events().of(RunStart))
    poll(lambda: len(run.events().of(RunStart)) > begun, 200, "its ranks have met")
    wait_for_step(run, step, 200)


# --- NeMo-Run's dry run, and ours ---

STACK = {"efa_installer": "1.50.0", "aws_ofi_nccl": "1.21.1", "libfabric": "2.6.0", "nccl": "2.31.2"}
ON_SLURM = replace(
    P5,
    shared="/fsx/seatrial",
    mounts=(Mount(source="/fsx", target="/fsx"), Mount(source="/data", target="/corpora", read_only=True)),
    container="pyxis",
    image="registry/nemo:25.07",
    environment={"NCCL_DEBUG": "INFO", "NOTE": "two words; $HOME"},
    stack=STACK,
    options=slurm.Options(account="research", partition="p5", time="4:00:00"),
)
ON_EKS = replace(
    ON_SLURM,
    launcher="kubernetes",
    container="docker",
    mounts=(Mount(source="fsx-claim", target="/fsx"), Mount(source="/data", target="/corpora", read_only=True)),
    options=kubernetes.Options(namespace="research"),
)


@pytest.fixture(scope="module")
def jobs() -> tuple[Job, Job]:
    recipe = CASE.recipe("llama3.1-70b")
    return bind(CASE, recipe, ON_SLURM), bind(CASE, recipe, ON_EKS)


@pytest.fixture(scope="module")
def told(jobs: tuple[Job, Job], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What NeMo-Run makes of our executors."""
    folder = tmp_path_factory.mktemp("executors")
    (folder / "jobs.pickle").write_bytes(pickle.dumps(((jobs[0], ON_SLURM), (jobs[1], ON_EKS))))
    cluster = {"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}]}
    context = {"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "current-context": "c"}
    users = {"users": [{"name": "u", "user": {}}]}
    (folder / "kubeconfig").write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **cluster, **context, **users})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEATRIAL_ENVIRONMENTS", raising=False)
        python = str(environments.python(environments.ensure("nemo-run")))
    subprocess.run(
        [python, "-m", "tests.trials.frameworks.nemo_run_executors", str(folder)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
            "NEMORUN_HOME": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
        },
        check=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return found


def directives(script: str) -> dict[str, str]:
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", script, re.MULTILINE)
    return {name: shlex.split(value)[0] if value else "" for name, value in found}


def exports(*scripts: str) -> dict[str, str]:
    """Variables that are set to a plain value, as the shell reads it."""
    pairs = [
        word for s in scripts for line in re.findall(r"^export (.+)$", s, re.MULTILINE) for word in shlex.split(line)
    ]
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def mounts(script: str) -> set[str]:
    [given] = re.findall(r"--container-mounts[ =](\S+)", script)
    return set(shlex.split(given)[0].split(","))


@pytest.mark.parametrize("launcher", ["torchrun", "ft"])
def test_slurm_is_asked_for_the_same(told: dict[str, Any], jobs: tuple[Job, Job], launcher: str) -> None:
    theirs, job = told[launcher], jobs[0]
    plan = slurm.LAUNCHER.render(job, ON_SLURM, "run-1")
    ours, start = plan.files["job.sbatch"], plan.files["start.sh"]
    for name in ("nodes", "ntasks-per-node", "gpus-per-node", "partition", "account", "time", "exclusive", "mem"):
        assert directives(theirs)[name] == directives(ours)[name], name
    assert directives(theirs)["nodes"] == "8"
    assert re.search(r"--nnodes[ =]8 --nproc[-_]per[-_]node[ =]8 ", theirs)
    assert exports(start).items() >= {"NNODES": "8", "NPROC_PER_NODE": "8"}.items()
    assert "--container-image registry/nemo:25.07 " in theirs and "--container-image=registry/nemo:25.07 " in ours
    [own] = [mount for mount in mounts(theirs) if mount.endswith(":/nemo_run")]
    assert mounts(theirs) - {own} == mounts(ours) == {"/fsx:/fsx", "/data:/corpora:ro"}
    placed = {"SEATRIAL_RUN", "NNODES", "NPROC_PER_NODE", "NODE_RANK", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"}
    placed.add("SEATRIAL_HANG_SECONDS")  # our watchdog's, which takes the place of their fault tolerance
    for name in exports(start).keys() - placed:
        assert exports(theirs)[name] == exports(start)[name], name
    assert exports(theirs)["NOTE"] == "two words; $HOME" and exports(theirs)["FI_EFA_USE_HUGE_PAGE"] == "0"
    subprocess.run(["bash", "-n"], input=theirs, text=True, check=True)


def test_faults_are_tolerated_by_its_own_launcher(told: dict[str, Any]) -> None:
    assert "ft_launcher" in told["ft"] and "FAULT_TOL_FINISHED_FLAG_FILE" in told["ft"]
    assert "ft_launcher" not in told["torchrun"] and "torchrun" in told["torchrun"]
    assert "TORCHX_MAX_RETRIES=1" in told["ft"]


def test_kubernetes_is_asked_for_the_same(told: dict[str, Any], jobs: tuple[Job, Job]) -> None:
    body, job = told["kubeflow"], jobs[1]
    trainer, [override] = body["spec"]["trainer"], body["spec"]["podTemplateOverrides"]
    manifest = yaml.safe_load(kubernetes.LAUNCHER.render(job, ON_EKS, "run-1").files["manifest.yaml"])
    indexed = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]
    pod = indexed["template"]["spec"]
    [container] = pod["containers"]
    assert trainer["numNodes"] == indexed["completions"] == 8 and trainer["numProcPerNode"] == 8
    assert trainer["image"] == container["image"] and body["metadata"]["namespace"] == "research"
    ours = {entry["name"]: entry.get("value") for entry in container["env"]}
    theirs = {entry["name"]: entry["value"].replace("$", "$$") for entry in trainer["env"]}
    of_launch = {
        "NODE_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "NNODES",
        "NPROC_PER_NODE",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT",
    }
    shared = {name: value for name, value in ours.items() if name not in of_launch and not name.startswith("SEATRIAL_")}
    assert {name: value for name, value in theirs.items() if name in shared} == shared
    [node] = override["spec"]["containers"]
    assert [mount["mountPath"] for mount in node["volumeMounts"]] == [m["mountPath"] for m in container["volumeMounts"]]
    claims = [volume.get("persistentVolumeClaim") for volume in override["spec"]["volumes"]]
    assert claims == [volume.get("persistentVolumeClaim") for volume in pod["volumes"]]
    limits = container["resources"]["limits"]
    for name in ("nvidia.com/gpu", "vpc.amazonaws.com/efa"):
        assert str(trainer["resourcesPerNode"]["limits"][name]) == str(limits[name]), name


def test_skypilot_knows_what_it_is_given(told: dict[str, Any], jobs: tuple[Job, Job]) -> None:
    assert skypilot_settings(jobs[1], ON_EKS).keys() <= set(told["skypilot"])


# --- NeMo's own llm.pretrain ---


@pytest.mark.external
def test_nemo_trains_stops_and_goes_on(command: Command) -> None:
    """In its own environment, which is made on request: seatrial env create nemo."""
    standing = environments.standing("nemo")
    if not standing.made or standing.path is None:
        pytest.skip("the environment nemo is not made: seatrial env create nemo")
    python = environments.python(standing.path)
    given = settings(f"python={python}", "steps=12", "checkpoint_every=6", "validation_every=6")
    command("run", "nemo-run/tiny-nemo", *given, "--name", "nemo")
    whole = losses(command.find("nemo"))
    assert sorted(whole) == list(range(1, 13)) and whole[12] < whole[1] - 0.5
    process, run = command.begin("run", "nemo-run/tiny-nemo", *given, name="nemo-stopped")
    wait_for_step(run, 7, 240)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 75, out + err + command.logs()
    command("run", "nemo-run/tiny-nemo", "--resume", "nemo-stopped")
    assert losses(run) == whole  # NeMo prints 4 digits
    assert is_gone(run)
