"""Rules about processes and GPUs of a Slurm job: as many as each other, and started once."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.allocation import EACH, directives, gpus_per_node, nodes, number, step, value
from seatrial.lint.documents import Document
from seatrial.lint.launch import LIKE_TORCHRUN, Launch, code
from seatrial.lint.pods import groups
from seatrial.lint.rules import Hit, Tree, rule
from seatrial.lint.rules_resources import EFA
from seatrial.lint.rules_steps import steps
from seatrial.lint.script import option
from seatrial.lint.started import launches_of

TORCHRUN = "https://docs.pytorch.org/docs/stable/elastic/run.html"
UPSTREAM = "awslabs/awsome-distributed-ai"


@rule(
    "slurm.torchrun-per-gpu",
    Verdict.FAIL,
    ("sbatch",),
    expected="torchrun once on each node",
    why="torchrun starts a process for every GPU itself: one torchrun per GPU makes N x N processes for N GPUs.",
    remedy="set --ntasks-per-node=1, or start the program itself in each task, without torchrun",
    source=f"{UPSTREAM}#1112",
    bad="#!/bin/bash\n"
    "#SBATCH --gpus-per-node=8\n"
    "#SBATCH --ntasks-per-node=8\n"
    "srun torchrun --nproc_per_node=8 train.py\n",
    at=4,
    good="#!/bin/bash\n"
    "#SBATCH --gpus-per-node=8\n"
    "#SBATCH --ntasks-per-node=1\n"
    "srun torchrun --nproc_per_node=8 train.py\n",
)
def torchrun_per_gpu(document: Document, tree: Tree) -> Iterator[Hit]:
    for launch in launches_of(document, tree):
        tasks = step(document, launch.srun).each if launch.srun else None
        if launch.several and tasks and tasks > 1:
            count = launch.processes
            yield launch.line, f"{tasks} x {launch.name} on each node, {count.text if count else 'all'} processes each"


@rule(
    "slurm.no-gpu-request",
    Verdict.WARN,
    ("sbatch",),
    expected="--gpus-per-node, --gres=gpu:N or --exclusive",
    why="Where GPUs are a Slurm resource, a job that asks for none sees none; where they are not, it shares the node.",
    remedy="add #SBATCH --gpus-per-node=N, or --exclusive on clusters without GRES",
    source="https://slurm.schedmd.com/gres.html; meta-pytorch/torchx#1101",
    bad="#!/bin/bash\n"
    "#SBATCH --nodes=1\n"
    "export CUDA_DEVICE_MAX_CONNECTIONS=1\n"
    "srun torchrun --nproc_per_node=8 train.py\n",
    at=4,
    good="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --gpus-per-node=8\n"
    "srun torchrun --nnodes=2 --rdzv_backend=c10d --rdzv_endpoint=head:29500 --nproc_per_node=8 train.py\n",
)
def no_gpu_request(document: Document, tree: Tree) -> Iterator[Hit]:
    asked = ("--gres", "--gpus", "--gpus-per-node", "--gpus-per-task", "--exclusive", "-G", "--tres-per-task")
    if any(word.text.partition("=")[0] in asked or word.text.startswith("-G") for word in directives(document)):
        return
    names = {a.name for a in document.assignments()} | {name for script in document.scripts for name in script.values}
    for command, options, program in steps(document):
        inside = any(word.text in ("--nv", "--nvccli") for word in program)  # Singularity and Apptainer
        if inside and not any(word.text.partition("=")[0] in asked for word in options):
            yield command.line, f"{program[0].text} with GPUs, and no line asks Slurm for one"
            return
    if any(name.startswith(("CUDA_", "NCCL_")) or "GPU" in name for name in names):
        for launch in launches_of(document, tree):
            if not any(word.text.partition("=")[0] in asked for word in launch.srun or ()):
                yield launch.line, f"{launch.name} on GPUs, and no line asks Slurm for one"
                return


@rule(
    "slurm.gres-and-gpus",
    Verdict.WARN,
    ("sbatch",),
    expected="one way of asking for GPUs",
    why="--gres=gpu and --gpus-per-node ask for the same GPUs twice: once one of them is edited, they disagree.",
    remedy="keep --gpus-per-node",
    source="https://slurm.schedmd.com/gres.html; NVIDIA/cloudai#613",
    bad="#!/bin/bash\n#SBATCH --gres=gpu:8\n#SBATCH --gpus-per-node=8\nsrun hostname\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --gpus-per-node=8\nsrun hostname\n",
)
def gres_and_gpus(document: Document, _: Tree) -> Iterator[Hit]:
    words = directives(document)
    gres = option(words, "--gres")
    gpus = option(words, "--gpus-per-node") or option(words, "--gpus")
    if gres and gpus and gres.text.startswith("gpu"):
        yield gpus.line, f"--gres={gres.text} and {gpus.source}"


@rule(
    "slurm.more-processes-than-gpus",
    Verdict.FAIL,
    ("sbatch",),
    expected="one process for each GPU of a node",
    why="Ranks beyond the node's GPUs find no device, or NCCL refuses two of them on one GPU.",
    remedy="make --nproc_per_node and the GPUs that are asked for agree",
    source="PyTorch, torchrun: https://docs.pytorch.org/docs/stable/elastic/run.html",
    bad="#!/bin/bash\n#SBATCH --gpus-per-node=4\nsrun torchrun --nproc_per_node=8 train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --gpus-per-node=8\nsrun torchrun --nproc_per_node=8 train.py\n",
)
def more_processes_than_gpus(document: Document, tree: Tree) -> Iterator[Hit]:
    instance = document.instance() or tree.instance
    asked = gpus_per_node(document)
    if asked and instance and asked > instance.accelerators:
        word = option(directives(document), "--gpus-per-node") or option(directives(document), "--gres")
        yield (
            word.line if word else document.line,
            f"{asked} GPUs of a {instance.name}, which has {instance.accelerators}",
        )
    for launch in launches_of(document, tree) if asked else ():
        count, many = launch.processes, processes_per_node(launch, document)
        if count and asked and many and many > asked:
            yield launch.line_of(count), f"{many} processes on {asked} GPUs"


def processes_per_node(launch: Launch, document: Document) -> int | None:
    """Processes that it starts on each node; None: not known. accelerate counts those of all machines."""
    count = number(launch.processes)
    if launch.program != "accelerate" or count is None:
        return count
    machines = value(launch.nodes, document) if launch.nodes else 1
    return -(-count // machines) if machines else None


@rule(
    "launch.idle-gpus",
    Verdict.WARN,
    ("sbatch", "yaml"),
    expected="as many processes as GPUs",
    why="torchrun starts one process for each GPU that is to be used: the others are paid for and idle.",
    remedy="ask for as many GPUs as there are processes, or write --nproc_per_node=gpu",
    source=TORCHRUN,
    bad="#!/bin/bash\n#SBATCH --gpus-per-node=8\nsrun torchrun --nproc_per_node=4 train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --gpus-per-node=8\nsrun torchrun --nproc_per_node=gpu train.py\n",
)
def idle_gpus(document: Document, tree: Tree) -> Iterator[Hit]:
    if "CUDA_VISIBLE_DEVICES" in document.text and "CUDA_VISIBLE_DEVICES" in code(document.text):
        return
    if document.kind == "yaml":
        # whoever asks for EFA takes a whole node, since its interfaces are of no use to another pod
        started = [(c, launch) for g in groups(document) for c, launch in g.launches() if not c.resource(EFA)]
        pairs = [(launch, c.resource("nvidia.com/gpu")) for c, launch in started]
    else:
        pairs = [(launch, gpus_per_node(document)) for launch in launches_of(document, tree)]
    for launch, asked in pairs if len(pairs) == 1 else ():  # several may share them
        many = processes_per_node(launch, document)
        if asked and many and 1 < many < asked and launch.program in (*LIKE_TORCHRUN, "accelerate"):
            yield launch.line_of(launch.processes), f"{many} processes on {asked} GPUs of a node"


@rule(
    "slurm.task-count",
    Verdict.WARN,
    ("sbatch",),
    expected="--ntasks equal to --nodes times --ntasks-per-node, or one of them alone",
    why="--ntasks wins, and --ntasks-per-node is only its limit on each node: srun starts another number of tasks "
    "than the two lines suggest.",
    remedy="leave --ntasks away where --nodes and --ntasks-per-node are given",
    source="https://slurm.schedmd.com/sbatch.html, --ntasks-per-node",
    bad="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=8\n#SBATCH --ntasks=8\nsrun hostname\n",
    at=4,
    good="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=8\n#SBATCH --ntasks=16\nsrun hostname\n",
)
def task_count(document: Document, _: Tree) -> Iterator[Hit]:
    words = directives(document)
    stated = option(words, "--ntasks", "-n")
    total, each, count = number(stated), number(option(words, *EACH)), nodes(document)
    if stated and total and each and count and option(words, "--nodes", "-N") and total != each * count:
        yield stated.line, f"{total} tasks, and {count} nodes with {each} each"
