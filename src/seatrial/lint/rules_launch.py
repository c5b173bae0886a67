"""Rules about how the processes of a job are started and find each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.launch import Launch, directives, launches, nodes, number
from seatrial.lint.rules import ALL, SHELL, Hit, Tree, rule
from seatrial.lint.script import option
from seatrial.lint.words import text_of

UPSTREAM = "awslabs/awsome-distributed-ai"
_OWN_NAME = re.compile(r"(MASTER_ADDR=|--master[_-]addr[= ]|--rdzv[_-]endpoint[= ])[\"']?\$\(hostname")
TASKS = ("--ntasks-per-node", "--ntasks", "-n")


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
def torchrun_per_gpu(document: Document, _: Tree) -> Iterator[Hit]:
    for launch in launches(document.scripts):
        tasks = _tasks_per_node(document, launch)
        if launch.several and tasks and tasks > 1:
            count = launch.processes
            yield (
                launch.line,
                f"{tasks} x {launch.program} on each node, {count.text if count else 'all'} processes each",
            )


def _tasks_per_node(document: Document, launch: Launch) -> int | None:
    """Tasks that srun starts on a node; None: srun does not start it, or the number cannot be known."""
    if launch.srun is None:
        return None
    own = [word for name in TASKS if (word := option(launch.srun, name))]
    words = launch.srun if own else directives(document)
    per_node = number(option(words, "--ntasks-per-node"))
    if per_node is not None:
        return per_node
    total = number(option(words, "--ntasks", "-n"))
    count = number(option(launch.srun, "--nodes", "-N")) or nodes(document)
    return total // count if total and count else None


@rule(
    "slurm.rank-on-head",
    Verdict.FAIL,
    ("sbatch",),
    expected="$SLURM_PROCID expanded by each task",
    why="The batch script runs once, on the first node: what it expands is 0 for every task.",
    remedy="expand it inside the task: srun bash -c 'program --rank $SLURM_PROCID', in single quotes",
    source="https://slurm.schedmd.com/srun.html",
    bad="#!/bin/bash\n#SBATCH --nodes=2\nsrun accelerate launch --machine_rank $SLURM_NODEID train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\nsrun bash -c 'accelerate launch --machine_rank $SLURM_NODEID train.py'\n",
)
def rank_on_head(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts:
        for kind in ("simple_expansion", "expansion"):
            for node in script.nodes.get(kind, ()):
                if not re.match(r"\$\{?SLURM_(PROCID|NODEID|LOCALID)\b", text_of(node)):
                    continue
                above = node.parent
                while above and above.type not in ("command", "variable_assignment", "test_command", "case_statement"):
                    above = above.parent
                start = text_of(above).lstrip() if above else ""
                if re.match(r"srun\b", start) or (above and above.type == "variable_assignment"):
                    yield script.line_of(node), f"{text_of(node)} is expanded once, on the first node"


@rule(
    "launch.constant-rank",
    Verdict.FAIL,
    ALL,
    expected="a rank that differs from node to node",
    why="Every node says it is the same one, so the others are never found and the rendezvous times out.",
    remedy="take the rank from the launcher: SLURM_NODEID inside the task, or the pod's own index",
    source=f"{UPSTREAM}, distillation case of February 2026; https://huggingface.co/docs/accelerate/basic_tutorials/launch",
    bad="#!/bin/bash\n#SBATCH --nodes=2\nsrun torchrun --nnodes=2 --node_rank=0 --nproc_per_node=8 train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\nsrun torchrun --nnodes=2 --rdzv_backend=c10d --nproc_per_node=8 train.py\n",
)
def constant_rank(document: Document, _: Tree) -> Iterator[Hit]:
    for launch in launches(document.scripts):
        several = option(launch.words, "--nnodes", "--num_machines")
        rank = option(launch.words, "--node_rank", "--machine_rank")
        one_for_all = document.kind == "yaml" or launch.srun is not None
        if rank and rank.text.isdigit() and several and several.text not in ("1", "1:1") and one_for_all:
            yield rank.line, f"rank {rank.text} on every one of {several.text} nodes"


@rule(
    "launch.master-port",
    Verdict.FAIL,
    ALL,
    expected="a port from 1024 to 65535",
    why="Ports below 1024 belong to the system. $RANDOM gives 0 to 32767: such a port about once in 32 runs.",
    remedy="use a fixed port such as 29500, or $((20000 + SLURM_JOB_ID % 10000))",
    source=f"{UPSTREAM}, stable-diffusion case; Bash manual, RANDOM",
    bad="#!/bin/bash\nexport MASTER_PORT=$RANDOM\npython train.py\n",
    at=2,
    good="#!/bin/bash\nexport MASTER_PORT=29500\npython train.py\n",
)
def master_port(document: Document, _: Tree) -> Iterator[Hit]:
    if not any(part in document.text for part in ("_PORT", "_port", "-port")):
        return
    for assignment in document.assignments():
        if assignment.name == "MASTER_PORT" and assignment.value and _low(assignment.value):
            yield assignment.line, f"MASTER_PORT={assignment.value}"
    for script in document.scripts:
        for node in script.nodes.get("variable_assignment", ()):
            if re.fullmatch(r"MASTER_PORT=\"?\$\{?RANDOM\}?\"?", text_of(node)):
                yield script.line_of(node), "MASTER_PORT=$RANDOM may be below 1024"
    for launch in launches(document.scripts):
        port = option(launch.words, "--master_port", "--main_process_port")
        if port and (_low(port.text) or port.source.strip('"') == "$RANDOM"):
            yield port.line, f"--master_port {port.source}"


def _low(port: str) -> bool:
    return port.isdigit() and not 1024 <= int(port) <= 65535


@rule(
    "launch.master-address",
    Verdict.FAIL,
    SHELL,
    expected="the address of the first node, the same on all of them",
    why="Inside a task, hostname is the name of that task's own node: every node waits for itself.",
    remedy="take it from scontrol show hostnames $SLURM_JOB_NODELIST, its first line",
    source="https://slurm.schedmd.com/scontrol.html",
    bad="#!/bin/bash\nsrun -N 2 bash -c 'MASTER_ADDR=$(hostname) python train.py'\n",
    at=2,
    good="#!/bin/bash\nsrun -N 2 bash -c 'MASTER_ADDR=${SLURM_LAUNCH_NODE_IPADDR} python train.py'\n",
)
def master_address(document: Document, _: Tree) -> Iterator[Hit]:
    for command in document.commands():
        for word in command.words if command.find("srun") is not None else ():
            found = _OWN_NAME.search(word.source) if word.source.startswith("'") else None
            if found:
                yield word.line + word.source.count("\n", 0, found.start()), f"{found[0]}) in every task of srun"


@rule(
    "slurm.auto-resume-backslash",
    Verdict.WARN,
    ("sbatch",),
    expected="arrays without backslashes where --auto-resume is used",
    why="HyperPod's auto-resume does not get along with a backslash at the end of a line inside a bash array.",
    remedy="leave the backslashes out: inside an array the lines need none",
    source=f"{UPSTREAM}#271",
    bad="#!/bin/bash\n"
    "#SBATCH --exclusive\n"
    "ARGS=(\n"
    "  --save /fsx/run \\\n"
    ")\n"
    'srun --auto-resume=1 python train.py "${ARGS[@]}"\n',
    at=4,
    good="#!/bin/bash\n"
    "#SBATCH --exclusive\n"
    "ARGS=(\n"
    "  --save /fsx/run\n"
    ")\n"
    'srun --auto-resume=1 python train.py "${ARGS[@]}"\n',
)
def auto_resume_backslash(document: Document, _: Tree) -> Iterator[Hit]:
    if "--auto-resume" not in document.text:
        return
    for script in document.scripts:
        for node in script.nodes.get("array", ()):
            for index, text in enumerate(text_of(node).split("\n")):
                if text.rstrip().endswith("\\"):
                    yield script.line_of(node) + index, "a backslash inside an array, with --auto-resume"
                    break


@rule(
    "slurm.auto-resume-from-nothing",
    Verdict.WARN,
    ("sbatch",),
    expected="a program that writes checkpoints and goes on from them",
    why="--auto-resume starts the same command again: without checkpoints it begins at step 0 each time.",
    remedy="give the program its arguments for saving and loading, or drop --auto-resume",
    source=f"{UPSTREAM}, megatron-lm case; https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-resiliency-slurm-auto-resume.html",
    bad="#!/bin/bash\n#SBATCH --exclusive\nsrun --auto-resume=1 python train.py --steps 100\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --exclusive\nsrun --auto-resume=1 python train.py --steps 100 --resume /fsx/run\n",
)
def auto_resume_from_nothing(document: Document, _: Tree) -> Iterator[Hit]:
    code = "\n".join(line for line in document.text.split("\n") if not line.lstrip().startswith("#"))
    if re.search(
        r"(?<!auto-)(?<!auto_)(save|load|resume|checkpoint|ckpt|snapshot)",
        code.replace("AUTO_RESUME", ""),
        re.IGNORECASE,
    ):
        return
    for index, text in enumerate(document.text.split("\n")):
        if re.search(r"--auto-resume[= ]1", text.partition("#")[0]):
            yield document.line + index, "--auto-resume, and no argument about checkpoints"
            return
