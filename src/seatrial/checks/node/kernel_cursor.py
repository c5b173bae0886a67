"""Up to where a kernel's log has been told of, so that a check that runs every few minutes counts each line once."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from seatrial.checks.catalogue import Check
from seatrial.checks.node.kernel_events import Cursor, Log
from seatrial.checks.node.kernel_log import KERNEL_LOG, parse
from seatrial.checks.observations import Lines, Observation, Unreadable

STATE = Path("/var/lib/seatrial")
"""Folder that a node keeps over reboots (file-hierarchy(7)); a mark of another boot does not count."""
FILE = "kernel-log.json"
"""Name of the mark in it."""


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


def acted_on(observations: Iterable[Observation]) -> None:
    """Remembers the kernel's log among what was observed. Where nothing can be kept its lines are told again."""
    for observation in observations:
        if observation.kind == KERNEL_LOG.kind and not observation.problem:
            with contextlib.suppress(OSError, Unreadable):
                remember(STATE, boot_id(), parse(Lines(observation)))
