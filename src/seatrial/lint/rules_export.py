"""Rules about variables that have a value and do not get to the program that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.findings import Verdict
from seatrial.lint import scope
from seatrial.lint.documents import Document
from seatrial.lint.given import is_given
from seatrial.lint.handing import sourced_files
from seatrial.lint.launch import RENDEZVOUS
from seatrial.lint.rules import SHELL, Hit, Tree, rule
from seatrial.lint.script import Command, Script
from seatrial.lint.words import text_of
from seatrial.network.names import KNOWN

if TYPE_CHECKING:
    from tree_sitter import Node

_AROUND = {"pipeline", "redirected_statement", "heredoc_redirect", "list"}
_PROGRAMS = (*RENDEZVOUS, "srun", "mpirun", "mpiexec", "python", "python3")
_READ = re.compile(
    # ld.so(8), mallopt(3), jemalloc(3), OpenMP 5.2 chapter 21, Intel's OpenMP and MKL
    r"LD_PRELOAD|MALLOC_(ARENA_MAX|ARENA_TEST|CHECK_|CONF|MMAP_THRESHOLD_|PERTURB_|TOP_PAD_|TRIM_THRESHOLD_)"
    r"|OMP_(NUM_THREADS|PROC_BIND|PLACES|SCHEDULE|DYNAMIC|WAIT_POLICY|STACKSIZE|MAX_ACTIVE_LEVELS)|KMP_(AFFINITY|BLOCKTIME)"
    r"|MKL_(NUM_THREADS|SERVICE_FORCE_INTEL|THREADING_LAYER)"
    # CUDA programming guide, environment variables; PyTorch, "Understanding CUDA environment variables"
    r"|CUDA_(VISIBLE_DEVICES|DEVICE_MAX_CONNECTIONS|DEVICE_ORDER|LAUNCH_BLOCKING|MODULE_LOADING|MPS_PIPE_DIRECTORY)"
    r"|(PYTORCH|TORCH)_(CUDA_ALLOC_CONF|ALLOC_CONF|NO_CUDA_MEMORY_CACHING|DISTRIBUTED_DEBUG|CPP_LOG_LEVEL|LOGS|SHOW_CPP_STACKTRACES)"
    r"|TORCH_NCCL_\w+|GLOO_SOCKET_IFNAME|TP_SOCKET_IFNAME|TORCHINDUCTOR_CACHE_DIR|TRITON_CACHE_DIR"
    # Hugging Face Hub, transformers, tokenizers; Weights & Biases
    r"|HF_(HOME|TOKEN|HUB_OFFLINE|HUB_CACHE|DATASETS_CACHE|DATASETS_OFFLINE|HUB_ENABLE_HF_TRANSFER|ENDPOINT)"
    r"|TRANSFORMERS_(OFFLINE|CACHE)|TOKENIZERS_PARALLELISM|WANDB_(MODE|API_KEY|PROJECT|DISABLED|DIR|ENTITY|RUN_ID)"
    # UCX, ucx_info -c; Neuron's compiler and runtime
    r"|UCX_(TLS|NET_DEVICES|IB_GID_INDEX|MAX_RNDV_RAILS|RNDV_SCHEME|LOG_LEVEL|MEMTYPE_CACHE)|NEURON_CC_FLAGS|XLA_USE_BF16"
    r"|XLA_FLAGS|PYTHONUNBUFFERED|PYTHONFAULTHANDLER"
)
"""Variables of which a program looks only into its environment."""


@rule(
    "shell.not-exported",
    Verdict.WARN,
    SHELL,
    expected="export before variables that programs read",
    why="Without export the shell keeps the variable for itself, and the program runs with its default.",
    remedy="write export NAME=value, or delete the line",
    source="Bash manual, Environment",
    bad="#!/bin/bash\nMALLOC_ARENA_MAX=64\ntorchrun --standalone --nproc_per_node=8 train.py\n",
    at=2,
    good="#!/bin/bash\nexport MALLOC_ARENA_MAX=64\ntorchrun --standalone --nproc_per_node=8 train.py\n",
)
def not_exported(document: Document, tree: Tree) -> Iterator[Hit]:
    for script in document.scripts:
        kept = [(name, line) for name, line in _kept(script) if _is_read(name) and name not in script.handed]
        if not kept:
            continue
        started = [command for command in script.naming(*_PROGRAMS) if command.outer is None]
        used = {use.name for use in script.uses} | {word for c in started for word in _named(c)}
        for name, line in kept:
            program = next((c for c in started if c.line > line), None)
            if program and name not in used:
                if document.path.name in tree.all(sourced_files):  # another script may export it
                    return
                yield (
                    line,
                    f"{name} is assigned and not exported: {program.name} on line {program.line} does not get it",
                )


def _is_read(name: str) -> bool:
    return name in KNOWN or _READ.fullmatch(name) is not None


def _kept(script: Script) -> Iterator[tuple[str, int]]:
    """Variables that a line assigns for the shell alone."""
    for node in script.nodes.get("variable_assignment", ()):
        above = node.parent.type if node.parent else ""
        if above not in ("command", "declaration_command"):
            yield text_of(node.children[0]), script.line_of(node)


def _named(command: Command) -> set[str]:
    """Names that stand in the words of a command, for example those that ``--export`` hands on."""
    return set(re.findall(r"[A-Z]\w+", " ".join(word.source for word in command.words)))


@rule(
    "shell.envsubst-name",
    Verdict.WARN,
    SHELL,
    expected="every name of the template, exported under the same spelling",
    why="envsubst writes nothing in place of a variable that is not in its environment, and says nothing.",
    remedy="export the name before envsubst, or list the names that are meant: envsubst '$A $B'",
    source="GNU gettext manual, envsubst",
    bad="#!/bin/bash\nNODES=2\nenvsubst <<'EOF' > train.yaml\nparallelism: ${NODES}\nEOF\n",
    at=3,
    good="#!/bin/bash\nexport NODES=2\nenvsubst <<'EOF' > train.yaml\nparallelism: ${NODES}\nEOF\n",
)
def envsubst_name(document: Document, tree: Tree) -> Iterator[Hit]:
    for script in document.scripts:
        commands = [c for c in script.commands if c.words[0].text == "envsubst" and c.outer is None]
        given = scope.environment(document, tree) if commands else None
        if given is None:
            continue
        for command in commands:
            asked = _asked(command, document, script)
            lost = sorted(name for name in asked if name not in given and not is_given(name))
            kept = {name for name, _ in _kept(script)}
            slips = [f"{name} ({_instead(name, kept, script)})" for name in lost if _instead(name, kept, script)]
            if slips:
                yield command.line, f"the template asks for {', '.join(slips)}"
            elif lost and len(lost) < len(asked):  # if all come from elsewhere, that is meant
                yield command.line, f"nothing exports {', '.join(lost)}, which the template asks for"


def _instead(name: str, kept: set[str], script: Script) -> str:
    if name in kept:
        return "assigned, not exported"
    other = next(scope.near(name, kept | script.handed), None)
    return f"set is {other}" if other else ""


def _asked(command: Command, document: Document, script: Script) -> set[str]:
    """Names that envsubst fills in, of a here-document or of a file beside the script; empty if it is not known."""
    text = _template(command, document, script)
    asked = set(re.findall(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", text))
    names = {one or other for one, other in asked}
    listed = [word.text for word in command.words[1:] if "$" in word.text]
    return names & set(re.findall(r"\w+", " ".join(listed))) if listed else names


def _template(command: Command, document: Document, script: Script) -> str:
    for redirect in command.redirects:
        if redirect.operator == "<" and redirect.target.known:
            return _read(document.path.parent / redirect.target.text)
    above = command.node
    while above and above.parent and above.parent.type in _AROUND:
        above = above.parent
    file = re.match(r"cat\s+([\w./-]+)\s*\|", text_of(above)) if above else None
    if file:
        return _read(document.path.parent / file[1])
    bodies = [node for node in script.nodes.get("heredoc_body", ()) if above and _within(node, above)]
    return "".join(text_of(node) for node in bodies)


def _read(path: Path) -> str:
    small = path.is_file() and path.stat().st_size < 2**18
    return path.read_text(encoding="utf-8", errors="replace") if small else ""


def _within(node: Node, above: Node) -> bool:
    return above.start_byte <= node.start_byte and node.end_byte <= above.end_byte
