"""Rules about nodes: that a training program is told of all that its job has, and of no others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.allocation import nodes, number, step, value
from seatrial.lint.documents import Document
from seatrial.lint.launch import NODES, STANDING_IN, Launch, code, launched
from seatrial.lint.manifest import Container, Map, integer
from seatrial.lint.pods import entrypoint, groups, kind, total
from seatrial.lint.rules import ALL, Hit, Tree, rule
from seatrial.lint.rules_mpi import copies_of_mpirun
from seatrial.lint.script import Word, option
from seatrial.lint.started import launches_of

TORCHRUN = "https://docs.pytorch.org/docs/stable/elastic/run.html"
OPERATOR = "Kubeflow training operator, pkg/controller.v1/pytorch/envvar.go (2026-11)"
_INDEX = re.compile(
    r"SLURM_(PROCID|NODEID|ARRAY)|JOB_COMPLETION_INDEX|job-completion-index|VC_TASK_INDEX|LWS_WORKER_INDEX"
)
_OF_PARTS = ("JobSet", "VolcanoJob", "LeaderWorkerSet", "HyperPodPyTorchJob")
"""Kinds whose parts train together, and of which no operator tells torchrun so."""
_RANK = re.compile(r"--(node|machine)[-_]rank[= ]\S+")
_MEETING = ("--rdzv_endpoint", "--rdzv_id", "--master_addr", "--node_rank", "--main_process_ip")
"""Options that make sense only where there are other nodes."""
_JOBSET = """apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
spec:
  replicatedJobs:
    - template:
        spec:
          parallelism: {}
          template:
            spec:
              containers:
                - image: registry.example.com/train:1.4.0
                  command: [torchrun, --nnodes=4, --rdzv_endpoint=head, train.py]
"""


def alone(launch: Launch, around: str) -> bool:
    """Nothing tells it of other nodes. `around`: the text that sets its variables."""
    stated = launch.nodes
    if launch.program == "hyperpodrun":  # HyperPod's operator tells it
        return False
    if launch.unknown or any(name in around for name in STANDING_IN[launch.program]):
        return False
    words = " ".join(word.source for word in launch.words)
    if _INDEX.search(_RANK.sub("", words)):  # each of them gets a part of its own
        return False
    if any(word.text == "--standalone" for word in launch.options):
        return False
    if launch.program == "torchrun" and stated and stated.text in ("1", "1:1"):
        return any(option(launch.options, name) for name in _MEETING)
    return stated is None and _without_file(launch)


def _without_file(launch: Launch) -> bool:
    """No file of its own may tell it of other nodes."""
    names = {word.text.partition("=")[0] for word in launch.options}
    if launch.program == "accelerate":
        return "--config_file" not in names and bool(names & {"--multi_gpu", "--num_processes"})
    if launch.program == "deepspeed":
        return not names & {"--hostfile", "-H", "--no_ssh", "--launcher", "--include", "-i"}
    return True


def _lacks(launch: Launch) -> str:
    """What would tell it of other nodes, and is not there."""
    return f"with --nnodes={launch.nodes.text}" if launch.nodes else f"without {NODES[launch.program][0]}"


@rule(
    "launch.separate-trainings",
    Verdict.FAIL,
    ALL,
    expected="--nnodes, or PET_NNODES in the environment, wherever torchrun runs on several nodes",
    why="Without it torchrun counts one node: every node trains alone, on all of the data, and writes over the "
    "others' checkpoints. The job looks healthy.",
    remedy="say --nnodes, with --rdzv_backend=c10d and --rdzv_endpoint=HOST:PORT of the first node; accelerate: "
    "--num_machines; composer: --world_size. One training on each node is meant: say --standalone",
    source=f"{TORCHRUN}; {OPERATOR}",
    bad="#!/bin/bash\n#SBATCH --nodes=4\n#SBATCH --gpus-per-node=8\nsrun torchrun --nproc_per_node=8 train.py\n",
    at=4,
    good="#!/bin/bash\n#SBATCH --nodes=4\n#SBATCH --gpus-per-node=8\n"
    "srun torchrun --nnodes=4 --rdzv_backend=c10d --rdzv_endpoint=head:29500 --nproc_per_node=8 train.py\n",
)
def separate_trainings(document: Document, tree: Tree) -> Iterator[Hit]:
    if document.kind == "yaml":
        yield from _separate_pods(document)
        return
    for launch in launches_of(document, tree):
        around = code(document.text)
        taken = step(document, launch.srun) if launch.srun else None
        if taken and taken.nodes and taken.nodes > 1 and (taken.tasks or 0) > 1 and alone(launch, around):
            yield launch.line, f"{launch.name} on {taken.nodes} nodes {_lacks(launch)}"
        elif copies_of_mpirun(launch) > 1 and alone(launch, around):
            yield launch.line, f"{launch.name}, {copies_of_mpirun(launch)} times, {_lacks(launch)}"


def _separate_pods(document: Document) -> Iterator[Hit]:
    for group in groups(document):
        for container, launch in group.launches():
            many = total(document) if kind(document) in _OF_PARTS else group.pods
            if many and many > 1 and _told_by_nothing(document, container) and alone(launch, code(document.text)):
                yield launch.line, f"{launch.program} in {many} pods {_lacks(launch)}"
    for launch in launched(document) if kind(document) == "MPIJob" else ():
        if copies_of_mpirun(launch) > 1 and alone(launch, code(document.text)):
            yield launch.line, f"{launch.program}, {copies_of_mpirun(launch)} times, {_lacks(launch)}"
    workers = _ray_workers(document)
    for launch in entrypoint(document):
        if workers and alone(launch, code(document.text)):
            yield launch.line, f"{launch.program} runs on the head alone, beside {workers} workers"


def _told_by_nothing(document: Document, container: Container) -> bool:
    """Neither an operator nor a file of variables tells a container how many pods there are.

    The training operator sets PET_NNODES in every pod since 1.7, but an address only where there is a Master or an
    elasticPolicy; the trainer of TrainJobs sets all.
    """
    if container.spec.get("envFrom"):
        return False
    spec = (document.manifest or Map()).map("spec")
    if kind(document) == "PyTorchJob":
        named = {assignment.name for assignment in container.environment}
        met = named & {"MASTER_ADDR", "PET_MASTER_ADDR", "PET_RDZV_ENDPOINT"}
        return not met and "Master" not in spec.map("pytorchReplicaSpecs") and "elasticPolicy" not in spec
    return kind(document) in (*_OF_PARTS, "Job")


def _ray_workers(document: Document) -> int:
    workers = (document.manifest or Map()).map("spec", "rayClusterSpec").items_of("workerGroupSpecs")
    return sum(integer(group.get("replicas")) or 0 for group in workers)


@rule(
    "slurm.first-node-only",
    Verdict.FAIL,
    ("sbatch",),
    expected="srun in front of what is to run on every node",
    why="Slurm runs the batch script on the first node: without srun the others wait, reserved and idle.",
    remedy="write srun in front of the command, and tell it of the nodes; or ask for one node",
    source="https://slurm.schedmd.com/sbatch.html",
    bad="#!/bin/bash\n#SBATCH --nodes=4\n#SBATCH --gpus-per-node=8\ntorchrun --nproc_per_node=8 train.py\n",
    at=4,
    good="#!/bin/bash\n#SBATCH --nodes=1\n#SBATCH --gpus-per-node=8\ntorchrun --nproc_per_node=8 train.py\n",
)
def first_node_only(document: Document, tree: Tree) -> Iterator[Hit]:
    count = nodes(document)
    if not count or count < 2 or document.embedded or _spreads(document):
        return
    for launch in launches_of(document, tree):
        plain = not launch.before or re.fullmatch(r"exec|time|env|nohup|python[\d.]*", launch.before[0].text)
        if not plain or launch.program == "deepspeed" or (launch.command.outer and not launch.via):
            continue
        several = (value(launch.nodes, document) or 0) > 1 and not _is_handed(launch)
        told = launch.nodes is not None or launch.unknown or not _without_file(launch)
        if several:
            yield launch.line, f"{launch.name} without srun waits for {count} nodes"
        elif not told and "WORLD_SIZE" not in code(document.text):
            yield launch.line, f"{launch.name} without srun, in a job of {count} nodes"


def _is_handed(launch: Launch) -> bool:
    """Whoever starts it on each node says which one that is: ``--node_rank=$1``."""
    rank = option(launch.options, "--node_rank", "--machine_rank")
    return rank is not None and re.search(r"\$\{?(SLURM_(PROCID|NODEID)\b)|^\d+$", rank.text) is None


_SPREADERS = {"mpirun", "mpiexec", "pdsh", "clush", "ssh", "parallel", "ibrun", "prun", "jsrun", "aprun", "flux", "ray"}
_HARMLESS = re.compile(r"hostname|nvidia-smi|echo|mkdir|rm|cp|date|scontrol|ip|cat|ls|nproc|free|df|uname|sleep|true")
_ITSELF = re.compile(r"\$\{?(0\b|BASH_SOURCE)|declare -f|export -f|\bsrun\s+[\"']?\$|sbatch\b(?!\s*$)")


def _spreads(document: Document) -> bool:
    """Something in it may start the script, or a part of it, on other nodes."""
    if _ITSELF.search(code(document.text)):
        return True
    for command in document.commands():
        if command.find(*_SPREADERS) is not None:
            return True
        at = command.find("srun")
        if at is not None and not any(_HARMLESS.fullmatch(word.text) for word in command.words[at:]):
            return True
    return False


def _differs(launch: Launch, have: int, document: Document) -> Word | None:
    """The number of nodes that it is told of, if that is a number, no range, and another."""
    stated, count = launch.nodes, value(launch.nodes, document)
    if launch.program == "composer":  # it is told of the processes on all nodes
        each = number(launch.processes)
        count = count // each if count and each and count % each == 0 else None
        return stated if count not in (None, have) else None
    return stated if count not in (None, 1, have) else None


@rule(
    "slurm.node-count",
    Verdict.FAIL,
    ("sbatch", "shell"),
    expected="--nnodes equal to the nodes that srun starts it on",
    why="With fewer nodes than --nnodes the rendezvous waits until it times out; with more, the rest is turned away.",
    remedy="write --nnodes=$SLURM_NNODES, or make the two numbers agree",
    source=TORCHRUN,
    bad="#!/bin/bash\n#SBATCH --nodes=2\n"
    "srun torchrun --nnodes=4 --rdzv_backend=c10d --rdzv_endpoint=head:29500 --nproc_per_node=8 train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\n"
    "srun torchrun --nnodes=$SLURM_NNODES --rdzv_backend=c10d --rdzv_endpoint=head:29500 --nproc_per_node=8 train.py\n",
)
def node_count_of_slurm(document: Document, tree: Tree) -> Iterator[Hit]:
    for launch in launches_of(document, tree):
        taken = step(document, launch.srun).nodes if launch.srun else None
        stated = _differs(launch, taken, document) if taken else None
        if stated and not (taken == 1 and nodes(document) != 1):  # one srun for each node
            yield launch.line_of(stated), f"{NODES[launch.program][0]}={stated.text} on {taken} nodes"


@rule(
    "kubernetes.node-count",
    Verdict.FAIL,
    ("yaml",),
    expected="--nnodes equal to the pods of the job",
    why="With fewer pods than --nnodes the rendezvous waits for ever; with more, the rest is turned away.",
    remedy="make --nnodes, PET_NNODES and the replicas agree",
    source=TORCHRUN,
    bad=_JOBSET.format(2),
    at=12,
    good=_JOBSET.format(4),
)
def node_count(document: Document, _: Tree) -> Iterator[Hit]:
    pods = total(document)
    for group in groups(document) if pods else ():
        for container, launch in group.launches():
            for line, name, count in _stated(container, launch):
                if count not in (pods, group.pods, group.slice) and pods is not None:
                    yield line, f"{name}={count} and {pods} pods"


def _stated(container: Container, launch: Launch) -> Iterator[tuple[int, str, int]]:
    """Where nodes are told as a number that is no range, and by what name."""
    stated = launch.nodes if launch.program not in ("composer", "hyperpodrun") else None
    count = integer(stated.text) if stated else None
    if stated and count is not None and count > 1:
        yield stated.line, NODES[launch.program][0], count
    for assignment in container.environment:
        named = integer(assignment.value) if assignment.name == "PET_NNODES" and stated is None else None
        if named is not None:
            yield assignment.line, "PET_NNODES", named
