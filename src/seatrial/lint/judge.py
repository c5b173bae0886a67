"""Runs every rule over every launch file, and leaves out what the files themselves say is meant."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Finding, Rule, Verdict, overall
from seatrial.hardware.instances import Instance
from seatrial.lint import documents
from seatrial.lint.allocation import nodes
from seatrial.lint.baseline import Baseline
from seatrial.lint.change import Change
from seatrial.lint.documents import Document
from seatrial.lint.environment import assigned, judged, on_another_network
from seatrial.lint.manifest import TEMPLATE
from seatrial.lint.rules import Tree, all_rules, at, rules_about
from seatrial.lint.shards import File, judge_files
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
_IGNORE = re.compile(r"#[ \t]*seatrial:[ \t]*ignore\[([^\]\n]*)\][ \t]*(.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was found, and in which files it was looked for."""

    files: tuple[File, ...]
    findings: tuple[Finding, ...]
    """What costs most first."""
    known: tuple[Finding, ...] | None = None
    """What stands in the baseline; None: there is none."""
    seconds: float = 0.0

    @property
    def unread(self) -> float:
        """Share of the lines that were not read."""
        return sum(file.unread_lines for file in self.files) / max(1, sum(file.lines for file in self.files))

    def verdicts(self) -> dict[Path, Verdict]:
        """Each file's worst verdict. PASS: it was read whole and nothing was found in it."""
        found: dict[str, list[Finding]] = {}
        for finding in (*self.findings, *(self.known or ())):
            found.setdefault(finding.scope["path"], []).append(finding)
        return {file.path: _verdict(file, found.get(file.path.as_posix(), [])) for file in self.files}


def _verdict(file: File, found: Sequence[Finding]) -> Verdict:
    worst = overall(found) if found else Verdict.PASS
    return Verdict.UNKNOWN if file.unread_lines and worst is not Verdict.FAIL else worst


def lint(
    paths: Iterable[Path],
    *,
    instance: Instance | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    base: str | None = None,
    baseline: Path | None = None,
    jobs: int | None = None,
) -> Report:
    """Judges every launch file among the paths and in their folders.

    `instance` is that of files that name none. `select` and `ignore` are ids of rules, or patterns such as
    ``slurm.*``. `base`: only what has changed since that commit is told; `baseline`: what stands in that file is known.
    Raises UserError for a path that does not exist or is no launch file, for an id that does not exist, and if there is
    nothing to judge.
    """
    began = time.monotonic()
    paths = list(paths)
    _check_patterns((*select, *ignore))
    before = Baseline.read(baseline) if baseline is not None else None
    found = documents.find(paths)
    if not found:
        raise UserError(Problem("there is no launch file in it", " ".join(map(str, paths))))
    change = Change.since(base, paths) if base is not None else None
    roots = tuple(path for path in paths if path.is_dir())
    files, findings = judge_files(found, judge, jobs=jobs, roots=roots, instance=instance)
    findings = sorted((f for f in findings if chosen(f.check, select, ignore)), key=_cost)
    if change is not None:
        files = [file for file in files if file.path in change]
        seen = [f for f in findings if Path(f.scope["path"]) in change]
        findings = [f for f in seen if change.touches(f) or f.check == UNREADABLE.id]
    new, known = before.split(findings) if before is not None else (findings, None)
    return Report(
        files=tuple(files),
        findings=tuple(new),
        known=tuple(known) if known is not None else None,
        seconds=time.monotonic() - began,
    )


_COST = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)


def _cost(finding: Finding) -> tuple[int, str, str, int]:
    return _COST.index(finding.verdict), finding.check, finding.scope["path"], finding.scope["line"]


def judge(tree: Tree) -> list[Finding]:
    """All findings about the documents, by file and line, without those that a comment in the file excuses."""
    found: dict[tuple[str, int, str, str], Finding] = {}
    for document in tree.judged:
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
    for rule in rules_about(document.kind):
        yield from rule.findings(document, tree)
    yield from _network(document, tree)
    yield from _unjustified(document)


def _network(document: Document, tree: Tree) -> Iterable[Finding]:
    """The environment that a document sets, against the rules of EFA and NCCL."""
    if not assigned(document):
        return
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
    lines = document.text.split("\n") if "seatrial:" in document.text else ()
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
    for comment in _IGNORE.finditer(document.text) if "seatrial:" in document.text else ():
        if not comment[2].strip():
            observed = f"ignore[{comment[1]}] gives no reason, so it excuses nothing"
            line = document.line + document.text.count("\n", 0, comment.start())
            yield at(UNJUSTIFIED, Verdict.WARN, document, line, observed)


def headers() -> tuple[Rule, ...]:
    """Every rule that can tell something, by id: of this package, of seatrial.network, about files themselves."""
    return tuple(sorted((*all_rules(), *network_rules.HEADERS, UNREADABLE, UNJUSTIFIED), key=lambda rule: rule.id))


def chosen(check: str, select: Sequence[str], ignore: Sequence[str]) -> bool:
    """A rule is asked for."""
    selected = not select or any(fnmatchcase(check, pattern) for pattern in select)
    return selected and not any(fnmatchcase(check, pattern) for pattern in ignore)


def _check_patterns(patterns: Sequence[str]) -> None:
    names = [rule.id for rule in headers()]
    unmatched = [p for p in patterns if not any(fnmatchcase(name, p) for name in names)]
    if unmatched:
        raise UserError(unknown("rule", pattern, names, "--select, --ignore") for pattern in unmatched)
