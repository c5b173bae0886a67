"""What is rendered for Slurm, judged by a real Slurm: its own test of every header, and its own parsing of options."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import catalog
from seatrial.binding import bind
from seatrial.cluster import Mount
from seatrial.errors import UserError
from seatrial.launchers import slurm as launcher
from seatrial.plan import Plan
from tests import clusters
from tests.launchers.texts import distinct
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.project import Project
from tests.waiting import poll

P5 = replace(
    clusters.P5,
    nodes=4,
    shared="/fsx/seatrial",
    mounts=(Mount(source="/fsx", target="/fsx"),),
    image="/fsx/images/seatrial.sqsh",
    options=launcher.Options(),
)
OPTIONS = (
    launcher.Options(partition="cloud", time="2:00:00", constraint="p5.48xlarge&efa", switches="2@5:00"),
    launcher.Options(partition="cloud", start="torchrun", gpus="gres", gpu_type="h100", exclusive=False, array=3),
    launcher.Options(
        partition="cloud", gpus="none", comment="a-comment", dependency="singleton", sbatch=("--mail-type=END",)
    ),
)


@pytest.mark.parametrize("container", ["none", "pyxis"])
@pytest.mark.parametrize("options", OPTIONS, ids=["tasks", "torchrun", "no-gres"])
def test_sbatch_takes_every_recipe(slurm_cluster: Slurm, tmp_path: Path, options, container):
    """One of each header that recipes become: it is all that sbatch reads."""
    cluster = replace(P5, nodes=256, container=container, options=options)
    for job, plan in distinct(cluster, part=header):
        script = tmp_path / "job.sbatch"
        script.write_text(plan.files["job.sbatch"])
        done = slurm_cluster.run("sbatch", "--test-only", script, check=False)
        assert done.returncode == 0 and "to start at" in done.stderr, f"{job.label}: {done.stderr}"


def header(plan: Plan) -> str:
    return "\n".join(line for line in plan.files["job.sbatch"].splitlines() if line.startswith("#SBATCH"))


def test_sbatch_refuses_what_the_nodes_do_not_have(slurm_cluster: Slurm, tmp_path: Path):
    """The test above can fail."""
    case, recipe = catalog.recipe("fsdp/llama3.1-8b")
    cluster = replace(P5, nodes=8)
    plan = launcher.render(
        bind(case, recipe, cluster, secrets=None, nodes=5, settings={"global_batch_size": 40}), cluster, "job"
    )
    script = tmp_path / "job.sbatch"
    script.write_text(plan.files["job.sbatch"])
    assert slurm_cluster.run("sbatch", "--test-only", script, check=False).returncode != 0


def test_a_gpu_job_sees_its_gpus_its_variables_and_its_place(slurm: Slurm, tmp_path: Path):
    """Everything but the training: the program is replaced by one that writes down what it was given."""
    witness = tmp_path / "python"
    witness.write_text('#!/bin/bash\nenv >"$SEATRIAL_RUN/logs/env-$RANK"\necho "$@" >>"$SEATRIAL_RUN/logs/env-$RANK"\n')
    witness.chmod(0o755)
    case, recipe = catalog.recipe("fsdp/llama3.1-8b")
    cluster = replace(P5, shared=str(tmp_path), python=str(witness), options=launcher.Options())
    plan = launcher.render(bind(case, recipe, cluster, secrets=None), cluster, "job")
    folder = tmp_path / "job"
    plan.write(folder)
    number = slurm.sbatch(folder / "job.sbatch", f"--chdir={folder}")
    slurm.wait(number)
    seen = {rank: (folder / f"logs/env-{rank}").read_text().splitlines() for rank in range(32)}
    for rank, lines in seen.items():
        assert f"LOCAL_RANK={rank % 8}" in lines and "WORLD_SIZE=32" in lines and "MASTER_ADDR=127.0.0.1" in lines
        assert "CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7" in lines and "FI_EFA_USE_HUGE_PAGE=0" in lines
        assert lines[-1] == "-m seatrial.cases.fsdp.train"
    ports = {line for lines in seen.values() for line in lines if line.startswith("MASTER_PORT=")}
    assert len(ports) == 1


def test_containers_and_auto_resume_are_asked_for(slurm: Slurm, tmp_path: Path):
    options = 'auto_resume = true\nreach = "here"'
    project = Project.make(tmp_path / "project", slurm, options=options)
    toml = project.folder / "seatrial.toml"
    mounts = f'mounts = ["{project.folder}:{project.folder}", "/opt:/opt:ro"]'
    toml.write_text(
        toml.read_text().replace("nodes = 4", f'nodes = 4\ncontainer = "pyxis"\nimage = "reg/image:1"\n{mounts}')
    )
    witness = tmp_path / "python"
    witness.write_text('#!/bin/bash\nenv | grep SHIM >"$SEATRIAL_RUN/logs/shim"\n')
    witness.chmod(0o755)
    toml.write_text(toml.read_text().replace("python = ", f'python = "{witness}" # '))
    run = project.detach("cpu-ddp", "--processes", "1", "--name", "run")
    slurm.wait(run.submission().job_id)
    poll((project.folder / "shared/run/logs/shim").exists, 60, "the program has written")
    lines = (project.folder / "shared/run/logs/shim").read_text().splitlines()
    assert "PYXIS_SHIM_IMAGE=reg/image:1" in lines and "SHIM_AUTO_RESUME=1" in lines
    assert f"PYXIS_SHIM_MOUNTS={project.folder}:{project.folder},/opt:/opt:ro" in lines


def test_the_same_submission_many_times_at_once_is_one_job(slurm: Slurm, tmp_path: Path, monkeypatch):
    """Somebody tries again while the first attempt, whose connection broke, is still at work."""
    for name, value in slurm.env.items():
        monkeypatch.setenv(name, value)
    case, recipe = catalog.recipe("cpu-ddp/tiny")
    cluster = replace(P5, shared=str(tmp_path / "shared"), options=launcher.Options(sbatch=("--hold",)))
    plan = launcher.render(bind(case, recipe, cluster), cluster, "a run")
    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(lambda _: launcher.submit(plan, "a run", cluster), range(8)))
    [number] = numbers
    assert slurm.run("squeue", "--noheader", "--format=%A").stdout.split() == [number]
    assert launcher.submit(plan, "another run", cluster) != number


def test_what_sbatch_refuses_leaves_nothing(slurm: Slurm, tmp_path: Path, monkeypatch):
    for name, value in slurm.env.items():
        monkeypatch.setenv(name, value)
    case, recipe = catalog.recipe("cpu-ddp/tiny")
    cluster = replace(P5, shared=str(tmp_path / "shared"), options=launcher.Options(partition="nowhere"))
    plan = launcher.render(bind(case, recipe, cluster), cluster, "a run")
    with pytest.raises(UserError, match=r"Slurm of cluster p5: .*invalid partition specified: nowhere"):
        launcher.submit(plan, "a run", cluster)
    assert list((tmp_path / "shared").iterdir()) == []
