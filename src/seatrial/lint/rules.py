"""What a rule is, and where all of them are found: in the modules of this package whose names begin with ``rules_``."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from seatrial import findings
from seatrial.findings import Finding, Verdict
from seatrial.hardware.instances import Instance
from seatrial.lint.documents import Document, Kind
from seatrial.masking import mask_forms

Hit = tuple[int, str]
"""Line of the file, and what was seen there."""


T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
Find = Callable[[Document], Iterable[H]]
_GATHERED: dict[str, Find[Any]] = {}


def gathered(find: Find[H]) -> Find[H]:
    """Declares what a function finds in one document to be of interest in all others: `Tree.all` has all of it.

    Files are read by several processes, a few at a time, so that this is all that one of them knows of the others.
    """
    _GATHERED[_name(find)] = find
    return find


def gather(documents: Iterable[Document]) -> dict[str, frozenset[Any]]:
    """What all declared functions find in some documents."""
    all_rules()  # their modules declare some
    found: dict[str, set[Any]] = {name: set() for name in _GATHERED}
    for document in documents:
        for name, find in _GATHERED.items():
            found[name].update(find(document))
    return {name: frozenset(items) for name, items in found.items()}


def _name(find: Find[Any]) -> str:
    return f"{find.__module__}.{find.__qualname__}"


class NotGathered(Exception):
    """A rule asks for what all documents say while they are still being read."""


class _Ungathered(dict[str, frozenset[Any]]):
    def __missing__(self, name: str) -> frozenset[Any]:
        raise NotGathered(name)


UNGATHERED: Mapping[str, frozenset[Any]] = _Ungathered()
"""What is known of all documents while they are still being read."""


@gathered
def _folders_made(document: Document) -> Iterator[str]:
    for command in document.commands("mkdir") if document.kind == "shell" else ():
        if command.name == "mkdir":
            yield from (word.text.rstrip("/") for word in command.words[1:])


@dataclass(frozen=True)
class Tree:
    """Everything that is linted together."""

    judged: tuple[Document, ...]
    """Those that are judged here. Of all others a rule knows no more than what is gathered."""
    roots: tuple[Path, ...] = ()
    """The folders that were given."""
    instance: Instance | None = None
    """What the nodes are where a document does not name their instance type; None: not known."""
    given: Mapping[str, frozenset[Any]] | None = None
    """What is gathered from all documents; None: from those that are judged here."""
    said: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What functions that look `once_in` it say of its documents."""

    @functools.cached_property
    def _facts(self) -> Mapping[str, frozenset[Any]]:
        return gather(self.judged) if self.given is None else self.given

    def all(self, find: Find[H]) -> frozenset[H]:
        """What a function that is `gathered` finds in all documents together."""
        return self._facts[_name(find)]

    @property
    def folders_made(self) -> frozenset[str]:
        """Folders that a shell script, not run by Slurm itself, creates."""
        return self.all(_folders_made)


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
        for line, observed in self.check(document, tree):
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
def rules_about(kind: Kind) -> tuple[Rule, ...]:
    """The rules about one kind of file, by id."""
    return tuple(rule for rule in all_rules() if kind in rule.kinds)


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule there is, by id."""
    package = importlib.import_module("seatrial.lint")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("rules_"):
            importlib.import_module(f"seatrial.lint.{module.name}")
    return tuple(_RULES[id] for id in sorted(_RULES))
