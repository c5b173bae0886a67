"""A plan: files and commands as a value. Showing it is the dry run, executing it touches the world."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.errors import Problem, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One process to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that are set on top of the environment it is started from."""
    title: str = ""
    """What it is, for people: ``rank 0``."""
    programs: tuple[str, ...] = ()
    """What a script that it runs starts in turn, and may not be there."""

    def shell(self) -> str:
        """The command as one line that a POSIX shell understands."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.env.items()]
        return " ".join([*settings, shlex.join(self.argv)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that will be written and started."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Relative path -> text."""
    commands: tuple[Command, ...] = ()

    def text(self) -> str:
        """The whole plan for reading."""
        parts = [f"# --- {path}\n{text.rstrip()}\n" for path, text in sorted(self.files.items())]
        parts += [f"# --- command: {c.title or c.argv[0]}\n{c.shell()}\n" for c in self.commands]
        return "\n".join(parts)

    def write(self, folder: Path) -> list[Path]:
        """Write files and a ``commands.sh`` into `folder`, which must be empty or not exist.

        Raises UserError when something is there already, since a plan never overwrites, or when it cannot be written.
        """
        remedy = "name a folder that does not exist yet, where you may write"
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise UserError(Problem(f"{folder} is not an empty folder", "--output", remedy))
            return self._write(folder)
        except OSError as error:
            raise UserError(Problem(str(error), "--output", remedy)) from error

    def _write(self, folder: Path) -> list[Path]:
        texts = dict(self.files)
        lines = [f"# {c.title}\n{c.shell()}\n" for c in self.commands]
        texts["commands.sh"] = "#!/bin/sh\n" + "\n".join(lines)
        written = []
        for relative, text in sorted(texts.items()):
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
        return written


def below(plan: Plan, folder: str) -> Plan:
    """The same plan with its files in a folder, where its commands are run."""
    commands = tuple(
        Command(argv=("sh", "-c", f"cd {shlex.quote(folder)} && {one.shell()}"), title=one.title)
        for one in plan.commands
    )
    return Plan(files={f"{folder}/{path}": text for path, text in plan.files.items()}, commands=commands)
