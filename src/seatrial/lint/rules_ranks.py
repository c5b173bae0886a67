"""Rules about ranks: each node and each process has its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.findings import Verdict
from seatrial.lint.allocation import number, program_of_srun, step
from seatrial.lint.documents import Document
from seatrial.lint.launch import Launch, code, launched, launches, launches_in
from seatrial.lint.pods import groups
from seatrial.lint.rules import ALL, Hit, Tree, rule
from seatrial.lint.rules_early import RUNS_ITSELF, around, beside, is_printed, is_unread, is_whole, only_one
from seatrial.lint.script import Command, Script, option
from seatrial.lint.words import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

UPSTREAM = "awslabs/awsome-distributed-ai"
_RANK = re.compile(r"\$\{?(SLURM_(?:PROCID|NODEID|LOCALID))\b")
_OPTION = r"--?\w*[-_]?rank[= ]\s*"
_READ = ("RANK", "LOCAL_RANK", "GLOBAL_RANK", "NODE_RANK")
"""Variables from which a program takes its rank by itself: torch.distributed, Lightning."""
_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NEURON_RT_VISIBLE_CORES")


@rule(
    "slurm.rank-on-head",
    Verdict.FAIL,
    ("sbatch",),
    expected="$SLURM_PROCID expanded by each task",
    why="The batch script runs once, on the first node: what it expands is 0 for every task.",
    remedy="expand it inside the task: srun bash -c 'program --rank $SLURM_PROCID', in single quotes",
    source="https://slurm.schedmd.com/srun.html",
    bad="#!/bin/bash\n#SBATCH --nodes=2\n"
    "srun accelerate launch --num_machines 2 --machine_rank $SLURM_NODEID train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\n"
    "srun bash -c 'accelerate launch --num_machines 2 --machine_rank $SLURM_NODEID train.py'\n",
)
def rank_on_head(document: Document, _: Tree) -> Iterator[Hit]:
    if not _RANK.search(document.text) or RUNS_ITSELF.search(code(document.text)):
        return
    for script in document.scripts:
        for kind in ("simple_expansion", "expansion"):
            for node in script.nodes.get(kind, ()):
                found = _RANK.match(text_of(node))
                if found and not only_one(document, found[1]) and _too_early(document, script, node):
                    yield script.line_of(node), f"{text_of(node)} is expanded once, on the first node"


def _too_early(document: Document, script: Script, node: Node) -> bool:
    above, guarded = around(node), False
    outer = above
    while outer:
        guarded = guarded or (outer.type in ("if_statement", "case_statement") and bool(_RANK.search(_test(outer))))
        outer = outer.parent
    if above is None or guarded or above.type not in ("command", "variable_assignment"):
        return False
    if above.type == "variable_assignment":
        if re.search(_OPTION + r"[\"']?$", beside(above, node)[0]):  # ARGS="--node_rank=$SLURM_NODEID"
            return any(_rank_of(launch) == text_of(node) for launch in _launched(document, script))
        return is_whole(above, node) and _reaches_tasks(document, script, text_of(above).partition("=")[0])
    command = next((c for c in script.commands if c.node == above), None)
    if command is None or command.find("srun") is None or not _in_srun(document, command, above, node):
        return False
    return not is_unread(script, command, above, node)


def _test(statement: Node) -> str:
    return text_of(statement).split("then")[0] if statement.type == "if_statement" else text_of(statement.children[1])


def _in_srun(document: Document, command: Command, above: Node, node: Node) -> bool:
    """A word of an srun of several tasks, which neither prints it nor leaves it unread."""
    program = program_of_srun(command.words)
    printed = bool(program) and program[0].text in ("echo", "printf")
    if printed or step(document, command.words).tasks == 1 or not is_whole(above, node):
        return False
    return not is_printed(above, node)


def _reaches_tasks(document: Document, script: Script, name: str) -> bool:
    """A variable that the batch script sets becomes the rank of several tasks."""
    if any(_rank_of(launch) in (f"${name}", f"${{{name}}}") for launch in _launched(document, script)):
        return True
    if name not in (*_READ, *_DEVICES) or name not in script.exported:
        return False
    programs = [c for c in script.commands if c.find("srun") is not None and c.find("python", "python3") is not None]
    return any(step(document, c.words).tasks != 1 and not list(launches_in(script, c)) for c in programs)


def _launched(document: Document, script: Script) -> Iterator[Launch]:
    """Training programs in several tasks, whose nodes are told their ranks."""
    for launch in launches([script]):
        if launch.srun and not launch.dynamic and step(document, launch.srun).tasks != 1:
            yield launch


def _rank_of(launch: Launch) -> str:
    rank = option(launch.options, "--node_rank", "--machine_rank", "--rank")
    return rank.text if rank else ""


@rule(
    "launch.constant-rank",
    Verdict.FAIL,
    ALL,
    expected="a rank that differs from node to node",
    why="Every node says it is the same one, so the others are never found and the rendezvous times out.",
    remedy="take the rank from the launcher: SLURM_NODEID inside the task, or the pod's own index",
    source=f"{UPSTREAM}, distillation case of February 2026; https://huggingface.co/docs/accelerate/basic_tutorials/launch",
    bad="#!/bin/bash\n#SBATCH --nodes=2\nsrun torchrun --nnodes=2 --node_rank=0 --master_addr=head train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\n"
    "srun torchrun --nnodes=2 --rdzv_backend=c10d --rdzv_endpoint=head:29500 train.py\n",
)
def constant_rank(document: Document, _: Tree) -> Iterator[Hit]:
    if document.kind == "yaml":
        found = [(launch, group.pods) for group in groups(document) for _, launch in group.launches()]
    else:
        found = [(launch, _starts(document, launch)) for launch in launched(document) if launch.srun]
    for launch, many in found:
        stated, rank = launch.nodes, option(launch.options, "--node_rank", "--machine_rank")
        of_several = stated and stated.text not in ("1", "1:1") and many and many > 1 and not launch.dynamic
        if stated and rank and rank.text.isdigit() and of_several:
            yield rank.line, f"rank {rank.text} on every one of {stated.text} nodes"


def _starts(document: Document, launch: Launch) -> int | None:
    """Nodes on which it is started with the same words: by one srun, or by one in each turn of a loop."""
    count = step(document, launch.srun or ()).nodes
    above = launch.command.node
    while above and above.type not in ("for_statement", "while_statement"):
        above = above.parent
    return (number(launch.nodes) if above and count == 1 else None) or count
