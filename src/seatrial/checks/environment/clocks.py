"""How far the clocks of ranks are apart, from when they enter and leave the same collectives.

Nobody leaves a barrier before everybody has entered it. So of two ranks the one cannot have left before the other
entered, and each barrier bounds the difference of their clocks from both sides. The bounds hold whatever the network
does; the fastest of several barriers makes them narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from seatrial.checks.environment.facts import Facts
from seatrial.checks.environment.places import scope
from seatrial.findings import Finding, Rule, Severity, Verdict

TOLERATED = 0.1
"""Seconds. Chrony against Amazon's time service keeps hosts within a millisecond; a tenth of a second means that it
does not run, and logs and traces of several nodes can no longer be put in order."""
REFUSED = 300.0
"""Seconds from which on others refuse: munge's credentials live as long, and AWS refuses requests that are signed
earlier or later than that. https://github.com/dun/munge/blob/master/src/munged/munged.8.in,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""

CLOCK = Rule(
    id="env.clock",
    verdicts=(*Verdict,),
    reads="when each rank entered and left the same barriers",
    severity=Severity.MONITOR,
    expected=f"clocks within {TOLERATED:g} s of that of rank 0",
    why="Slurm and AWS refuse what comes from a clock that is minutes off; logs of several nodes do not fit together.",
    remedy="start chronyd on the node, and look whether it reaches its source: chronyc tracking",
    source="Seatrial's own bound; munge and AWS Signature Version 4 refuse from 300 s on",
    good="rank 1 is 0.000 s ± 0.001 s ahead",
    bad="rank 1 is 0.500 s ± 0.001 s ahead",
)


@dataclass(frozen=True, slots=True)
class Skew:
    """How far a clock is ahead of that of rank 0, in seconds: between these two."""

    least: float
    most: float

    @property
    def possible(self) -> bool:
        """False: the clock was set while it was looked at."""
        return self.least <= self.most

    def __str__(self) -> str:
        middle, half = (self.least + self.most) / 2, (self.most - self.least) / 2
        return f"{abs(middle):.6f} s {'behind' if middle < 0 else 'ahead'}, give or take {half:.6f} s"


def skews(entered: Sequence[Sequence[float]], left: Sequence[Sequence[float]]) -> list[Skew]:
    """The clock of each rank against that of rank 0; by rank, the seconds at which it entered and left each barrier."""
    return [
        Skew(
            max(mine_in - zero_out for mine_in, zero_out in zip(entered[rank], left[0], strict=True)),
            min(mine_out - zero_in for mine_out, zero_in in zip(left[rank], entered[0], strict=True)),
        )
        for rank in range(len(entered))
    ]


def judge(ranks: Sequence[Facts], measured: Sequence[Skew]) -> Iterator[Finding]:
    """One finding for each host whose clock is not right, or one for all."""
    firsts = [facts for facts in ranks if facts.local_rank == 0 and facts.rank]
    if not firsts:
        yield CLOCK.finding(Verdict.SKIP, "one node: there is one clock")
        return
    right = True
    for facts in firsts:
        skew = measured[facts.rank]
        verdict, said = _verdict(skew)
        if verdict is not Verdict.PASS:
            right = False
            rule = replace(CLOCK, severity=Severity.ISOLATE) if verdict is Verdict.FAIL else CLOCK
            observed = f"the clock of {facts.host} is {skew}{said}"
            yield rule.finding(verdict, observed, evidence="facts.jsonl", scope=scope([facts]))
    if right:
        worst = max(max(abs(measured[f.rank].least), abs(measured[f.rank].most)) for f in firsts)
        yield CLOCK.finding(Verdict.PASS, f"{len(firsts) + 1} clocks are within {worst:.6f} s", evidence="facts.jsonl")


def _verdict(skew: Skew) -> tuple[Verdict, str]:
    if not skew.possible:
        return Verdict.UNKNOWN, ": it was set while it was looked at"
    nearest = 0.0 if skew.least <= 0 <= skew.most else min(abs(skew.least), abs(skew.most))
    furthest = max(abs(skew.least), abs(skew.most))
    if nearest >= REFUSED:
        return Verdict.FAIL, ""
    if nearest > TOLERATED:
        return Verdict.WARN, ""
    return (Verdict.PASS, "") if furthest <= TOLERATED else (Verdict.UNKNOWN, ": that is not exact enough")
