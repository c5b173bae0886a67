"""Rules about the exit status of a training: by which Slurm, Kubernetes and whoever waits know that it failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.launch import RENDEZVOUS, code
from seatrial.lint.rules import SHELL, Hit, Tree, rule
from seatrial.lint.script import Command, Script
from seatrial.lint.words import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

UPSTREAM = "awslabs/awsome-distributed-ai"
_STARTERS = ("srun", "mpirun", "mpiexec", "prun")
_AROUND = {"list", "redirected_statement", "if_statement", "elif_clause", "else_clause", "compound_statement"}
_AROUND |= {"case_statement", "case_item", "variable_assignment", "command_substitution", "pipeline", "negated_command"}
"""What may stand around a command that runs once."""
_STARTS = (*RENDEZVOUS, *_STARTERS, "torch.distributed")
_OWN = re.compile(r"\.py$|(train|tune|run)\w*\.sh$")
_LOOKED_AT = re.compile(r"\$\?|\bPIPESTATUS\b|\b(?:exit|return)\s+[\"']?(?!0\b)[$\w]|\bsacct\b|\bscontrol\s+requeue\b")
"""What decides about the status by itself."""
_SERVES = re.compile(r"serve|server|vllm|ray|dcgm|exporter|monitor|dashboard|tensorboard|prometheus|watch|jupyter")
"""Programs that run beside others until the job ends: parts of their names."""
_BRIEF = re.compile(
    r"echo|printf|date|export|declare|cd|pushd|popd|mkdir|rm|cp|mv|ln|exit|set|unset|true|:|hostname|pwd|ls|cat|module|touch|"
    r"chmod|return|scontrol|squeue|sacct|local|let|test|\[|\[\[|shift|head|nvidia-smi|env"
)
"""Commands that end at once."""
_SHORT = 60
"""Seconds. Who waits for a training by sleeping sleeps longer."""


@rule(
    "launch.lost-status",
    Verdict.WARN,
    SHELL,
    expected="a job that ends with the exit status of the training",
    why="The status is that of the last command, or of the last in a pipe: a training that failed counts as COMPLETED.",
    remedy="begin with set -euo pipefail; in the background keep each pid and wait for it",
    source=f"Bash manual, Pipelines, wait, The Set Builtin; {UPSTREAM}, trl case of February 2026",
    bad="#!/bin/bash\nsrun --nodes=2 python train.py\necho done\n",
    at=3,
    good="#!/bin/bash\nset -euo pipefail\nsrun --nodes=2 python train.py | tee train.log\necho done\n",
)
def lost_status(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts if any(name in document.text for name in _STARTS) else ():
        yield from _background(script)
        starting = script.naming(*RENDEZVOUS, *_STARTERS)
        trainings = [c for c in starting if c.outer is None and _trains(c) and not c.background]
        for command in trainings:
            yield from _ignored(command)
            yield from _piped(command, script)
        yield from _followed(script, trainings)


def _background(script: Script) -> Iterator[Hit]:
    background = [command for command in script.commands if command.background]
    programs = (*RENDEZVOUS, *_STARTERS, *_functions_that_start(script)) if background else ()
    started = [command for command in background if command.find(*programs) is not None and not command.find("sleep")]
    waited = 0
    for command in script.commands if started else ():
        if command.name == "wait" and len(command.words) == 1:
            first = next((c for c in started if waited <= c.line <= command.line), None)
            if first:
                yield command.line, f"wait drops the status of {first.name} on line {first.line}"
            waited = command.line


def _functions_that_start(script: Script) -> Iterator[str]:
    for node in script.nodes.get("function_definition", ()):
        if re.search(r"\b(srun|torchrun|hyperpodrun|composer)\b", text_of(node)):
            yield from (text_of(child) for child in node.children if child.type == "word")


def _trains(command: Command) -> bool:
    """It runs a program of somebody's own on all ranks, and no command that only looks at the nodes."""
    if command.name in ("echo", "printf", "which", "command", "pip", "pip3", "pkill", "cat", "ls", "export", "alias"):
        return False
    if command.find(*RENDEZVOUS) is not None:
        return not any(word.text in ("--help", "-h", "--version") for word in command.words)
    at = command.find(*_STARTERS)
    return at is not None and any(
        re.search(r"^python[\d.]*$|\.(py|sh)$", word.name) for word in command.words[at + 1 :]
    )


def _ignored(command: Command) -> Iterator[Hit]:
    """``srun ... || true``"""
    node = _outermost(command.node, {"redirected_statement", "pipeline"})
    above = node.parent if node else None
    if above is None or above.type != "list" or not node or node.next_sibling is None or node.next_sibling.type != "||":
        return
    other = above.children[-1]
    own = command.find(*RENDEZVOUS) is not None or any(_OWN.search(word.name) for word in command.words)
    if own and (re.match(r"(true|echo|printf)\b", text_of(other)) or text_of(other) == ":"):
        yield command.line, f"|| {text_of(other)[:40]} makes a success of every failure"


def _piped(command: Command, script: Script) -> Iterator[Hit]:
    """``srun ... | tee log`` without pipefail"""
    node = _outermost(command.node, {"redirected_statement"})
    if node and node.parent and node.parent.type == "subshell" and node.next_named_sibling is None:
        node = _outermost(node.parent, {"redirected_statement"})
    above = node.parent if node else None
    if not node or above is None or above.type != "pipeline" or _has_option(script, "pipefail", ""):
        return
    last = [child for child in above.children if child.is_named][-1]
    if last.id != node.id and not re.search(r"PIPESTATUS", script.text):
        yield command.line, f"the status is that of {text_of(last).split(chr(10))[0][:40]!r}"


def _followed(script: Script, trainings: Sequence[Command]) -> Iterator[Hit]:
    """The last training has commands behind it, and no ``set -e``."""
    placed = [(command, below) for command in trainings if (below := _statement(command.node))]
    if not placed or _has_option(script, "errexit", "e") or re.match(r"#!.*\s-\w*e", script.text):
        return
    command, statement = placed[-1]
    after = [node for node in _behind(statement) if node.type not in ("comment", "function_definition")]
    if not after or any(c.name == "trap" and any(w.text == "ERR" for w in c.words) for c in script.commands):
        return
    if _is_condition(command.node) or any(_LOOKED_AT.search(text_of(node)) for node in (statement, *after)):
        return
    last = text_of(after[-1]).split("\n")[0][:40]
    if last.startswith("-"):  # an option of the training, whose line was not continued
        return
    yield script.line_of(after[-1]), f"the status is that of {last!r}, not of {command.name} on line {command.line}"


def _has_option(script: Script, name: str, letter: str) -> bool:
    """``set -e``, ``set -o errexit``"""
    short = re.compile(rf"-[a-z]*{letter}[a-z]*" if letter else r"(?!)")
    words = [word.text for c in script.commands if c.words[0].text == "set" for word in c.words[1:]]
    return name in words or any(short.fullmatch(word) for word in words)


def _outermost(node: Node | None, types: set[str]) -> Node | None:
    while node and node.parent and node.parent.type in types:
        if node.parent.type == "pipeline" and node.parent.children[-1].id != node.id:
            break
        node = node.parent
    return node


def _statement(node: Node | None) -> Node | None:
    """The statement of the script itself that runs a command, once; None: a loop or a function does."""
    while node and node.parent and node.parent.type in _AROUND:
        node = node.parent
    return node if node and node.parent and node.parent.type == "program" else None


def _behind(node: Node) -> Iterator[Node]:
    sibling = node.next_named_sibling
    while sibling:
        yield sibling
        sibling = sibling.next_named_sibling


def _is_condition(node: Node | None) -> bool:
    """``if srun ...``, ``srun ... && ...``, ``srun ... || exit``: somebody asks."""
    while node and node.parent and node.parent.type != "program":
        if node.parent.type == "list" and node.next_sibling is not None and node.next_sibling.type in ("||", "&&"):
            return True
        if node.prev_sibling is not None and node.prev_sibling.type in ("if", "elif"):
            return True
        node = node.parent
    return False


@rule(
    "slurm.no-wait",
    Verdict.FAIL,
    ("sbatch",),
    expected="wait, for the pid of each training that is started in the background",
    why="Where the batch script ends the allocation does: Slurm kills what still runs, with nohup and disown too.",
    remedy="keep each pid, pid=$!, and end the script with wait $pid; or start it in the foreground",
    source="https://cvw.cac.cornell.edu/slurm/basics/execution-sbatch; Bash manual, wait",
    bad="#!/bin/bash\n#SBATCH --nodes=2\nsrun --nodes=2 python train.py &\necho started\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\nset -e\nsrun --nodes=2 python train.py &\nwait $!\n",
)
def no_wait(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts if "&" in document.text else ():
        started = [c for c in script.commands if c.outer is None and c.background and _trains(c) and not _serves(c)]
        if not started or re.search(r"\bwait\b", code(script.text)):
            continue
        last = started[-1]
        after = [c for c in script.commands if c.outer is None and c.line > last.line]
        if all(_is_brief(c) for c in after) and not _loops_behind(script, last):
            yield last.line, f"{last.name} in the background, and the script ends without a wait"


def _serves(command: Command) -> bool:
    return any(_SERVES.search(word.name) for word in command.words)


def _is_brief(command: Command) -> bool:
    if command.name == "sleep":
        seconds = command.words[1].text if len(command.words) > 1 else ""
        return re.fullmatch(r"\d+(\.\d+)?", seconds) is not None and float(seconds) < _SHORT
    return command.background or _BRIEF.fullmatch(command.name) is not None


def _loops_behind(script: Script, command: Command) -> bool:
    """``while`` and ``until`` behind it wait for something."""
    return any(script.line_of(node) > command.line for node in script.nodes.get("while_statement", ()))
