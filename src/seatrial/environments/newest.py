"""What is newer than a pin, as those say today who publish it. What nobody could be asked about stays unknown."""

from __future__ import annotations

import json
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from seatrial.environments import _uv
from seatrial.errors import UserError
from seatrial.versions.table import Entry

GITHUB = "https://api.github.com"
TIMEOUT_SECONDS = 10
LOOKUPS = 8
"""At a time."""
NOWHERE = "it is not known whom to ask"


@dataclass(frozen=True, kw_only=True, slots=True)
class Newest:
    """What was found out about one version."""

    entry: Entry
    version: str | None = None
    """The newest that there is; None: unknown."""
    why: str = ""
    """Why it is unknown."""

    @property
    def behind(self) -> bool | None:
        """Whether there is a newer one; None: unknown."""
        if self.version is None:
            return None
        pinned, newest = _number(self.entry.pin.version), _number(self.version)
        return None if pinned is None or newest is None else pinned < newest


def ask(entries: Iterable[Entry]) -> list[Newest]:
    """All of them: packages of Python of the index that pip and uv are told to use, others on GitHub."""
    known = list(entries)
    packages = {one for one in known if one.package}
    with ThreadPoolExecutor(LOOKUPS) as pool:
        told = dict(zip(known, pool.map(lambda one: None if one in packages else _released(one), known), strict=True))
    for runs_on in sorted({one.python for one in packages}):
        some = [one for one in packages if one.python == runs_on]
        told |= _on_index(some, runs_on)
    return [found for one in known if (found := told[one])]


def _on_index(entries: Collection[Entry], runs_on: str) -> dict[Entry, Newest]:
    """By one question to the index; a package that it does not have is left out of the next one."""
    asked = {one.package or "" for one in entries}
    found: Mapping[str, str] = {}
    why: dict[str, str] = {}
    while asked and not found:
        try:
            found = _compiled(asked, runs_on)
        except _uv.Failed as failed:
            name = failed.package or ""
            lost = {name} if name in asked else asked
            why |= dict.fromkeys(lost, failed.reason)
            asked = asked - lost
        except UserError as error:  # there is no uv
            return {one: Newest(entry=one, why=error.problems[0].what) for one in entries}
    return {
        one: Newest(entry=one, version=found.get(one.package or ""), why=why.get(one.package or "", ""))
        for one in entries
    }


def _compiled(names: Collection[str], runs_on: str) -> Mapping[str, str]:
    """Name -> newest version that runs on that Python. Raises uv's Failed."""
    with tempfile.TemporaryDirectory(prefix="seatrial-newest-") as folder:
        wanted, found = Path(folder, "wanted.in"), Path(folder, "found.txt")
        wanted.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")
        options = ["--no-deps", "--no-header", "--no-annotate", "--python-version", runs_on, *_uv.pip_options()]
        _uv.run(["pip", "compile", *options, wanted.name, "--output-file", found.name], folder=Path(folder))
        lines = found.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(";")[0].strip().partition("==") for line in lines)
    return {name: version for name, _, version in pairs if version}


def _released(entry: Entry) -> Newest:
    """By the repository's latest release, or the greatest of its tags where it makes no releases."""
    if entry.repository is None:
        return Newest(entry=entry, why=entry.pin.newest or NOWHERE)
    place = f"{GITHUB}/repos/{entry.repository}"
    try:
        try:
            tags = [str(_fetched(f"{place}/releases/latest")["tag_name"])]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            tags = [str(one["name"]) for one in _fetched(f"{place}/tags?per_page=100")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Newest(entry=entry, why=f"{place}: {getattr(error, 'reason', error)}")
    numbers = {tag: number for tag in tags if (number := _number(tag)) is not None}
    if _number(entry.pin.version) is None:
        return Newest(entry=entry, why=f"{entry.pin.version} is no version that could be compared")
    if not numbers:
        return Newest(entry=entry, why=f"{entry.repository} has neither releases nor tags of versions")
    return Newest(entry=entry, version=max(numbers, key=lambda tag: numbers[tag]))


def _fetched(url: str) -> Any:
    request = urllib.request.Request(url, headers={"Accept": "application/vnd.github+json", "User-Agent": "seatrial"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)


def _number(text: str) -> Version | None:
    """``v2.32.3-1`` and ``core_v0.16.1`` are versions, ``2025-04`` is a date; None: it is none."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    if found is None:
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return Version(found[0])
