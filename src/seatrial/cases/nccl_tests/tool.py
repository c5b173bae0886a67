"""A foreign program that measures collectives: run, kept, judged by the rules about its pasted output."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace

from seatrial.checks.catalogue import of_kind
from seatrial.checks.collectives import baselines, telling
from seatrial.checks.judging import judge
from seatrial.checks.observations import Lines, Observation, Unreadable
from seatrial.checks.profile import detect
from seatrial.rank.core import Rank

FILE = "output.txt"
"""Of the run: all that the program printed."""


def report(node: Rank, command: Sequence[str], kind: str, *, tells_itself: bool = True) -> None:
    """Run it to its end and emit what follows. `tells_itself`: its output says what it was asked for."""
    lines = [] if tells_itself else [f"{shlex.join(command)}\n"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
        node.alive()
    status = process.wait()
    text = "".join(lines)
    (node.run / FILE).write_text(text, encoding="utf-8")
    seen = Observation(kind=kind, origin=FILE, text=text, status=status, error=lines[-1].strip() if lines else "")
    checks = of_kind(kind)
    own = baselines.own(node.run.parent / baselines.FILE)
    with contextlib.suppress(Unreadable):  # of which judging tells
        for sweep in checks[0].source.parse(Lines(seen)):
            told = telling.event(sweep, detect().name or node.device_name(), own)
            if told is not None:
                node.emit(told)
    profile = replace(detect(), baselines=own)
    for finding in judge(checks, [seen], profile):
        node.emit(finding)
