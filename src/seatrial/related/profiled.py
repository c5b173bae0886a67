"""What the profiles say that a run recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial import profiles
from seatrial.diagnose import Slowing
from seatrial.errors import UserError
from seatrial.findings import Verdict
from seatrial.profiles import rules
from seatrial.profiling import FOLDER
from seatrial.runs import Run


def of_run(run: Run) -> Iterator[Slowing]:
    """What is not as it should be, with the share of the profiled steps that it takes; shares may overlap.

    What cannot be read is UNKNOWN. Nothing if nothing was recorded.
    """
    try:
        found = profiles.of_run(run.path)
    except (UserError, OSError) as error:
        yield _unread(str(error))
        return
    if found is None:
        return
    yield from map(_unread, found.unread)
    steps = sorted({step for figures in found.ranks for step in figures.steps})
    window = f", steps {steps[0]} to {steps[-1]}" if len(steps) > 1 else f", step {steps[0]}" if steps else ""
    for finding, share in profiles.weighed(found.ranks):
        if finding.verdict is Verdict.WARN or (finding.check, finding.verdict) == (rules.WHOLE.id, Verdict.UNKNOWN):
            place = f"{FOLDER}/, {finding.evidence}" if finding.evidence else f"{FOLDER}/"
            yield Slowing(replace(finding, evidence=f"{place}{window}"), share)


def _unread(why: str) -> Slowing:
    told = " ".join(why.split())
    return Slowing(rules.WHOLE.finding(Verdict.UNKNOWN, told, evidence=f"{FOLDER}/"), None)
