"""The findings of a node's newest check, kept for whoever watches the node."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seatrial.findings import Finding

FILE = "findings.jsonl"
"""In the folder that a node keeps over reboots: a line about the check, then one for each finding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A check of a node, and what it found."""

    node: str
    """Host name without its domain."""
    level: str
    time: float
    """When it ended, Unix seconds."""
    findings: tuple[Finding, ...]


def keep(node: str, level: str, findings: Sequence[Finding], folder: Path) -> None:
    """Writes them, so that a reader sees all of them or those before. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"node": node.partition(".")[0], "level": level, "time": round(time.time(), 3)}
    lines = [json.dumps(about), *(json.dumps(asdict(finding)) for finding in findings)]
    temporary = folder / f".{FILE}"
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(folder / FILE)


def read(folder: Path) -> Checked:
    """What `keep` wrote there. Raises OSError, or ValueError, KeyError and TypeError for what is not that."""
    first, *lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    about = json.loads(first)
    findings = tuple(Finding.of(json.loads(line)) for line in lines)
    return Checked(node=about["node"], level=about["level"], time=float(about["time"]), findings=findings)
