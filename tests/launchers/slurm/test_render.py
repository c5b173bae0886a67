"""What is rendered for Slurm, run by a real shell."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial import catalog
from seatrial.binding import bind
from seatrial.cluster import Cluster, Mount
from seatrial.errors import UserError
from seatrial.job import Job
from seatrial.launchers import slurm

CPU = Cluster(
    name="cpu",
    launcher="slurm",
    nodes=2,
    cpus_per_node=8,
    processes_per_node=8,
    shared="/fsx/seatrial",
    options=slurm.Options(),
)


def job(cluster: Cluster = CPU, target: str = "cpu-ddp/two-node", **changes: object) -> Job:
    case, recipe = catalog.recipe(target)
    return replace(bind(case, recipe, cluster, secrets=None), **changes)


def start(folder: Path, job: Job, cluster: Cluster, **env: str) -> tuple[dict[str, str], list[str]]:
    """Runs start.sh as Slurm would, with a program that writes down its environment and its arguments."""
    witness = folder / "witness"
    witness.write_text(f'#!/bin/bash\ncat /proc/$$/environ >"{folder}/env"\nprintf "%s\\0" "$@" >"{folder}/args"\n')
    witness.chmod(0o755)
    plan = slurm.render(job, replace(cluster, python=str(witness)), "job")
    (folder / "start.sh").write_text(plan.files["start.sh"])
    place = {"SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_NTASKS": "8", "SLURM_NODEID": "1"}
    variables = {"PATH": os.environ["PATH"], "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "20001", **place, **env}
    subprocess.run(["bash", "start.sh"], cwd=folder, env=variables, check=True, capture_output=True)
    seen = dict(entry.split("=", 1) for entry in read(folder / "env") if entry)
    return seen, read(folder / "args")[:-1]


def read(path: Path) -> list[str]:
    """Texts that end in a zero byte; a carriage return among them stays one."""
    return path.read_bytes().decode().split("\0")


def test_a_task_is_one_rank(tmp_path):
    env, args = start(tmp_path, job(), CPU)
    place = {name: env[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "SEATRIAL_RUN")}
    assert place == {
        "RANK": "5",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "8",
        "LOCAL_WORLD_SIZE": "4",
        "SEATRIAL_RUN": str(tmp_path),
    }
    assert args == ["-m", "seatrial.cases.cpu_ddp.train"] and env["OMP_NUM_THREADS"] == "2"


def test_torchrun_is_started_once_per_node(tmp_path):
    cluster = replace(CPU, options=slurm.Options(start="torchrun"))
    _, args = start(tmp_path, job(cluster), cluster)
    assert args[:2] == ["-m", "torch.distributed.run"] and args[-2:] == ["-m", "seatrial.cases.cpu_ddp.train"]
    assert {"--nnodes=2", "--nproc-per-node=4", "--node-rank=1", "--master-addr=10.0.0.1"} <= set(args)
    assert "#SBATCH --ntasks-per-node=1" in slurm.render(job(cluster), cluster, "job").files["job.sbatch"]


def test_a_launcher_per_node_gets_the_place_of_its_node(tmp_path):
    env, args = start(tmp_path, job(launch="node"), CPU)
    assert (env["NODE_RANK"], env["NNODES"], env["NPROC_PER_NODE"]) == ("1", "2", "4")
    assert args == ["-m", "seatrial.cases.cpu_ddp.train"] and "RANK" not in env


def test_a_driver_runs_once_in_the_batch_script():
    script = slurm.render(job(launch="driver"), CPU, "job").files["job.sbatch"]
    assert "srun" not in script.replace("# ", "") and 'bash "$plan/start.sh" >>logs/driver.log' in script


def test_the_tasks_of_an_mpi_program_are_ranks_that_pmix_knows():
    usual, mpi = (slurm.render(job(launch=launch), CPU, "job").files for launch in ("rank", "mpi"))
    assert mpi["start.sh"] == usual["start.sh"]
    assert mpi["job.sbatch"] == usual["job.sbatch"].replace("--mpi=none", "--mpi=pmix") != usual["job.sbatch"]
    torchrun = replace(CPU, options=slurm.Options(start="torchrun"))
    assert slurm.render(job(launch="mpi"), torchrun, "job").files["start.sh"] == mpi["start.sh"]
    docker = replace(CPU, container="docker", image="a/b:1", mounts=(Mount(source="/fsx", target="/fsx"),))
    with pytest.raises(UserError, match='set container = "pyxis"'):
        slurm.render(job(launch="mpi"), docker, "job")


def test_docker_gets_devices_and_names_of_variables_but_no_values(tmp_path):
    mounts = (Mount(source="/fsx", target="/fsx"), Mount(source="/data", target="/d", read_only=True))
    cluster = replace(
        CPU,
        cpus_per_node=192,
        accelerators_per_node=8,
        nodes=4,
        instance_type="p5.48xlarge",
        container="docker",
        image="registry/image:1",
        mounts=mounts,
        environment={"LICENCE": "do not show"},
        options=slurm.Options(start="torchrun"),
    )
    text = slurm.render(job(cluster, "fsdp/llama3.1-8b"), cluster, "job").files["start.sh"]
    command = text[text.index("exec docker") :]
    assert "--device=/dev/infiniband/uverbs31 " in command and "uverbs32" not in command and "--gpus=all" in command
    assert "--volume=/fsx:/fsx " in command and "--volume=/data:/d:ro" in command
    assert "--env=LICENCE" in command and "--env=HF_TOKEN" in command and "do not show" not in command
    assert "kill -s TERM" in slurm.render(job(cluster), cluster, "job").files["job.sbatch"]


ANYTHING = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=ANYTHING, program=ANYTHING.map(lambda text: f"/{text.replace('/', '')}.py"))
def test_no_value_breaks_out_of_the_script(tmp_path, value, program):
    """Quotes, $(...), line breaks: the program sees what was given, and nothing else happens."""
    cluster = replace(CPU, environment={"ANYTHING": value})
    before = {path.name for path in tmp_path.iterdir()} | {"witness", "start.sh", "env", "args"}
    env, args = start(tmp_path, job(program=program, title=value), cluster)
    assert env["ANYTHING"] == value and args == [program]
    assert {path.name for path in tmp_path.iterdir()} == before


@settings(max_examples=60)
@given(name=ANYTHING.filter(lambda text: text.strip()), label=ANYTHING)
def test_no_name_breaks_out_of_a_directive(name, label):
    plan = slurm.render(job(case=label or "x"), CPU, name)
    lines = plan.files["job.sbatch"].splitlines()
    plain = slurm.render(job(), CPU, "job").files["job.sbatch"].splitlines()
    different = [line for line, usual in zip(lines, plain, strict=True) if line != usual]
    assert all(line.startswith(("# ", "#SBATCH --job-name=")) for line in different)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("partition", "dev; rm -rf /"),
        ("account", "a b"),
        ("time", "1\n#SBATCH --nodes=9"),
        ("sbatch", ("--mail-type=END", "-n 4")),
        ("reach", "ssh:-oProxyCommand=x"),
        ("reach", "far"),
        ("array", 0),
        ("max_restarts", -1),
        ("gpu_type", "h100 # x"),
    ],
)
def test_options_that_cannot_stand_in_a_script_are_refused(option, value):
    with pytest.raises(UserError) as caught:
        slurm.render(job(), replace(CPU, options=slurm.Options(**{option: value})), "job")
    assert [problem.where for problem in caught.value.problems] == [option]


def test_all_that_a_cluster_lacks_is_told_at_once():
    cluster = replace(CPU, shared=None, container="docker", options=slurm.Options(auto_resume=True, array=2))
    with pytest.raises(UserError) as caught:
        slurm.render(job(), cluster, "job")
    said = " ".join(problem.what for problem in caught.value.problems)
    for what in ("no folder that all nodes share", "no image", "docker cannot see", "tasks of an array"):
        assert what in said


def test_a_container_must_see_the_shared_folder():
    cluster = replace(CPU, container="pyxis", image="i", mounts=(Mount(source="/fsx", target="/data"),))
    with pytest.raises(UserError, match="no mount brings /fsx/seatrial into the container"):
        slurm.render(job(), cluster, "job")


def test_a_shared_folder_that_cannot_be_written_to_is_refused():
    mounts = (Mount(source="/fsx", target="/fsx", read_only=True),)
    cluster = replace(CPU, container="pyxis", image="i", mounts=mounts)
    with pytest.raises(UserError, match="/fsx/seatrial is mounted read-only"):
        slurm.render(job(), cluster, "job")


def test_what_cannot_resume_is_neither_requeued_nor_restarted():
    cluster = replace(CPU, options=slurm.Options(auto_resume=True))
    script = slurm.render(job(resumable=False), cluster, "job").files["job.sbatch"]
    assert "#SBATCH --no-requeue" in script and "--signal" not in script.split("plan=")[0]
    assert "--auto-resume" not in script and '"$restarts" -ge 0' in script
    assert "--auto-resume=1" in slurm.render(job(), cluster, "job").files["job.sbatch"]


def test_memory_is_asked_for_beside_nodes_that_are_the_jobs_alone():
    def asked(**options: object) -> list[str]:
        cluster = replace(CPU, options=slurm.Options(**options))
        lines = slurm.render(job(cluster), cluster, "job").files["job.sbatch"].splitlines()
        return [line.removeprefix("#SBATCH ") for line in lines if "--mem" in line or "--exclusive" in line]

    assert asked() == ["--exclusive", "--mem=0"]
    assert asked(memory="1500G") == ["--exclusive", "--mem=1500G"]
    assert asked(exclusive=False) == []
    assert asked(exclusive=False, memory="64G") == ["--mem=64G"]
    assert asked(sbatch=("--mem-per-cpu=4G",)) == ["--exclusive", "--mem-per-cpu=4G"]
    with pytest.raises(UserError, match="'64 GiB' is no amount of memory"):
        asked(memory="64 GiB")


def test_cpus_are_those_that_slurm_has_where_hyper_threading_is_off():
    devices = {"accelerators_per_node": 8, "processes_per_node": 8, "instance_type": "p5.48xlarge"}
    cluster = replace(CPU, nodes=4, cpus_per_node=96, **devices)
    bound = job(cluster, "fsdp/llama3.1-8b", nodes=4)
    assert "#SBATCH --cpus-per-task=12\n" in slurm.render(bound, cluster, "job").files["job.sbatch"]
    assert bound.threads_per_process == 12


def test_gpus_are_asked_for_as_the_cluster_wants():
    def asked(instance: str, target: str = "fsdp/llama3.1-8b", **options: object) -> str:
        cluster = replace(
            CPU,
            nodes=16,
            cpus_per_node=192,
            accelerators_per_node=8,
            instance_type=instance,
            options=slurm.Options(**options),
        )
        return slurm.render(job(cluster, target), cluster, "job").files["job.sbatch"]

    assert "#SBATCH --gpus-per-node=8\n" in asked("p5.48xlarge")
    assert "#SBATCH --gres=gpu:h100:8\n" in asked("p5.48xlarge", gpus="gres", gpu_type="h100")
    assert "gpu" not in asked("p5.48xlarge", gpus="none").replace("fsdp", "")
    assert "gpu" not in asked("p5.48xlarge", target="cpu-ddp/two-node")
