"""Rules about what each process has to find out for itself, and its caller's shell expands instead."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.findings import Verdict
from seatrial.lint.allocation import nodes, tasks_per_node
from seatrial.lint.documents import Document
from seatrial.lint.launch import code, launches_in
from seatrial.lint.rules import SHELL, Hit, Tree, rule
from seatrial.lint.script import Command, Script
from seatrial.lint.spreading import MPIRUN, PDSH, on_several_nodes, several_times, starter
from seatrial.lint.words import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

RUNS_ITSELF = re.compile(r"(srun|mpirun|mpiexec|pdsh)\b[^\n]*(\$\{?(0\b|BASH_SOURCE)|declare -f)|export -f")
"""What runs in each task is the script itself, or a function of it."""
WRAPPING = ("command", "variable_assignment", "test_command", "case_statement", "heredoc_body")
_OF_MPI = re.compile(r"\$\{?(OMPI_COMM_WORLD_\w+|PMIX?_RANK)\b")
_OF_SLURM = re.compile(r"\$\{?(SLURM_(?:PROCID|NODEID|LOCALID))\b")
_OF_NODE = re.compile(r"--(node|machine)[-_]rank[= ]\s*$")
_OWN = re.compile(r"(?:\$\(|`)hostname\b|\$\{?(?:HOSTNAME|SLURMD_NODENAME)\b")
_EARLY = re.compile("|".join(one.pattern for one in (_OF_MPI, _OF_SLURM, _OWN)))
_OWN_ADDRESS = re.compile(r"(--node[-_]ip[-_]address|--local[-_]addr|\bVLLM_HOST_IP)[= ]\\?[\"']?$")
"""Where a program is told the address of the node that it runs on itself."""
_EXPANDED = ("simple_expansion", "expansion", "command_substitution")


def only_one(document: Document, name: str) -> bool:
    """The job has one such rank, 0; or how many cannot be known."""
    count, each = nodes(document), tasks_per_node(document)
    many = {"SLURM_NODEID": count, "SLURM_LOCALID": each}.get(name, (count or 1) * (each or 1))
    return many in (None, 1)


def around(node: Node) -> Node | None:
    """The command, assignment or condition that a node is a part of."""
    above = node.parent
    while above and above.type not in WRAPPING:
        above = above.parent
    return above


def beside(above: Node, node: Node) -> tuple[str, str]:
    """What stands before and behind a part of a node."""
    text, at = above.text or b"", node.start_byte - above.start_byte
    return text[:at].decode(errors="replace"), text[at + node.end_byte - node.start_byte :].decode(errors="replace")


def is_whole(above: Node, node: Node) -> bool:
    """The value is this and nothing else: no part of a file's name."""
    before, after = beside(above, node)
    return not re.search(r"[^\s=,\"'(]$", before) and not re.match(r"[^\s,;\"')]", after)


def is_printed(above: Node, node: Node) -> bool:
    """The command in quotes that holds it only prints it."""
    inner = re.split(r"[;\n|]|&&", beside(above, node)[0].replace("\\\n", " "))[-1]
    return re.search(r"(^|bash -c|[\"'])[\s\"']*(echo|printf)\b", inner) is not None


def is_unread(script: Script, command: Command, above: Node, node: Node) -> bool:
    """The rank of a node, for a program that does not read it, since nodes get theirs at the rendezvous."""
    of_node = _OF_NODE.search(beside(above, node)[0].rstrip("\"'"))
    return of_node is not None and any(launch.dynamic for launch in launches_in(script, command))


@rule(
    "launch.early-rank",
    Verdict.FAIL,
    SHELL,
    expected="ranks, and the nodes' own addresses, expanded by each process",
    why="The shell that calls mpirun, pdsh or srun expands what stands in double quotes, or in none, once: all get the "
    "same. Open MPI sets its ranks for what mpirun starts alone: before, they are empty.",
    remedy="put the command in single quotes, or escape the $: mpirun bash -c 'program --rank $OMPI_COMM_WORLD_RANK'",
    source="https://docs.open-mpi.org/en/v5.0.x/tuning-apps/environment-var.html; https://slurm.schedmd.com/srun.html; "
    "Bash manual, Quoting",
    bad='#!/bin/bash\nmpirun -np 16 bash -c "RANK=$OMPI_COMM_WORLD_RANK python train.py"\n',
    at=2,
    good="#!/bin/bash\nmpirun -np 16 bash -c 'RANK=$OMPI_COMM_WORLD_RANK python train.py'\n",
)
def early_rank(document: Document, _: Tree) -> Iterator[Hit]:
    starters = ("srun", *MPIRUN, *PDSH)
    if not any(document.commands(*starters)) or RUNS_ITSELF.search(code(document.text)):
        return
    for script in document.scripts:
        started = {c.node.id: c for c in script.naming(*starters) if c.node and starter(c, *starters) is not None}
        for kind in _EXPANDED if started else ():
            for node in script.nodes.get(kind, ()):
                above = around(node) if _EARLY.match(text_of(node).lstrip()) else None
                if above is not None and _is_early(document, script, node, above, started.get(above.id)):
                    yield script.line_of(node), f"{text_of(node)} is expanded once, before the processes start"


def _is_early(document: Document, script: Script, node: Node, above: Node, command: Command | None) -> bool:
    written = text_of(node).lstrip()
    if above.type == "variable_assignment":
        name = text_of(above).partition("=")[0]
        return _OF_MPI.match(written) is not None and is_whole(above, node) and _reaches_mpirun(script, name)
    if command is None:
        return False
    if _OWN.match(written):
        of_itself = _OWN_ADDRESS.search(beside(above, node)[0]) is not None
        return of_itself and on_several_nodes(document, command)
    of_slurm = _OF_SLURM.match(written) if document.kind == "sbatch" and starter(command, "srun") is None else None
    if not several_times(document, command) or not (of_slurm or _OF_MPI.match(written)):
        return False
    if (of_slurm and only_one(document, of_slurm[1])) or any(w.text in ("echo", "printf") for w in command.words):
        return False
    return is_whole(above, node) and not is_printed(above, node) and not is_unread(script, command, above, node)


def _reaches_mpirun(script: Script, name: str) -> bool:
    """An mpirun hands a variable on, or is given its value."""
    for command in script.naming(*MPIRUN):
        at = starter(command, *MPIRUN)
        words = command.words[at:] if at is not None and command.outer is None else ()
        for before, word in itertools.pairwise(words):
            used = not word.source.startswith("'") and re.search(rf"(?<!\\)\$\{{?{re.escape(name)}\b", word.source)
            if used or (before.text == "-x" and word.text == name):
                return True
    return False
