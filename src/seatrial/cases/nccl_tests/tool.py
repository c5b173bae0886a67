"""A foreign program that measures collectives: run, kept, judged by the rules about its pasted output."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.checks.catalogue import of_kind
from seatrial.checks.collectives import baselines, rules, telling
from seatrial.checks.collectives.sweep import Sweep
from seatrial.checks.judging import judge
from seatrial.checks.observations import Lines, Observation, Unreadable
from seatrial.checks.profile import detect
from seatrial.findings import Finding, Verdict
from seatrial.rank.core import Rank

FILE = "output.txt"
"""Of the run: all that the program printed."""


def offers(path: str, option: str) -> bool:
    """Whether this version has an option: the programs name theirs when they are asked."""
    usage = subprocess.run([path, "-h"], capture_output=True, text=True, errors="replace", check=False)
    return option in usage.stdout + usage.stderr


def report(node: Rank, command: Sequence[str], kind: str, *, tells_itself: bool = True) -> str:
    """Run it to its end, and emit what follows if this is the first rank, which prints for all.

    Returns how it failed; empty if it did not.
    `tells_itself`: its output says what it was asked for, and how many ranks took part.
    """
    lines = [] if tells_itself else [f"{shlex.join(command)}\n"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
            node.alive()
    status = process.returncode
    failed = f"{Path(command[0]).name} ended with exit code {status}" if status else ""
    if node.rank > 0:
        return f"{failed}: {lines[-1].strip()}" if failed and lines else failed
    text = "".join(lines)
    (node.run / FILE).write_text(text, encoding="utf-8")
    seen = Observation(kind=kind, origin=FILE, text=text, status=status, error=lines[-1].strip() if lines else "")
    own = baselines.own(node.run.parent / baselines.FILE)
    sweeps = read(seen)
    for told in (telling.event(sweep, detect().name or node.device_name(), own) for sweep in sweeps):
        if told is not None:
            node.emit(told)
    for finding in judge(of_kind(kind), [seen], replace(detect(), baselines=own)):
        node.emit(finding)
    if tells_itself:
        node.emit(all_ranks(sweeps, node.world_size))
    return failed


def read(seen: Observation) -> list[Sweep]:
    """What was measured; nothing of an output that is unreadable, as the other rules say."""
    try:
        sweeps: list[Sweep] = of_kind(seen.kind)[0].source.parse(Lines(seen))
    except Unreadable:
        return []
    return sweeps


def all_ranks(sweeps: Sequence[Sweep], expected: int) -> Finding:
    """Whether what was measured is what the job is for."""
    found = min(((sweep.ranks or 0) * sweep.groups for sweep in sweeps), default=0)
    if found == expected:
        return rules.RANKS.finding(Verdict.PASS, f"{found} ranks", evidence=FILE)
    return rules.RANKS.finding(Verdict.UNKNOWN, f"{found or 'an unknown number'} of {expected} ranks", evidence=FILE)
