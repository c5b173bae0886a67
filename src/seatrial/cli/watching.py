"""What `seatrial watch` shows: a run, or a cluster with its runs, as tables and lines that rich draws."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seatrial.attempts import Attempts, Point
from seatrial.cli.options import VERDICT_COLORS
from seatrial.cli.progress import told
from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.events import EventReader, Heartbeat, RunStart, Step
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.report.format import UNKNOWN, duration, moment, number, percent, quantity
from seatrial.report.ranks import rank_measures
from seatrial.report.sparkline import sparkline
from seatrial.runs import Run

CURVE = 48
"""Characters of a curve."""
WINDOW = 200
"""Newest logged steps that ranks are compared over: how it is now, not how it was."""
MOST_RANKS = 8
MOST_ROWS = 12
"""Nodes that get no jobs, and runs that go on."""
NODES_SECONDS = 10.0
"""Between two questions about nodes: each asks the scheduler."""
_BAD = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)


class Happened(NamedTuple):
    """Something worth a line."""

    time: float
    line: str


class RunView:
    """Follows the events of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._reader = EventReader(run.events_path)
        self.attempts = Attempts()
        self._start: RunStart | None = None
        self._phase = ""
        self._happened: deque[Happened] = deque(maxlen=6)
        self._found: dict[str, Finding] = {}

    def read(self) -> None:
        """What is new."""
        for timed in self._reader.read():
            self.attempts.take(timed)
            event = timed.event
            if isinstance(event, RunStart):
                self._start, self._phase = event, ""
            elif isinstance(event, Heartbeat):
                self._phase = event.phase
            elif isinstance(event, Step):
                self._phase = ""
            elif isinstance(event, Finding):
                self._found[f"{event.check} {event.scope}"] = event
            if not isinstance(event, Finding) and (line := told(event)):
                self._happened.append(Happened(timed.time, line))

    def look(self) -> RenderableType:
        """All that there is to see now."""
        self.read()
        points = self.attempts.points()
        parts: list[RenderableType] = [self._head(), *self._bar(points), *_curves(points, self._unit())]
        parts += _ranks(points, self._start.hosts if self._start else [])
        found = {**self._found, **{f"{f.check} {f.scope}": f for f in self.run.findings()}}
        parts += _findings(found.values())
        parts += [Text(f"{moment(h.time)}  {h.line}", style="dim", overflow="ellipsis") for h in self._happened]
        return Padding(Group(*parts), (0, 1))

    def row(self) -> list[RenderableType]:
        """Of a cluster's table of runs."""
        self.read()
        points = self.attempts.points()
        last = points[-1].event if points else None
        return [
            self.run.id,
            self.run.job.label,
            self.run.state().value,
            self._steps(points),
            number(last.loss) if last else self._phase or "-",
            sparkline([p.event.loss for p in points], 16),
            quantity(self.attempts.steady().throughput, f"{self._unit()}/s") if points else "-",
            self._left(points),
        ]

    def _head(self) -> Text:
        job, submission = self.run.job, self.run.submission()
        detail = submission.standing.detail if submission and submission.standing else ""
        where = f"{job.world_size} ranks on {job.cluster}"
        text = Text.assemble((self.run.id, "bold"), f"  {job.label}, {where}  ", (self.run.state().value, "cyan"))
        text.append(f" ({detail})" if detail else "")
        last = self._reader.log.events[-1].time if self._reader.log.events else None
        if last is not None and self.run.state().live:
            text.append(f"  last event {duration(max(round(time.time() - last), 0))} ago", style="dim")
        return text

    def _unit(self) -> str:
        return self._start.unit if self._start else "tokens"

    def _steps(self, points: list[Point]) -> str:
        done = points[-1].event.step if points else self._start.start_step if self._start else 0
        return f"{done}/{self._start.steps}" if self._start else str(done)

    def _left(self, points: list[Point]) -> str:
        seconds = self.attempts.steady().step_seconds
        if not (points and self._start and seconds and self.run.state().live):
            return "-"
        return duration((self._start.steps - points[-1].event.step) * seconds)

    def _bar(self, points: list[Point]) -> Iterator[RenderableType]:
        if self._start is None or not points:
            yield Text(self._phase or "nothing was said yet", style="cyan")
            return
        line = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self._start.steps, completed=points[-1].event.step, width=CURVE)
        left = f"ETA {self._left(points)}" if self.run.state().live else ""
        line.add_row(bar, f"step {self._steps(points)}", left, Text(self._phase, style="cyan"))
        yield line


class ClusterView:
    """A cluster's nodes, and its runs that go on."""

    def __init__(self, cluster: Cluster, history: History) -> None:
        self._cluster = cluster
        self._history = history
        self._views: dict[str, RunView] = {}
        self._nodes: list[RenderableType] = []
        self._asked = float("-inf")

    def handed_over(self) -> list[Run]:
        """Runs that its engine has."""
        return [view.run for view in self._live() if view.run.submission()]

    def look(self) -> RenderableType:
        """All that there is to see now."""
        if time.monotonic() - self._asked >= NODES_SECONDS:
            self._asked, self._nodes = time.monotonic(), list(_nodes(self._cluster))
        views = self._live()
        table = Table(box=None, pad_edge=False, header_style="dim")
        for header in ("RUN", "JOB", "STATE", "STEPS", "LOSS", "", "RATE", "LEFT"):
            least = 3 if header == "" else 5  # a narrow window cuts the curve, and then the names
            table.add_column(header, overflow="ellipsis", no_wrap=True, min_width=least)
        for view in views[:MOST_ROWS]:
            table.add_row(*view.row())
        more = [Text(f"and {len(views) - MOST_ROWS} more", style="dim")] if len(views) > MOST_ROWS else []
        runs: list[RenderableType] = [table, *more] if views else [Text("no run goes on", style="dim")]
        return Padding(Group(*self._nodes, Text(""), *runs), (0, 1))

    def _live(self) -> list[RunView]:
        here = [run for run in self._history.runs if self._is_here(run)]
        self._views = {run.id: self._views.get(run.id) or RunView(run) for run in here}
        return [*self._views.values()]

    def _is_here(self, run: Run) -> bool:
        try:
            return run.job.cluster == self._cluster.name and run.state().live
        except UserError:  # its job.json cannot be read
            return False


def _nodes(cluster: Cluster) -> Iterator[RenderableType]:
    """How many nodes get jobs, and why the others do not."""
    from seatrial import launchers

    head = Text.assemble((cluster.name, "bold"), f"  {cluster.launcher}, ")
    guard = launchers.find(cluster.launcher).guard
    if guard is None:
        yield head.append(f"{cluster.nodes} node{'' if cluster.nodes == 1 else 's'}")
        return
    try:
        reasons = guard.reasons(cluster)
    except UserError as error:
        yield head.append(f"no answer: {error.problems[0].what}", style="yellow")
        return
    away = {name: reason for name, reason in sorted(reasons.items()) if reason}
    yield head.append(f"{len(reasons) - len(away)} of {len(reasons)} nodes get jobs")
    for name, reason in [*away.items()][:MOST_ROWS]:
        yield Text(f"  {name}  {reason}", style="yellow", overflow="ellipsis", no_wrap=True)
    if len(away) > MOST_ROWS:
        yield Text(f"  and {len(away) - MOST_ROWS} more", style="yellow")


def _curves(points: list[Point], unit: str) -> Iterator[RenderableType]:
    """Loss and speed, from the first step to the newest."""
    if not points:
        return
    last = points[-1].event
    table = Table.grid(padding=(0, 2))
    figures: list[tuple[str, Callable[[Point], float | None], Callable[[float | None], str]]] = [
        ("loss", lambda p: p.event.loss, number),
        (f"{unit}/s", lambda p: p.throughput, quantity),
        ("grad norm", lambda p: p.event.grad_norm, lambda value: number(value, 3)),
    ]
    for name, value, write in figures:
        values = [value(p) for p in points]
        if any(v is not None for v in values):
            table.add_row(name, sparkline(values, CURVE), f"{write(values[0])} → {write(values[-1])}")
    shares = [*points[-1].mfu.items()][-1:]
    table.add_row("step", "  ".join(_phases(points[-1])), duration(last.seconds))
    for name, share in shares:
        table.add_row("MFU", name, percent(share))
    yield table


def _phases(point: Point) -> Iterator[str]:
    total = sum(point.event.phases.values())
    if total > 0:
        yield from (f"{name} {seconds / total:.0%}" for name, seconds in point.event.phases.items())


def _ranks(points: list[Point], hosts: list[str]) -> Iterator[RenderableType]:
    """Those that keep the others waiting, if there are any; else how even they are."""
    for measure in rank_measures(points[-WINDOW:]):
        if measure.name not in ("busy", "data_wait") or len(measure.values) < 2:
            continue
        even = f"{measure.name}: {len(measure.values)} ranks, median {duration(measure.median)}"
        if not measure.behind:
            unknown = "too few steps to compare" if measure.noise is None else "none is behind"
            yield Text(f"{even}, {unknown}", style="dim")
            continue
        counts = Counter(hosts[rank] if rank < len(hosts) else UNKNOWN for rank in measure.behind)
        named = [f"rank {rank} {duration(measure.values[rank])}" for rank in measure.behind[:MOST_RANKS]]
        on = ", ".join(f"{count} on {host}" for host, count in counts.most_common(3))
        yield Text(f"{even}; behind: {', '.join(named)} ({on})", style="yellow")


def _findings(findings: Iterable[Finding]) -> Iterator[RenderableType]:
    """How many of each verdict, and in words those that are not right."""
    found = [*findings]
    if not found:
        return
    counts = Counter(finding.verdict for finding in found)
    yield Text(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]), style="bold")
    for finding in [f for f in found if f.verdict in _BAD][:MOST_ROWS]:
        mark = Text(f"{finding.verdict} ", style=VERDICT_COLORS.get(finding.verdict, ""))
        yield mark.append(f"{finding.check}: {finding.observed}", style="default")
