"""Findings that are known already: how an old tree adopts the linter without being repaired first."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.findings import Finding

Key = tuple[str, str, str]
"""Rule, path from the folder of the baseline, hash of the line: a line that moves stays known, one that changes does
not. It is a hash because the line may hold a secret."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a file says is known."""

    folder: Path
    known: Counter[Key]

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Raises UserError if there is no such file, or if it is no baseline."""
        remedy = "write one with --write-baseline"
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            known = Counter({(f["rule"], f["path"], f["line"]): int(f["count"]) for f in value["findings"]})
        except OSError as error:
            raise UserError(Problem(f"cannot be read: {error.strerror}", str(path), remedy)) from None
        except (ValueError, TypeError, KeyError):
            raise UserError(Problem("is no baseline", str(path), remedy)) from None
        return cls(path.parent, known)

    def split(self, findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
        """Those that are new, and those that are known; each entry of the file takes away as many as it counts."""
        left = Counter(self.known)
        new: list[Finding] = []
        known: list[Finding] = []
        for finding, key in _keys(findings, self.folder):
            (known if left[key] > 0 else new).append(finding)
            left[key] -= 1
        return new, known


def write(path: Path, findings: Iterable[Finding]) -> None:
    """Makes the findings known."""
    counts = Counter(key for _, key in _keys(findings, path.parent))
    found = [{"rule": key[0], "path": key[1], "line": key[2], "count": counts[key]} for key in sorted(counts)]
    path.write_text(json.dumps({"findings": found}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _keys(findings: Iterable[Finding], folder: Path) -> Iterator[tuple[Finding, Key]]:
    lines: dict[str, list[str]] = {}
    for finding in findings:
        path, line = finding.scope["path"], finding.scope["line"]
        if path not in lines:
            lines[path] = Path(path).read_text(encoding="utf-8", errors="replace").split("\n")
        text = " ".join(lines[path][line - 1].split()) if line <= len(lines[path]) else ""
        place = Path(os.path.relpath(path, folder)).as_posix()
        yield finding, (finding.check, place, hashlib.sha256(text.encode()).hexdigest()[:16])
