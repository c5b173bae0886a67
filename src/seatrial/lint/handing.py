"""What a launch file hands to others, and takes from them: variables, and files that it reads into its own shell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.lint.documents import Document
from seatrial.lint.rules import gathered
from seatrial.lint.script import Command, Word

_SOURCE = ("source", ".")


def sourced(commands: Iterable[Command]) -> Iterator[Word]:
    """The files that are read by ``source`` or ``.``."""
    for command in commands:
        if command.words[0].text in _SOURCE and len(command.words) > 1:
            yield command.words[1]


@gathered
def sourced_files(document: Document) -> Iterator[str]:
    """Names of the files that a script reads into its own shell."""
    return (word.name.strip("\"'") for word in sourced(document.commands(*_SOURCE)))


@gathered
def handing(document: Document) -> Iterator[tuple[str, frozenset[str]]]:
    """A file, and the names that it hands to programs, pods or the steps of an image."""
    given = {name for script in document.scripts for name in script.handed}
    given |= {a.name for container in document.containers for a in container.environment}
    steps = [i.script for i in document.instructions if i.name in ("ARG", "ENV") and i.script]
    given |= {a.name for script in steps for a in script.assignments}
    if given:
        yield document.path.as_posix(), frozenset(given)
