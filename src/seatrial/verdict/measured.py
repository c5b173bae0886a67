"""What a run measured of itself: whether it can be, and how it stands to what was published and forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean

from seatrial import doubts
from seatrial.attempts import Attempts
from seatrial.events import EventLog
from seatrial.expected import Range
from seatrial.findings import Finding, Verdict, judged
from seatrial.hardware import GIB, accelerators, instances
from seatrial.job import Job
from seatrial.spec import Published
from seatrial.verdict import rules

PUBLISHED_SHARE = 0.95
"""A run must reach this share of a published figure: a bound of ours, for the noise between two clusters."""
FAR = 1.3
"""Times the memory that was forecast, from which on a run is not that job: of 32 published peaks none was further above
(`benchmarks/forecast_memory.py`: the highest 1.28, of a mixture of experts)."""


def findings(job: Job, attempts: Attempts, log: EventLog) -> Iterator[Finding]:
    """All of them. Nothing is said of what nobody has forecast or published."""
    wrong = doubts.incomparable(job, attempts, log)
    yield from _published(job, attempts, wrong)
    yield from _expected(job, attempts, wrong)
    yield from _memory(job, attempts, log)
    yield from _possible(job, attempts, log)


def _possible(job: Job, attempts: Attempts, log: EventLog) -> Iterator[Finding]:
    """UNKNOWN: the figure is wrong. WARN: it is more than the peak, but only in one way of counting."""
    if reasons := doubts.impossible(job, attempts, log):
        rate = attempts.steady().throughput
        what = "the throughput" if rate is None else f"a throughput of {rate:,.0f} a second"
        yield rules.POSSIBLE.finding(Verdict.UNKNOWN, f"{what} cannot be: {'; '.join(reasons)}")
        return
    shares = dict(attempts.mfu())
    info = attempts.all[-1].info if attempts.all else None
    if info and info.peak_flops and (told := doubts.printed_flops(attempts)):
        shares["by the framework's own FLOP/s"] = fmean(told) / info.peak_flops
    highest = max(shares.items(), key=lambda item: item[1], default=("", 0.0))
    if highest[1] > 1:
        yield rules.POSSIBLE.finding(Verdict.WARN, f"MFU, {highest[0]}: {highest[1]:.1%}")


def _accelerators(job: Job, figure: Published) -> float:
    """Whole accelerators of a job on the hardware of a figure: a Trainium chip has several ranks."""
    name = instances.instance(figure.instance_type).accelerator
    return job.world_size / (accelerators.accelerator(name).ranks_per_accelerator if name else 1)


def _published(job: Job, attempts: Attempts, wrong: str) -> Iterator[Finding]:
    """The steady throughput against what others measured on the same hardware."""
    rate = attempts.steady().throughput
    for figure in job.published:
        share = _accelerators(job, figure) if figure.metric.endswith("per accelerator") else 1
        measured = rate / share if rate is not None else None
        yield replace(rules.PUBLISHED, source=figure.source).finding(
            Verdict.UNKNOWN if measured is None or wrong else judged(measured >= PUBLISHED_SHARE * figure.value),
            "never measured" if measured is None else f"{measured:,.0f} {figure.metric}{wrong}",
            expected=f"{PUBLISHED_SHARE:.0%} or more of {figure.value:,.0f}, published for {figure.nodes} x "
            f"{figure.instance_type}: {figure.source}",
        )


def _expected(job: Job, attempts: Attempts, wrong: str) -> Iterator[Finding]:
    """The steady throughput against what was forecast. Below an interval that rests on nothing near, nobody can say."""
    found = job.expected.rate if job.expected else None
    if found is None:
        return
    info = attempts.all[-1].info if attempts.all else None
    rate = attempts.steady().throughput if info is None or info.unit == "tokens" else None
    verdict = Verdict.UNKNOWN
    if rate is not None and not wrong and (rate >= found.low or found.evidence):
        verdict = judged(rate >= found.low)
    observed = "never measured" if rate is None else f"{rate:,.0f} tokens/s, {rate / found.expected:.0%}{wrong}"
    interval = f"{found.low:,.0f} to {found.high:,.0f}"
    yield rules.EXPECTED.finding(verdict, observed, expected=f"{found.expected:,.0f} ({interval}), {_rests(found)}")


def _memory(job: Job, attempts: Attempts, log: EventLog) -> Iterator[Finding]:
    """The peak that was told against the forecast one. It need not be that of the fullest rank."""
    found = job.expected.memory if job.expected else None
    if found is None:
        return
    peak = max((step.memory_bytes for step in log.steps() if step.memory_bytes), default=None)
    ranks = attempts.all[-1].world_size if attempts.all else None
    verdict, observed = Verdict.UNKNOWN, "never measured"
    if peak is not None:
        observed = f"{peak / GIB:.3g} GiB, {peak / found.expected:.0%}"
        if ranks is not None and ranks != job.world_size:
            observed += f" is of {ranks} ranks, the figure of {job.world_size}"
        elif peak <= found.high or found.evidence:
            far = peak > FAR * found.expected
            verdict = Verdict.PASS if peak <= found.high else Verdict.FAIL if far else Verdict.WARN
        if peak < found.low:
            observed += ": less than it should need, so are model, batch and recomputation those of the job?"
    interval = f"{found.low / GIB:.3g} to {found.high / GIB:.3g}"
    wanted = f"{found.expected / GIB:.3g} GiB ({interval}) or less, {_rests(found)}"
    yield rules.MEMORY.finding(verdict, observed, expected=wanted)


def _rests(found: Range) -> str:
    return f"near {found.evidence[0]}" if found.evidence else "by a model alone: nothing like it was measured"
