"""Dockerfiles: their stages, what is known in which, and what they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from seatrial.lint.dockerfile import Instruction, expanded, image_and_name


@dataclass(kw_only=True, slots=True)
class Stage:
    """What stands between one FROM and the next."""

    start: Instruction
    """The FROM."""
    image: str
    """Its image, with the defaults of build arguments."""
    name: str
    base: Stage | None
    """The earlier stage on which it stands; None: an image from elsewhere."""
    own: list[Instruction] = field(default_factory=list)
    """Its instructions, without the FROM."""

    @property
    def root(self) -> str:
        """The image from elsewhere with which it, or the stage on which it stands, begins."""
        return self.base.root if self.base else self.image

    @property
    def lineage(self) -> Iterator[Instruction]:
        """Its instructions behind those of the stages on which it stands."""
        if self.base:
            yield from self.base.lineage
        yield from self.own


def stages(instructions: Iterable[Instruction]) -> list[Stage]:
    """The stages of a Dockerfile, in their order."""
    known: dict[str, str] = {}
    found: list[Stage] = []
    for item in instructions:
        if item.name == "FROM" and not item.problem:
            image, name = image_and_name(item.value)
            image = expanded(image, known)[0]
            base = next((stage for stage in reversed(found) if stage.name and stage.name == image.lower()), None)
            found.append(Stage(start=item, image=image, name=name, base=base))
        elif found:
            found[-1].own.append(item)
        elif item.name == "ARG" and item.script:
            known |= item.script.values
    return found


def global_arguments(instructions: Iterable[Instruction]) -> dict[str, int]:
    """The build arguments before the first FROM, and the lines on which they stand."""
    found: dict[str, int] = {}
    for item in instructions:
        if item.name == "FROM":
            break
        if item.name == "ARG" and item.script:
            found |= {assignment.name: assignment.line for assignment in item.script.assignments}
    return found


def homes_made(instructions: Iterable[Instruction]) -> set[str]:
    """Names of the folders in /home that the image itself makes: of users, of WORKDIR, COPY and mkdir, as HOME."""
    found: set[str] = set()
    for item in instructions:
        if item.name in ("WORKDIR", "COPY", "ADD"):
            found.update(re.findall(r"/home/([\w.-]+)", item.value.split()[-1] if item.value else ""))
        elif item.name == "USER":
            found.add(item.value.partition(":")[0])
        elif item.name == "ENV" and item.script:
            homes = (a.value or "" for a in item.script.assignments if a.name == "HOME")
            found.update(name for home in homes for name in re.findall(r"/home/([\w.-]+)", home))
        for command in item.script.commands if item.name == "RUN" and item.script else ():
            if command.find("useradd", "adduser", "mkdir", "install", "usermod") is not None:
                found.update(word.text.removeprefix("/home/").partition("/")[0] for word in command.words)
    return found
