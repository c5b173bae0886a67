"""Rules about ranks: each node and each process has its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.findings import Verdict
from seatrial.lint.allocation import nodes, number, program_of_srun, step, tasks_per_node
from seatrial.lint.documents import Document
from seatrial.lint.launch import Launch, code, launched, launches
from seatrial.lint.pods import groups
from seatrial.lint.rules import ALL, Hit, Tree, rule
from seatrial.lint.script import Command, Script, option
from seatrial.lint.started import exported
from seatrial.lint.words import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

UPSTREAM = "awslabs/awsome-distributed-ai"
_RANK = re.compile(r"\$\{?(SLURM_(?:PROCID|NODEID|LOCALID))\b")
_OPTION = r"--?\w*[-_]?rank[= ]\s*"
_OF_NODE = re.compile(r"--(node|machine)[-_]rank[= ]\s*$")
_READ = ("RANK", "LOCAL_RANK", "GLOBAL_RANK", "NODE_RANK")
"""Variables from which a program takes its rank by itself: torch.distributed, Lightning."""
_WRAPPING = ("command", "variable_assignment", "test_command", "case_statement", "heredoc_body")


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
    if not _RANK.search(document.text):
        return
    if re.search(r"srun\b[^\n]*(\$\{?(0\b|BASH_SOURCE)|declare -f)|export -f", code(document.text)):
        return  # what runs in each task is this script itself, or a function of it
    for script in document.scripts:
        for kind in ("simple_expansion", "expansion"):
            for node in script.nodes.get(kind, ()):
                found = _RANK.match(text_of(node))
                if found and not _only_one(document, found[1]) and _too_early(document, script, node):
                    yield script.line_of(node), f"{text_of(node)} is expanded once, on the first node"


def _only_one(document: Document, name: str) -> bool:
    """The job has one such rank, 0; or how many cannot be known."""
    count, each = nodes(document), tasks_per_node(document)
    many = {"SLURM_NODEID": count, "SLURM_LOCALID": each}.get(name, (count or 1) * (each or 1))
    return many in (None, 1)


def _too_early(document: Document, script: Script, node: Node) -> bool:
    above, guarded = node.parent, False
    while above and above.type not in _WRAPPING:
        above = above.parent
    outer = above
    while outer:
        guarded = guarded or (outer.type in ("if_statement", "case_statement") and bool(_RANK.search(_test(outer))))
        outer = outer.parent
    if above is None or guarded or above.type not in ("command", "variable_assignment"):
        return False
    if above.type == "variable_assignment":
        if re.search(_OPTION + r"[\"']?$", _beside(above, node)[0]):  # ARGS="--node_rank=$SLURM_NODEID"
            return any(_rank_of(launch) == text_of(node) for launch in _launched(document, script))
        return _is_rank(above, node) and _reaches_tasks(document, script, text_of(above).partition("=")[0])
    command = next((c for c in script.commands if c.node == above), None)
    if command is None or command.find("srun") is None or not _in_srun(document, command, above, node):
        return False
    of_node = _OF_NODE.search(_beside(above, node)[0].rstrip("\"'"))
    return not of_node or not any(launch.dynamic for launch in launches_in(script, command))


def _test(statement: Node) -> str:
    return text_of(statement).split("then")[0] if statement.type == "if_statement" else text_of(statement.children[1])


def _is_rank(around: Node, node: Node) -> bool:
    """The word is the rank and nothing else: no part of a file's name."""
    before, after = _beside(around, node)
    return not re.search(r"[^\s=,\"'(]$", before) and not re.match(r"[^\s,;\"')]", after)


def _beside(around: Node, node: Node) -> tuple[str, str]:
    text, at = around.text or b"", node.start_byte - around.start_byte
    return text[:at].decode(errors="replace"), text[at + node.end_byte - node.start_byte :].decode(errors="replace")


def _in_srun(document: Document, command: Command, around: Node, node: Node) -> bool:
    """A word of an srun of several tasks, which neither prints it nor leaves it unread."""
    program = program_of_srun(command.words)
    printed = bool(program) and program[0].text in ("echo", "printf")
    if printed or step(document, command.words).tasks == 1 or not _is_rank(around, node):
        return False
    before, _ = _beside(around, node)
    inner = re.split(r"[;\n|]|&&", before.replace("\\\n", " "))[-1]
    return not re.search(r"(^|bash -c)[\s\"']*(echo|printf)\b", inner)


def _reaches_tasks(document: Document, script: Script, name: str) -> bool:
    """A variable that the batch script sets becomes the rank of several tasks."""
    if any(_rank_of(launch) in (f"${name}", f"${{{name}}}") for launch in _launched(document, script)):
        return True
    if name not in _READ or name not in exported(script):
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


def launches_in(script: Script, command: Command) -> Iterator[Launch]:
    """The training programs that give their processes ranks themselves, in one command."""
    return (launch for launch in launches([script]) if launch.command == command or launch.command.outer == command)


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
