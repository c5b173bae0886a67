"""The runs of a suite, one recipe of every case: a table's rows, and a page that leads to the page of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from seatrial.findings import Verdict
from seatrial.masking import mask_forms
from seatrial.report.format import duration, number, quantity
from seatrial.report.html import SYMBOLS, page
from seatrial.report.summary import Summary

HEADERS = ("job", "state", "verdict", "fidelity", "loss", "throughput", "time", "why")
NUMERIC = ("loss", "throughput", "time")
"""Columns that are aligned to the right."""

NOT_STARTED, CANNOT_RUN, LEFT_OUT = "not started", "cannot run", "left out"
"""States of a job that has no run: the suite ended before; something is in the way; nobody asked for it by its name."""

PASSED = (Verdict.PASS, Verdict.WARN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A job of a suite."""

    job: str
    """``case/recipe``."""
    state: str
    """Of its run, or one of the three above."""
    run: str | None = None
    """Id of its run; None: there is none."""
    verdict: Verdict | None = None
    """None: it was not judged."""
    fidelity: str | None = None
    """``CPU: real``; on other devices which."""
    loss: float | None = None
    """Nats, at the last logged step."""
    throughput: float | None = None
    """`unit` per second over the steady steps."""
    unit: str = ""
    seconds: float | None = None
    """From the command that started it to its last event, without what lies between a stop and a resume; of a job of
    an engine, which may have waited for its nodes, from its first event."""
    why: str = ""
    """Why there is no run of it, or what it did not pass."""

    @property
    def passed(self) -> bool:
        """Whether it did all that it should."""
        return self.verdict in PASSED

    @property
    def link(self) -> str:
        """Address of its page, from the folder of all runs."""
        return f"{quote(self.run or '', safe='', errors='surrogateescape')}/report.html"

    def cells(self, nothing: str = "-") -> tuple[str, ...]:
        """A text for each of the HEADERS; `nothing` for what is unknown, or does not exist."""
        rate = None if self.throughput is None else quantity(self.throughput, f"{self.unit}/s")
        loss = None if self.loss is None else number(self.loss)
        time = None if self.seconds is None else duration(self.seconds)
        told = (self.job, self.state, self.verdict, self.fidelity, loss, rate, time)
        return (*(str(value) if value is not None else nothing for value in told), self.why)


def row(summary: Summary) -> Row:
    """The row of a run. What was judged while it still goes on is no verdict."""
    device = str(summary.layout["device"])
    bad = [f for f in summary.findings if f.verdict in (Verdict.FAIL, Verdict.UNKNOWN)][:1]
    judged = not summary.state.live
    return Row(
        job=f"{summary.case}/{summary.recipe}",
        state=summary.state.value,
        run=summary.run,
        verdict=summary.verdict if judged else None,
        fidelity=f"CPU: {summary.fidelity}" if device == "cpu" else device,
        loss=summary.final_loss,
        throughput=summary.throughput,
        unit=summary.unit,
        seconds=_seconds(summary),
        why="; ".join(f"{finding.check}: {finding.observed}" for finding in bad if judged),
    )


def _seconds(summary: Summary) -> float | None:
    if summary.end is None or summary.job_id is not None or not summary.starts:
        return summary.duration
    begins = [start.time for start in summary.starts]
    moments = [*(attempt.end for attempt in summary.attempts), summary.end]
    windows = zip(begins, [*begins[1:], math.inf], strict=True)
    ends = [(begin, [moment for moment in moments if begin <= moment < until]) for begin, until in windows]
    return sum(max(found) - begin for begin, found in ends if found)


def passed(rows: Sequence[Row]) -> str:
    """How many did, in words."""
    left_out = sum(row.state == LEFT_OUT for row in rows)
    told = f"{sum(row.passed for row in rows)} of {len(rows) - left_out} passed"
    return f"{told}, {left_out} left out" if left_out else told


def headers(rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns that tell something: without reasons where there are none."""
    return HEADERS if any(row.why for row in rows) else HEADERS[:-1]


def to_html(tag: str, place: str, rows: Sequence[Row]) -> str:
    """The page of a suite, in the folder of all runs. `place`: the cluster."""
    on_cpu = any((row.fidelity or "").startswith("CPU") for row in rows)
    lines = [(row, dict(zip(HEADERS, row.cells(nothing=""), strict=True))) for row in rows]
    values = {"tag": tag, "place": place, "passed": passed(rows), "on_cpu": on_cpu, "lines": lines}
    text = page("suite", headers=headers(rows), numeric=NUMERIC, symbols=SYMBOLS, **values)
    return mask_forms(text).encode("utf-8", "replace").decode("utf-8")
