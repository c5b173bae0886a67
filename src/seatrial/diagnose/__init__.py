"""Why a run died, hung or was slow, from what it left: one root cause with its evidence, and what followed from it.

`diagnose` is the way in. It only reads the run's folder; UNKNOWN where that does not tell the cause.
"""

from __future__ import annotations

from seatrial.diagnose.judging import Diagnosis, Slowing, blamed, judge
from seatrial.diagnose.left import read
from seatrial.runs import Run

__all__ = ["Diagnosis", "Slowing", "blamed", "diagnose", "judge", "read"]


def diagnose(run: Run) -> Diagnosis:
    """The root cause of what happened to a run. Raises UserError if its job cannot be read."""
    return judge(read(run))
