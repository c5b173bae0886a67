"""Up to where a kernel's log has been told of, so that a check that runs every few minutes counts each line once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from seatrial.checks.catalogue import Check
from seatrial.checks.node.kernel_events import Cursor, Log
from seatrial.checks.node.kernel_log import KERNEL_LOG, parse

FILE = "kernel-log.json"
"""Its name in the folder that the caller keeps for a node."""


def boot_id(root: Path = Path("/")) -> str:
    """What the kernel calls this boot; empty: it does not say."""
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def recall(state: Path, boot: str) -> Cursor | None:
    """The mark that `remember` left during this boot. None, so that everything counts, if there is none to be read."""
    try:
        record = json.loads((state / FILE).read_text(encoding="utf-8"))
        return Cursor(str(record["line"]), float(record["time"])) if boot and record["boot"] == boot else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def remember(state: Path, boot: str, log: Log) -> None:
    """Marks what the log shows as told of. To be called when somebody has acted on the findings, not before."""
    if not boot or log.mark is None or not log.mark.line:
        return
    state.mkdir(parents=True, exist_ok=True)
    new = state / f"{FILE}.{os.getpid()}"
    new.write_text(json.dumps({"boot": boot, **asdict(log.mark)}) + "\n", encoding="utf-8")
    new.replace(state / FILE)


def once(checks: Iterable[Check], reported: Cursor | None) -> list[Check]:
    """The checks, of which those of the kernel's log pass over what was told of before."""
    source = replace(KERNEL_LOG, parse=partial(parse, reported=reported))
    return [replace(check, source=source) if check.source is KERNEL_LOG else check for check in checks]
