"""Lines of files below /proc and /sys, as they are collected: ``path:line``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from seatrial.checks.observations import Unreadable

Files = dict[str, list[str]]
"""Path -> its lines."""

_LOOK = re.compile(r"@ (\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Look:
    """What the files said at one time."""

    taken: float
    """Unix seconds."""
    files: Files = field(default_factory=dict)


def read_files(lines: Iterable[str], globs: tuple[str, ...]) -> Files:
    """What `Source.files` said. The path may be left out where it can be only one. Raises Unreadable."""
    found: Files = {}
    for line in lines:
        path, text = _place(line.rstrip("\n"), globs)
        found.setdefault(path, []).append(text)
    return found


def read_looks(lines: Iterable[str], globs: tuple[str, ...], looks: int = 2) -> list[Look]:
    """The same of a source that is looked at more than once. Raises Unreadable, also for fewer looks."""
    found: list[Look] = []
    for line in lines:
        text = line.rstrip("\n")
        begins = _LOOK.fullmatch(text)
        if begins:
            found.append(Look(float(begins[1])))
            continue
        if not found:
            raise Unreadable("'@ SECONDS' before the lines of each look", line)
        path, value = _place(text, globs)
        found[-1].files.setdefault(path, []).append(value)
    if len(found) < looks:
        raise Unreadable(f"{looks} looks, each behind a line '@ SECONDS'")
    return found


def only(files: Files, path: str) -> str | None:
    """The line of a file that holds one; None if it is not there. Raises Unreadable if there are more."""
    values = files.get(path)
    if values is None:
        return None
    if len(values) != 1:
        raise Unreadable(f"one line of {path}", values[1])
    return values[0].strip()


def settings(lines: Iterable[str]) -> dict[str, str]:
    """``KEY=value`` lines, such as those of a uevent. Raises Unreadable."""
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or key in found:
            raise Unreadable("KEY=value, each key once", line)
        found[key] = value.strip()
    return found


def _place(line: str, globs: tuple[str, ...]) -> tuple[str, str]:
    match = _pattern(globs).fullmatch(line)
    if match:
        return match[1], match[2]
    if len(globs) == 1 and "*" not in globs[0]:
        return globs[0], line
    raise Unreadable(f"PATH:LINE of {', '.join(globs)}", line)


@functools.cache
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """A directory's name may hold colons, as those of PCI do; a file's name holds none."""
    choices = []
    for glob in globs:
        folder, _, name = glob.rpartition("/")
        parts = [re.escape(part).replace(r"\*", "[^/]*") for part in folder.split("/")]
        choices.append("/".join([*parts, re.escape(name).replace(r"\*", "[^/:]*")]))
    return re.compile(f"({'|'.join(choices)}):(.*)")
