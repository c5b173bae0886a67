"""Runs every rule over every launch file, and leaves out what the files themselves say is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Finding, Rule, Verdict, overall
from seatrial.hardware import Instance
from seatrial.lint import documents
from seatrial.lint.documents import Document
from seatrial.lint.environment import judged, on_another_network
from seatrial.lint.launch import nodes
from seatrial.lint.manifest import TEMPLATE
from seatrial.lint.rules import Tree, all_rules, at
from seatrial.lint.stack import versions
from seatrial.network import lint as network_rules

UNREADABLE = Rule(
    id="lint.unreadable",
    verdicts=(Verdict.UNKNOWN,),
    reads="every launch file",
    expected="a file that can be parsed",
    why="what was not found in it may be there all the same",
    remedy="repair what cannot be parsed; render a template first",
    source="docs/lint.md",
    good="#!/bin/bash\necho ready\n",
    bad="#!/bin/bash\nif true; then\n",
)
UNJUSTIFIED = Rule(
    id="lint.ignored-without-reason",
    verdicts=(Verdict.WARN,),
    reads="comments in launch files",
    expected="a reason after the bracket",
    why="whoever reads it next cannot tell whether it still holds",
    remedy="say why, or take the comment away",
    source="docs/lint.md",
    good="#!/bin/bash\n# seatrial: ignore[pins.unpinned-clone] the branch is what is being tested\ntrue\n",
    bad="#!/bin/bash\n# seatrial: ignore[pins.unpinned-clone]\ntrue\n",
)
_IGNORE = re.compile(r"#\s*seatrial:\s*ignore\[([^\]]*)\][ \t]*(.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was found, and in how many files it was looked for."""

    paths: tuple[Path, ...]
    findings: tuple[Finding, ...]

    def verdict(self, path: Path) -> Verdict:
        """A file's worst verdict. PASS: it was read whole and nothing was found in it."""
        found = [finding for finding in self.findings if finding.scope["path"] == path.as_posix()]
        return overall(found) if found else Verdict.PASS


def lint(
    paths: Iterable[Path],
    *,
    instance: Instance | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Report:
    """Judges every launch file among the paths and in their folders.

    `instance` is that of files that name none. `select` and `ignore` are ids of rules, or patterns such as
    ``slurm.*``. Raises UserError for a path that does not
    exist or is no launch file, for an id that does not exist, and if there is nothing to judge.
    """
    paths = list(paths)
    _check_patterns((*select, *ignore))
    files = documents.find(paths)
    if not files:
        raise UserError(Problem("there is no launch file in it", " ".join(map(str, paths))))
    problems: list[Problem] = []
    found: list[Document] = []
    for path in files:
        try:
            found += documents.read(path)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    tree = Tree(tuple(found), tuple(path for path in paths if path.is_dir()), instance)
    findings = judge(tree)
    wanted = [f for f in findings if f.check == UNREADABLE.id or _chosen(f.check, select, ignore)]
    return Report(paths=tuple(files), findings=tuple(wanted))


def judge(tree: Tree) -> list[Finding]:
    """All findings about the documents, by file and line, without those that a comment in the file excuses."""
    found: dict[tuple[str, int, str, str], Finding] = {}
    for document in tree.documents:
        excused = _excused(document)
        for finding in _about(document, tree):
            key = (finding.scope["path"], finding.scope["line"], finding.check, finding.scope.get("variable", ""))
            if finding.check not in excused.get(finding.scope["line"], ()):
                found.setdefault(key, finding)
    return [found[key] for key in sorted(found)]


def _about(document: Document, tree: Tree) -> Iterable[Finding]:
    if document.problem:
        yield at(UNREADABLE, Verdict.UNKNOWN, document, document.problem_line, document.problem)
    if document.problem == TEMPLATE:  # what it says now is not what will run
        return
    for rule in all_rules():
        yield from rule.findings(document, tree)
    yield from _network(document, tree)
    yield from _unjustified(document)


def _network(document: Document, tree: Tree) -> Iterable[Finding]:
    """The environment that a document sets, against the rules of EFA and NCCL."""
    stated = versions(document)
    instance = document.instance()
    if instance is None and not on_another_network(document):
        instance = tree.instance
    several = nodes(document)
    complete = bool(stated) and several is not None and several > 1
    for line, finding in judged(document, instance, complete=complete, **stated):
        place = {"path": document.path.as_posix(), "line": line}
        yield replace(finding, scope={**finding.scope, **place}, evidence=f"{place['path']}:{line}")


def _excused(document: Document) -> dict[int, set[str]]:
    """Line -> ids of rules that a comment on it, or alone on the line before, excuses with a reason.

    Before a command that goes on over several lines, a comment holds for all of them.
    """
    excused: dict[int, set[str]] = {}
    lines = document.text.split("\n")
    for index, text in enumerate(lines):
        comment = _IGNORE.search(text)
        if not comment or not comment[2].strip():
            continue
        last = index
        if not text[: comment.start()].strip():  # alone on its line: meant for what follows
            last += 1
            while last < len(lines) and lines[last].rstrip().endswith("\\"):
                last += 1
        for offset in range(index, last + 1):
            excused.setdefault(document.line + offset, set()).update(re.split(r"[,\s]+", comment[1].strip()))
    return excused


def _unjustified(document: Document) -> Iterable[Finding]:
    for index, text in enumerate(document.text.split("\n")):
        comment = _IGNORE.search(text)
        if comment and not comment[2].strip():
            observed = f"ignore[{comment[1]}] gives no reason, so it excuses nothing"
            line = document.line + index
            yield at(UNJUSTIFIED, Verdict.WARN, document, line, observed)


def headers() -> tuple[Rule, ...]:
    """Every rule that can tell something, by id: of this package, of seatrial.network, about files themselves."""
    return tuple(sorted((*all_rules(), *network_rules.HEADERS, UNREADABLE, UNJUSTIFIED), key=lambda rule: rule.id))


def _chosen(check: str, select: Sequence[str], ignore: Sequence[str]) -> bool:
    selected = not select or any(fnmatchcase(check, pattern) for pattern in select)
    return selected and not any(fnmatchcase(check, pattern) for pattern in ignore)


def _check_patterns(patterns: Sequence[str]) -> None:
    names = [rule.id for rule in headers()]
    unmatched = [p for p in patterns if not any(fnmatchcase(name, p) for name in names)]
    if unmatched:
        raise UserError(unknown("rule", pattern, names, "--select, --ignore") for pattern in unmatched)
