"""What those who watch a run's processes say: the launcher, or torchrun, which process they saw end first and how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seatrial.diagnose.tracebacks import Line
from seatrial.events import EventLog, Restart, RunEnd, RunStart, Step

_TOLD = re.compile(
    r"(?P<what>rank|node|driver) ?(?P<number>\d*) "
    r"(?:was killed by (?P<signal>SIG\w+)|ended with (?P<code>exit code \d+)|gave (?P<hang>no sign of life))"
)
_TORCHRUN = re.compile(
    r"Root Cause \(first observed failure\):.*?time +: (?P<time>\S+).*?rank +: (?P<rank>\d+) .*?"
    r"exitcode +: (?P<code>-?\d+)(?:.{0,200}?Signal \d+ \((?P<signal>SIG\w+)\))?",
    re.DOTALL,
)


class Told(NamedTuple):
    """What a launcher or torchrun says about the process that it saw end first."""

    text: str
    rank: int | None
    ending: str
    log: str = ""

    @property
    def certain(self) -> bool:
        """A signal from outside, or of a fault: no other rank's traceback is the cause of that."""
        return self.ending.startswith("SIG") and self.ending != "SIGTERM"


def of_launcher(log: EventLog) -> Told | None:
    """What the launcher said of the last attempt."""
    for timed in reversed(log.events):
        event = timed.event
        if isinstance(event, RunStart | Step | Restart):
            break
        text = event.reason if isinstance(event, RunEnd) else getattr(event, "observed", "")
        found = _TOLD.match(text or "")
        if found:
            rank = int(found["number"]) if found["what"] == "rank" else None
            ending = found["signal"] or found["code"] or "no sign of life"
            return Told(text, rank, ending, f"logs/{found['what']}-{found['number']}.log".replace("-.", "."))
    return None


def of_torchrun(logs: Mapping[str, Sequence[Line]]) -> Told | None:
    """The failure that torchrun saw first, on whichever node that was."""
    found = []
    for name, lines in logs.items():
        for summary in _TORCHRUN.finditer("\n".join(line.text for line in lines)):
            ending = summary["signal"] or f"exit code {summary['code']}"
            how = f"was killed by {ending}" if summary["signal"] else f"ended with {ending}"
            told = Told(f"rank {summary['rank']} {how}", int(summary["rank"]), ending, name)
            found.append((summary["time"], told))
    return min(found, key=lambda one: one[0])[1] if found else None
