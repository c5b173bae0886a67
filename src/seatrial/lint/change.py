"""What has changed in a git repository: the lines on which ``seatrial lint --diff BASE`` tells what it finds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.findings import Finding

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_DIFF = ("diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")


@dataclass(frozen=True, slots=True)
class Change:
    """Lines that were added or altered since a commit, in files that git tracks or could track."""

    lines: Mapping[Path, frozenset[int]]
    """Of each changed file, by its absolute path. A command that goes on over several lines changes as a whole."""

    @classmethod
    def since(cls, base: str, paths: Iterable[Path]) -> Change:
        """The change of the repositories of these paths since they left `base`, what is not committed included.

        Raises UserError for a path in no repository, and if there is no such commit.
        """
        found: dict[Path, frozenset[int]] = {}
        for top in sorted({_top(path) for path in paths}):
            for name, lines in _changed(_git(top, *_DIFF, _commit(base, top), "--").stdout):
                file = top / name
                found[file] = found.get(file, frozenset()).union(lines)
            for name in _git(top, "ls-files", "--others", "--exclude-standard", "-z").stdout.split("\0")[:-1]:
                found[top / name] = frozenset(range(1, len(_text(top / name)) + 1))
        return cls({file: _whole_commands(_text(file), lines) for file, lines in found.items()})

    def __contains__(self, path: Path) -> bool:
        return path.resolve() in self.lines

    def touches(self, finding: Finding) -> bool:
        """The finding is about a line that was added or altered."""
        return finding.scope["line"] in self.lines.get(Path(finding.scope["path"]).resolve(), ())


def _git(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *args]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="surrogateescape", check=False)
    except OSError as error:
        problem = Problem(f"git cannot be started: {error.strerror}", "--diff", "install git, or leave --diff out")
        raise UserError(problem) from None


def _top(path: Path) -> Path:
    answer = _git(path if path.is_dir() else path.parent, "rev-parse", "--show-toplevel")
    if answer.returncode:
        reason = answer.stderr.strip().removeprefix("fatal: ") or "it is in no repository"
        problem = Problem(f"{path}: {reason}", "--diff", "give files of a git repository, or leave --diff out")
        raise UserError(problem)
    return Path(answer.stdout.rstrip("\n")).resolve()


def _commit(base: str, top: Path) -> str:
    """Where the work at hand left `base`: what others have changed there since is not its change."""
    answer = _git(top, "rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}")
    if answer.returncode:
        remedy = "give a branch, a tag or a commit; git fetch brings those that are missing"
        raise UserError(Problem(f"{top} has no commit that is called {base!r}", "--diff", remedy))
    commit = answer.stdout.strip()
    left = _git(top, "merge-base", commit, "HEAD")
    return left.stdout.strip() if left.returncode == 0 else commit


def _changed(diff: str) -> Iterator[tuple[str, range]]:
    """Name of a file and the lines that a hunk puts there, hunk by hunk."""
    lines = iter(diff.split("\n"))
    name = ""
    for line in lines:
        hunk = _HUNK.match(line)
        if line.startswith("+++ "):
            name = _unquoted(line[4:].rstrip("\t"))
        elif hunk:
            removed, start, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            if name != "/dev/null":
                yield name.removeprefix("b/"), range(start, start + added)
            for _ in range(removed + added):  # the lines of a file can look like those of a diff
                next(lines)


def _unquoted(name: str) -> str:
    r"""A name as it is; git writes one with a quote or a tab in it as ``"b/a\tb"``."""
    if not name.startswith('"'):
        return name
    return name[1:-1].encode("utf-8", "surrogateescape").decode("unicode_escape")


def _text(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []


def _whole_commands(text: list[str], lines: frozenset[int]) -> frozenset[int]:
    whole = set(lines)
    for line in sorted(lines, reverse=True):
        while 2 <= line <= len(text) and text[line - 2].rstrip().endswith("\\"):
            line -= 1
            whole.add(line)
    return frozenset(whole)
