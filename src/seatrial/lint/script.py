"""What is known of a piece of shell code: its commands with their words, its assignments, its variables."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node


class Assignment(NamedTuple):
    """A variable that is given a value."""

    name: str
    value: str | None
    """None: not known without running the script."""
    line: int


class Word(NamedTuple):
    """One word of a command."""

    text: str
    """What the program gets, as far as it can be known: quotes removed, variables that have one value filled in."""
    line: int
    source: str
    """As it is written."""
    known: bool
    """Nothing in `text` is left to be expanded."""

    @property
    def name(self) -> str:
        """The last part of it, as a path: the program without its folder."""
        return self.text.rstrip("/").rpartition("/")[2] if "/" in self.text else self.text


class Redirect(NamedTuple):
    """``>`` and the like."""

    operator: str
    target: Word


@dataclass(eq=False, kw_only=True, slots=True)
class Command:
    """A simple command. Two that read the same are two."""

    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...] = ()
    background: bool = False
    node: Node | None = None
    outer: Command | None = None
    """The command that runs this one's script: the srun of ``srun bash -c '...'``."""
    name: str = field(init=False)
    """The program, without its folder."""
    places: Mapping[str, int] = field(init=False, repr=False)
    """Name -> index of the first word that has it: dozens of rules ask."""

    def __post_init__(self) -> None:
        names = [word.name if "/" in word.text else word.text for word in self.words]
        self.name = names[0]
        self.places = dict(zip(reversed(names), range(len(names) - 1, -1, -1), strict=True))

    @property
    def line(self) -> int:
        """Line of the first word, from 1."""
        return self.words[0].line

    @property
    def nesting(self) -> int:
        """Number of commands around this one."""
        return 1 + self.outer.nesting if self.outer else 0

    def find(self, *programs: str) -> int | None:
        """Index of the first word that names one of the programs: 0, or later behind srun, exec, env, nsys."""
        if self.places.keys().isdisjoint(programs):
            return None
        return min(self.places[program] for program in programs if program in self.places)

    def option(self, *names: str) -> Word | None:
        """The value of an option, the last one if it is given twice: ``--n=4``, ``--n 4``, ``-n4`` or ``-n 4``."""
        return option(self.words, *names)


def option(words: Sequence[Word], *names: str) -> Word | None:
    """The value of an option among words; see Command.option. Underscores and dashes inside a name are the same."""
    found = None
    wanted = {name.replace("_", "-") for name in names}
    for index, word in enumerate(words):
        if word.text[:1] != "-":
            continue
        name, equals, value = word.text.partition("=")
        if name.replace("_", "-") in wanted:
            if equals:
                found = Word(value, word.line, word.source, word.known)
            elif index + 1 < len(words):
                found = words[index + 1]
        elif len(name) > 2 and name[:2] in wanted and name[1] != "-":
            found = Word(word.text[2:], word.line, word.source, word.known)
    return found


class Use(NamedTuple):
    """A variable that is expanded."""

    name: str
    line: int
    optional: bool
    """The expansion provides for the variable being unset."""
    node: Node


@dataclass(frozen=True, kw_only=True)
class Script:
    """A piece of shell code."""

    text: str
    line: int
    """Line of its file on which it begins, from 1."""
    nodes: Mapping[str, Sequence[Node]] = field(default_factory=dict, compare=False)
    """Type of node that has a name in the grammar -> all of that type, in the order of the text."""
    commands: tuple[Command, ...] = ()
    """With those of scripts inside it, such as ``bash -c '...'``."""
    assignments: tuple[Assignment, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """Variables that have one known value throughout."""
    arrays: Mapping[str, tuple[Word, ...]] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    """Those of its own shell: what ``bash -c '...'`` expands it finds in another environment."""
    defined: frozenset[str] = frozenset()
    """Names that some line assigns, reads or loops over, or that a test asks for."""
    exported: frozenset[str] = frozenset()
    """Names that every program finds in its environment that it starts: ``export X``, ``declare -x X``, ``set -a``."""
    handed: frozenset[str] = frozenset()
    """Those, and names that it hands to some programs only: ``X=1 program``, ``srun --export=ALL,X=1``."""
    dynamic: bool = False
    """It sets other names, too, which only shows when it runs: ``eval``, ``export "$pair"``."""
    error: int | None = None
    """Line of the first place that is not shell code, or none that can be read."""
    unread: int = 0
    """Lines in such places. All others were read."""

    @functools.cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(itertools.chain.from_iterable(command.places for command in self.commands))

    def naming(self, *programs: str) -> Iterator[Command]:
        """The commands one of whose words names one of the programs. Most scripts have none, which is known at once."""
        if self._named.isdisjoint(programs):
            return iter(())
        return (command for command in self.commands if not command.places.keys().isdisjoint(programs))

    def line_of(self, node: Node) -> int:
        """Line of its file on which a node begins, from 1."""
        return self.line + node.start_point[0]

    def heredocs(self) -> Iterator[tuple[str, int]]:
        """Text and first line of each here-document."""
        for body in self.nodes.get("heredoc_body", ()):
            yield (body.text or b"").decode("utf-8", errors="replace").replace("\\$", "$"), self.line_of(body)
