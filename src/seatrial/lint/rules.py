"""What a rule is, and where all of them are found: in the modules of this package whose names begin with ``rules_``."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from seatrial import findings
from seatrial.findings import Finding, Verdict
from seatrial.hardware import Instance
from seatrial.lint.documents import Document, Kind
from seatrial.masking import mask_forms

Hit = tuple[int, str]
"""Line of the file, and what was seen there."""


@dataclass(frozen=True)
class Tree:
    """Everything that is linted together."""

    documents: tuple[Document, ...]
    roots: tuple[Path, ...] = ()
    """The folders that were given."""
    instance: Instance | None = None
    """What the nodes are where a document does not name their instance type; None: not known."""

    @functools.cached_property
    def claims(self) -> frozenset[str]:
        """Names of the PersistentVolumeClaims that a manifest defines."""
        maps = [d.manifest for d in self.documents if d.manifest and d.manifest.get("kind") == "PersistentVolumeClaim"]
        return frozenset(str(name) for m in maps if (name := m.map("metadata").text("name")))

    @functools.cached_property
    def scripts(self) -> dict[str, tuple[Document, ...]]:
        """Scripts that are files of their own, by the name of the file."""
        found: dict[str, tuple[Document, ...]] = {}
        for document in self.documents:
            if document.kind in SHELL and not document.embedded:
                found[document.path.name] = (*found.get(document.path.name, ()), document)
        return found

    @functools.cached_property
    def folders_made(self) -> frozenset[str]:
        """Folders that a shell script, not run by Slurm itself, creates."""
        scripts = [script for d in self.documents if d.kind == "shell" for script in d.scripts]
        commands = [command for script in scripts for command in script.commands if command.name == "mkdir"]
        return frozenset(word.text.rstrip("/") for command in commands for word in command.words[1:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule(findings.Rule):
    """One thing that is wrong in launch files, how it is found, and an example of it: no rule finds anything in `good`.

    FAIL: it does not do what it says. WARN: it works today, or in some places.
    """

    kinds: tuple[Kind, ...]
    at: int
    """Line of `bad` on which it is found."""
    check: Callable[[Document, Tree], Iterable[Hit]]

    @property
    def verdict(self) -> Verdict:
        """The one that it gives."""
        [verdict] = self.verdicts
        return verdict

    def findings(self, document: Document, tree: Tree) -> Iterable[Finding]:
        """What the rule finds in a document of one of its kinds."""
        for line, observed in self.check(document, tree) if document.kind in self.kinds else ():
            yield at(self, self.verdict, document, line, mask_forms(observed))


def at(rule: findings.Rule, verdict: Verdict, document: Document, line: int, observed: str) -> Finding:
    """A finding about a line of a document."""
    path = document.path.as_posix()
    return rule.finding(verdict, observed, evidence=f"{path}:{line}", scope={"path": path, "line": line})


_RULES: dict[str, Rule] = {}
SHELL: tuple[Kind, ...] = ("shell", "sbatch")
ALL: tuple[Kind, ...] = ("sbatch", "shell", "yaml", "dockerfile")


def rule(
    id: str,
    verdict: Verdict,
    kinds: tuple[Kind, ...],
    *,
    expected: str,
    why: str,
    remedy: str,
    source: str,
    bad: str,
    at: int,
    good: str,
) -> Callable[[Callable[[Document, Tree], Iterable[Hit]]], Callable[[Document, Tree], Iterable[Hit]]]:
    """Registers the decorated function as the check of a rule. Its example is of the first of `kinds`."""

    def register(check: Callable[[Document, Tree], Iterable[Hit]]) -> Callable[[Document, Tree], Iterable[Hit]]:
        assert id not in _RULES, id
        _RULES[id] = Rule(
            id=id,
            verdicts=(verdict,),
            reads=", ".join(kinds),
            kinds=kinds,
            expected=expected,
            why=why,
            remedy=remedy,
            source=source,
            bad=bad,
            at=at,
            good=good,
            check=check,
        )
        return check

    return register


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule there is, by id."""
    package = importlib.import_module("seatrial.lint")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("rules_"):
            importlib.import_module(f"seatrial.lint.{module.name}")
    return tuple(_RULES[id] for id in sorted(_RULES))
