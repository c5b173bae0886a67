"""A page of docs/ as a test: its files are written, its commands typed into a shell, and what they print is compared.

A block ```` ```console ```` holds commands after ``$ ``, continued after ``> ``, and below each what it prints:
stdout and stderr together, all of it. ``...`` stands for any text in a line, and alone on a line for any lines. After
``console`` may stand ``exit=N``, the exit code of the block's last command; all others exit with 0.

A block below a line that begins with a file's name in backticks and ends in a colon is that file.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from seatrial import cache

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FILE = re.compile(r"`(?P<name>[\w./-]+)`.*:")


@dataclass(frozen=True, slots=True)
class File:
    """A file that the reader is told to write."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed, and what the page says of it."""

    line: int
    text: str
    expected: str
    code: int = 0


def parse(page: str) -> list[File | Command]:
    """The files and commands of a page, in its order. Raises ValueError for a console block that begins otherwise."""
    found: list[File | Command] = []
    above, lines = "", iter(enumerate(page.splitlines(), start=1))
    for number, line in lines:
        if not line.startswith("```"):
            above = line or above
            continue
        body = []
        for _, inner in lines:
            if inner == "```":
                break
            body.append(inner)
        kind, _, info = line.removeprefix("```").partition(" ")
        if kind == "console":
            found += _commands(body, number + 1, int(info.removeprefix("exit=") or 0))
        elif named := FILE.fullmatch(above):
            found.append(File(named["name"], "".join(f"{text}\n" for text in body)))
        above = ""
    return found


def _commands(body: list[str], first: int, code: int) -> list[Command]:
    """The commands of a console block whose body begins at line `first` of the page; the last one exits with `code`."""
    if not body or not body[0].startswith("$ "):
        raise ValueError(f"line {first}: a console block begins with a command")
    typed: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(body, start=first):
        if line.startswith("$ "):
            typed.append((number, [line[2:]], []))
            continue
        _, words, printed = typed[-1]
        if not printed and (line.startswith("> ") or words[-1].endswith("\\")):
            words.append(line.removeprefix("> "))
        else:
            printed.append(line)
    commands = [
        Command(number, "\n".join(words), "".join(f"{text}\n" for text in printed)) for number, words, printed in typed
    ]
    return [*commands[:-1], replace(commands[-1], code=code)]


def difference(expected: str, printed: str) -> str:
    """Empty if the text is the expected one; otherwise where it differs, as a diff."""
    patterns = {line: _pattern(line) for line in expected.splitlines()}
    if re.fullmatch("".join(patterns[line] for line in expected.splitlines()), printed):
        return ""
    # What an expected line allows is shown as that line, so that only real differences remain.
    shown = [
        next((line for line, pattern in patterns.items() if line != "..." and re.fullmatch(pattern, f"{text}\n")), text)
        for text in printed.splitlines()
    ]
    return "\n".join(difflib.unified_diff(expected.splitlines(), shown, "the page", "the shell", lineterm=""))


def _pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.rstrip(" \t").split("...")) + r"[ \t]*\n"


def _lend_cache(folder: Path) -> None:
    """What is kept of the package and the catalogue, by keys that say whether it still holds: no page makes it anew."""
    folder.mkdir(parents=True)
    for kept in cache.folder().glob("*.json"):
        shutil.copy(kept, folder)


class Shell:
    """A bash in a fresh folder, with this checkout's `seatrial` in its PATH. Leaving it ends all that it started."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        programs = folder.parent / f"{folder.name}-bin"
        for made in (folder, programs):
            made.mkdir()
        wrapper = programs / "seatrial"
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m seatrial "$@"\n')
        wrapper.chmod(0o755)
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SEATRIAL_", "XDG_"))
        }
        path = {"PATH": f"{programs}:{env.get('PATH', os.environ['PATH'])}", "PYTHONPATH": str(ROOT / "src")}
        _lend_cache(folder / ".cache" / "seatrial")
        self._env = {**inherited, **env, **path, "HOME": str(folder), "NO_COLOR": "1", "TERM": "dumb"}
        self._mark = secrets.token_hex(8)

    def __enter__(self) -> Self:
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()

    def type(self, command: str) -> tuple[str, int]:
        """Runs a command. Returns what it printed and its exit code."""
        assert self._bash.stdin and self._bash.stdout
        self._bash.stdin.write(f"eval {shlex.quote(command)} </dev/null\nprintf '\\n%s %s\\n' {self._mark} $?\n")
        self._bash.stdin.flush()
        printed = []
        for line in self._bash.stdout:
            if line.startswith(self._mark):
                return "".join(printed)[:-1], int(line.split()[1])
            printed.append(line)
        raise AssertionError(f"the shell ended: {''.join(printed)}")


def play(
    page: Path,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    changes: Mapping[str, str] | None = None,
) -> list[str]:
    """Does in a fresh folder what a page says. Returns the commands that were run; fails with a diff.

    `changes`: text of the page, which must stand in it -> what stands for it here, such as a temporary folder.
    """
    text = page.read_text(encoding="utf-8")
    for old, new in (changes or {}).items():
        assert old in text, f"{page.name} does not say {old}"
        text = text.replace(old, new)
    done = []
    with Shell(folder, env or {}) as shell:
        for step in parse(text):
            if isinstance(step, File):
                (folder / step.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / step.name).write_text(step.text)
            else:
                check(step, *shell.type(step.text), page.name)
                done.append(step.text)
    return done


def check(command: Command, printed: str, code: int, page: str) -> None:
    """Fails unless the command did what the page says."""
    where = f"{page}:{command.line}: $ {command.text}"
    assert code == command.code, f"{where}\nexit code {code} instead of {command.code}\n{printed}"
    different = difference(command.expected, printed if printed.endswith("\n") or not printed else f"{printed}\n")
    assert not different, f"{where}\n{different}"
