"""Rules about what a launch file leaves to be written by whoever starts it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.allocation import directive_lines
from seatrial.lint.documents import Document
from seatrial.lint.rules import SHELL, Hit, Tree, rule
from seatrial.lint.script import Script

_TEMPLATE = re.compile(r"(?i)template|\.(j2|jinja2?|in|tmpl|tpl)$")
"""Names of files that another program fills in."""


@rule(
    "slurm.placeholder",
    Verdict.FAIL,
    ("sbatch",),
    expected="values for this cluster",
    why="sbatch takes what is written for the value: it refuses the job, or asks for a partition that nobody has.",
    remedy="write the value, or leave the line out and give it on the command line of sbatch",
    source="Slurm, sbatch: https://slurm.schedmd.com/sbatch.html",
    bad="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --partition=<partition>\nsrun hostname\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --partition=gpu\nsrun hostname\n",
)
def directive_placeholder(document: Document, _: Tree) -> Iterator[Hit]:
    if document.embedded or _TEMPLATE.search(document.path.name):
        return
    for line, text in directive_lines(document)[0]:
        for name, said in _DIRECTIVE.findall(text.partition(" #")[0]):
            if name not in _FREE:
                yield line, f"{name} is {said}"


_FREE = {"--mail-user", "--comment", "--job-name", "-J", "--constraint", "-C", "--array", "-a", "--wckey"}
"""Options that take any text, or brackets of their own."""
_DIRECTIVE = re.compile(
    r"(?:^|\s)(--?[A-Za-z][\w-]*)(?:=|\s+)[\"']?"
    r"((?<!\{)\{\s*[A-Za-z][\w .-]*\}(?!\})|<[A-Za-z][^<>]*>|\[[A-Za-z][\w .-]*\](?=[\"'\s]|$)|"
    r"(?i:your[_-]?\w+|insert[_-]\w+|(?:change|replace)[_-]?(?:me|this)\b|replace[_-]with\w*))"
)
"""At the very beginning of a value: ``node[1-4]`` is a list of nodes. ``{{ x }}`` is filled in by another program."""


@rule(
    "shell.placeholder",
    Verdict.FAIL,
    SHELL,
    expected="values for this cluster",
    why="The shell takes <NAME> for redirections: it looks for a file NAME, or stops at a syntax error.",
    remedy='write the value, or take it from outside: "${NAME:?}"',
    source="Bash manual, Redirections",
    bad="#!/bin/bash\ntorchrun --nnodes=2 --rdzv_backend=c10d --rdzv_endpoint=<host>:29500 train.py\n",
    at=2,
    good='#!/bin/bash\ntorchrun --nnodes=2 --rdzv_backend=c10d --rdzv_endpoint="${HEAD:?}:29500" train.py\n',
)
def placeholder(document: Document, _: Tree) -> Iterator[Hit]:
    if document.embedded or document.filled_in or _TEMPLATE.search(document.path.name):
        return
    for script in document.scripts if "<" in document.text else ():
        names = list(_NAME.finditer(script.text))
        plain = _plain(script) if names else []
        for found in names:
            at = len(script.text[: found.start()].encode())
            if not any(begin <= at < end for begin, end in plain):
                yield script.line + script.text.count("\n", 0, found.start()), found[0]


_NAME = re.compile(r"<(?:(?<=[=:/]<)[A-Za-z][\w ./-]*>|(?<=\s<)[A-Za-z][\w ./-]*>(?=\s*(?:\\?\n|\Z)|[:/,]|[ \t]+-))")
"""Not ``sort <in >out`` nor ``sort <in> out``, which a shell runs."""
_PLAIN = ("string", "raw_string", "comment", "heredoc_body", "regex")


def _plain(script: Script) -> list[tuple[int, int]]:
    """The bytes, from and to, where the shell redirects nothing: in quotes, comments and here-documents."""
    return [(node.start_byte, node.end_byte) for kind in _PLAIN for node in script.nodes.get(kind, ())]
