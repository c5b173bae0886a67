"""Rules about variables of shell code: those that nobody sets, and those that the program does not get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seatrial.findings import Verdict
from seatrial.lint import scope
from seatrial.lint.documents import Document
from seatrial.lint.given import SLURM, is_given
from seatrial.lint.handing import sourced, sourced_files
from seatrial.lint.once import once_in
from seatrial.lint.rules import SHELL, Hit, Tree, rule
from seatrial.lint.script import Script, Use
from seatrial.lint.words import text_of

_TEMPLATE = re.compile(r"[-.](tftpl|template|tmpl|tpl|in|j2)$")
UPSTREAM = "awslabs/awsome-distributed-ai"


@rule(
    "shell.undefined-variable",
    Verdict.WARN,
    SHELL,
    expected="the name under which the variable is set",
    why="An unset variable expands to nothing: the option before it takes the next word for its value.",
    remedy="use the name that is set, or set this one",
    source=f"{UPSTREAM}#1016",
    bad="#!/bin/bash\nNODES=2\npython train.py --nodes $NODE\n",
    at=3,
    good='#!/bin/bash\nNODES=2\npython train.py --nodes "$NODES"\n',
)
def undefined_variable(document: Document, tree: Tree) -> Iterator[Hit]:
    for script, uses in _unset(document, tree):
        for use in uses:
            slip = _slip(use.name, script)
            if slip:
                yield use.line, slip
    for script in document.scripts:
        if not document.embedded and not script.dynamic and not any(sourced(script.commands)):
            yield from _after_unset(script)


@rule(
    "shell.needed-variables",
    Verdict.WARN,
    SHELL,
    expected="variables that the script sets, or that it says it needs: ${NAME:?}",
    why="Whoever starts it without one of them gets an empty word, and no message that says so.",
    remedy="give each a default with ${NAME:-...}, demand it with ${NAME:?}, or begin with set -u",
    source=f"{UPSTREAM}#1016; Bash manual, set -u",
    bad="#!/bin/bash\npython train.py --data $DATA_DIR --out $OUT_DIR\n",
    at=2,
    good='#!/bin/bash\npython train.py --data "${DATA_DIR:?}" --out "${OUT_DIR:-/tmp/out}"\n',
)
def needed_variables(document: Document, tree: Tree) -> Iterator[Hit]:
    for script, uses in _unset(document, tree):
        lacking = {use.name for use in uses if not _slip(use.name, script)}
        needed = _first(use for use in script.uses if use.name in lacking and not _is_told(use) and not _is_guess(use))
        if needed and not _stops_at_unset(script):
            named = ", ".join(f"${use.name} (line {use.line})" for use in needed)
            yield needed[0].line, f"nothing here sets {named}"


def _first(uses: Iterable[Use]) -> list[Use]:
    """The first of each name."""
    first = {use.name: use for use in sorted(uses, key=lambda use: -use.line)}
    return sorted(first.values(), key=lambda use: use.line)


def _is_told(use: Use) -> bool:
    """It is printed, and to nowhere else than where people read."""
    above = use.node.parent
    while above and above.type not in ("command", "command_substitution"):
        above = above.parent
    told = above is not None and re.match(r"(echo|printf)\b", text_of(above)) is not None
    around = above.parent if above else None
    if around and around.type == "redirected_statement":
        return told and re.search(r">\s*(&[12]|/dev/(stderr|stdout|tty))\s*$", text_of(around)) is not None
    return told and (around is None or around.type not in ("pipeline", "command_substitution"))


def _is_guess(use: Use) -> bool:
    """``test -z "$RANK" && RANK="$OTHER"``: one of several names under which it may be found."""
    above = use.node.parent
    while above and above.type in ("string", "variable_assignment"):
        above = above.parent
    return above is not None and above.type == "list" and re.match(r"(test|\[+)\s+-[zn]\s", text_of(above)) is not None


@once_in
def _unset(document: Document, tree: Tree) -> list[tuple[Script, list[Use]]]:
    """The first use of each variable that nobody sets, as far as can be known."""
    found = []
    for script in document.scripts if not document.embedded else ():
        set_here = script.defined | {use.name for use in script.uses if use.optional}
        uses = {u.name: u for u in _first(script.uses) if u.name not in set_here and not is_given(u.name)}
        provided = scope.names(document, tree) if uses and not _is_library(document) else None
        if provided is None:
            continue
        provided |= set(re.findall(r"^\s*#.*?\b([A-Z][A-Z0-9_]+)\b", script.text, re.MULTILINE))  # documented
        unset = [u for u in uses.values() if u.name not in provided and not _looks_assigned(u.name, script.text)]
        if not unset or _is_filled_in(document) or document.path.name in tree.all(sourced_files):
            continue
        unset = [use for use in unset if use.name not in scope.handed(document, tree)]
        found.append((script, sorted(unset, key=lambda use: use.line)))
    return found


def _looks_assigned(name: str, text: str) -> bool:
    """The grammar misses some of several assignments on one line, and empty ones (tree-sitter-bash 0.25.1)."""
    if not any(f"{name}{operator}" in text for operator in ("=", "+=", "[")):
        return False
    begin = r"(?:^|[;&|({`]|\b(?:then|do|else)\b)[ \t]*(?:\w+=\S*[ \t]+)*"
    return re.search(rf"{begin}{name}(?:\[[^\]]*\])?\+?=", text, re.MULTILINE) is not None


def _slip(name: str, script: Script) -> str:
    """Why a name that nobody sets cannot be one that comes from elsewhere; empty if it may be."""
    like = scope.near(name, {assignment.name for assignment in script.assignments})
    other = next((one for one in like if not _made_of(one, name, script)), None)
    if other is None and name.startswith("SLURM_"):
        daemon = any(command.name.startswith("slurm") for command in script.commands)  # its names are its site's own
        other = None if daemon else next(scope.near(name, SLURM), None)
    if other:
        return f"${name} is set nowhere, ${other} is"
    if name != name.upper():  # people's own variables in the environment have capitals
        return f"${name} is assigned nowhere in this file"
    return ""


def _made_of(name: str, other: str, script: Script) -> bool:
    """``name=$OTHER``: the one takes its value from the other."""
    for node in script.nodes.get("variable_assignment", ()):
        text = text_of(node)
        if text.startswith(f"{name}=") and re.search(rf"\$\{{?{other}\b", text):
            return True
    return False


def _after_unset(script: Script) -> Iterator[Hit]:
    """Uses behind an ``unset`` that no later line makes good."""
    for node in script.nodes.get("unset_command", ()):
        words = text_of(node).split()
        if "-f" in words or not node.parent or node.parent.type != "program":
            continue
        line = script.line_of(node)
        again = {a.name for a in script.assignments if a.line > line}
        for use in script.uses:
            if use.name in words and use.line > line and not use.optional and use.name not in again:
                yield use.line, f"${use.name} is used after unset on line {line}"


def _stops_at_unset(script: Script) -> bool:
    """``set -u``: bash itself names the variable and ends."""
    options = [word.text for c in script.commands if c.words[0].text == "set" for word in c.words[1:]]
    return any(re.fullmatch(r"-[a-z]*u[a-z]*", word) or word == "nounset" for word in options)


def _is_filled_in(document: Document) -> bool:
    """Something else fills in names before a shell reads it: envsubst, or Terraform, which writes $$ for $."""
    if (
        document.filled_in
        or re.search(r"\$\$\{|%\{ ?(if|for)\b", document.text)
        or _TEMPLATE.search(document.path.name)
    ):
        return True
    folders = (document.path.parent, document.path.parent.parent)
    return any(document.path.name in _text(path) for folder in folders for path in sorted(folder.glob("*.tf"))[:20])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _is_library(document: Document) -> bool:
    """It only defines functions: those who source it set what they use."""
    top = [
        node for script in document.scripts for program in script.nodes.get("program", ()) for node in program.children
    ]
    runs = {"command", "pipeline", "list", "redirected_statement", "for_statement", "while_statement"}
    functions = any(node.type == "function_definition" for node in top)
    return functions and all(re.match(r"set|shopt|trap", text_of(node)) for node in top if node.type in runs)
