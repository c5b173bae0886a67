"""Why figures that a run tells of itself cannot be, or are not of its job: then they are held against nothing.

Whoever measures wrongly is seldom slow: a step that ends before the device does, tokens that are counted once for each
rank, the model of another recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, median

from seatrial.attempts import Attempts
from seatrial.events import EventLog, Step
from seatrial.findings import Finding
from seatrial.job import Job

SAME = 2.0
"""Factor within which a framework's own FLOPs of a token and ours are of one model: frameworks count masked attention
and recomputation or not."""
TOLERANCE = 0.05
"""Share by which the tokens of a step may differ from those of the global batch: a bound of ours, for padding."""
APART = 1.5
"""Factor above which two clocks cannot be of the same steps: a bound of ours, for what a program does between steps."""
STRETCH, LEAST = 0.2, 5
"""Seconds of a stretch of steps by its events, at least; and stretches without which nothing is said."""
LOGS = ("run.log-times", "run.log-hardware")
"""What is found about a log from elsewhere whose figures are not those of the job; see seatrial.reading."""


def impossible(job: Job, attempts: Attempts, log: EventLog) -> list[str]:
    """Why the throughput that a run tells cannot be, each reason in words; empty if it may be."""
    return [*_too_fast(job, attempts), *_too_many(job, attempts), *_by_the_clock(log)]


def incomparable(job: Job, attempts: Attempts, log: EventLog) -> str:
    """Why a throughput is not held against what is known of the job, to follow the figure; empty if it may be."""
    ranks = attempts.all[-1].world_size if attempts.all else None
    if ranks is not None and ranks != job.world_size:
        return f" is of {ranks} ranks, the figure of {job.world_size}"
    if wrong := impossible(job, attempts, log):
        return f" cannot be: {wrong[0]}"
    return _another_batch(job, attempts) or _another_model(attempts, ranks) or _of_the_log(log)


def printed_flops(attempts: Attempts) -> list[float]:
    """FLOP/s of a rank that the framework itself printed at each steady step."""
    return [point.event.printed["flops"] for point in attempts.steady_points() if point.event.printed.get("flops")]


def _too_fast(job: Job, attempts: Attempts) -> Iterator[str]:
    """More than the peak by every convention, or than products alone would allow, which is less."""
    lowest = min(attempts.mfu().values(), default=0.0)
    rate = attempts.steady().throughput
    most = job.expected.most if job.expected and _as_planned(job, attempts) else None
    if lowest > 1:
        yield f"{lowest:.1f} times the peak of the hardware, so it is another model, or another log"
    elif rate is not None and most is not None and rate > most:
        yield f"{rate / most:.2f} times what the accelerators give if they do nothing but the best matrix products"


def _too_many(job: Job, attempts: Attempts) -> Iterator[str]:
    found = _tokens(job, attempts)
    if found is not None and found[0] > (1 + TOLERANCE) * found[1]:
        yield f"its steps count {found[0]:,.0f} tokens, and the global batch has {found[1]:,}"


def _by_the_clock(log: EventLog) -> Iterator[str]:
    ratios = [passed / said for passed, said in _stretches(log) if said > 0]
    ratio = median(ratios) if len(ratios) >= LEAST else 1.0
    if not 1 / APART <= ratio <= APART:
        yield (
            f"{ratio:.3g} s pass for each second that its steps say, by the median of {len(ratios)} stretches "
            "in which nothing else was done"
        )


def _stretches(log: EventLog) -> Iterator[tuple[float, float]]:
    """Seconds between logged steps without another event between them, by the events and by what the steps say."""
    begun: float | None = None
    before, said = 0, 0.0
    for timed in log.events:
        event = timed.event
        if not isinstance(event, Step):
            begun = None
        elif begun is None:
            begun, before, said = timed.time, event.step, 0.0
        else:
            said += event.seconds * (event.step - before)
            before = event.step
            if timed.time - begun >= STRETCH:
                yield timed.time - begun, said
                begun, said = timed.time, 0.0


def _as_planned(job: Job, attempts: Attempts) -> bool:
    """Whether it counts tokens, on as many ranks as the job has."""
    info = attempts.all[-1].info if attempts.all else None
    return info is not None and info.unit == "tokens" and info.world_size == job.world_size


def _tokens(job: Job, attempts: Attempts) -> tuple[float, int] | None:
    """Tokens of a step as they were counted, and of the global batch; None if either is not known."""
    steady, planned = attempts.steady(), job.expected.step_tokens if job.expected else None
    if planned is None or not steady.steps or not _as_planned(job, attempts):
        return None
    return steady.count / steady.steps, planned


def _another_batch(job: Job, attempts: Attempts) -> str:
    found = _tokens(job, attempts)
    if found is None or found[0] >= (1 - TOLERANCE) * found[1]:
        return ""
    return f" is of steps of {found[0]:,.0f} tokens, the figure of {found[1]:,}"


def _another_model(attempts: Attempts, ranks: int | None) -> str:
    """Of other FLOPs than the job's, by what the framework printed."""
    rate, flops = attempts.steady().throughput, attempts.flops_per_token()
    told = printed_flops(attempts)
    if not rate or not flops or not told or not ranks:
        return ""
    of_token = fmean(told) * ranks / rate
    if min(flops.values()) / SAME <= of_token <= max(flops.values()) * SAME:
        return ""
    return (
        f" is not this model's: by what the framework printed a token took {of_token:.2g} FLOPs, and here takes "
        f"{max(flops.values()):.2g}"
    )


def _of_the_log(log: EventLog) -> str:
    found = next((finding.observed for finding in log.of(Finding) if finding.check in LOGS), None)
    return f" is not compared: {found}" if found else ""
