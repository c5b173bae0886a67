"""A run as metrics."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from seatrial.events import EventReader, RunStart
from seatrial.findings import overall
from seatrial.metrics import Work, mfu
from seatrial.observe.exporter.collectors.tally import Tally
from seatrial.observe.exporter.exposition import Families, label, labels, line
from seatrial.runs import Run, State

MEASURES = {
    "busy": ("train_step_work_seconds", ""),
    "data_wait": ("train_data_wait_seconds", "train_data_wait_seconds_total"),
    "wait": ("train_comm_wait_seconds", "train_comm_wait_seconds_total"),
    "cpu": ("train_cpu_seconds", ""),
}
"""Measure of `events.Step.ranks` -> metric of the newest step, and of all steps; empty: none."""


class OneRun:
    """Follows the events of a run, and keeps its samples as text while nothing happens."""

    def __init__(self, run: Run) -> None:
        """Raises UserError if its job cannot be read."""
        self._run, self._job = run, run.job
        self.id = run.id
        self.about = labels(run_id=run.id, case=self._job.case)
        """Its labels, as text."""
        self.families: Families = {}
        self._events, self._folder = os.fspath(run.events_path), os.fspath(run.path)
        self._begin()
        self._state = State.STARTING
        self._heartbeats: dict[int, float] = {}
        self._findings: Counter[tuple[str, str]] = Counter()
        self._verdict = ""
        self._job_id = ""
        self._ranks: list[str] = []
        """Labels of each rank, as text."""

    def _begin(self) -> None:
        self._reader = EventReader(self._run.events_path)
        self.tally = Tally()
        self._seen = (0, 0)
        """Inode and size of events.jsonl."""

    @property
    def unreadable(self) -> int:
        """Lines in the middle of the events that are none."""
        return self._reader.log.unreadable

    def over(self, now: float, keep: float) -> bool:
        """Whether it ended, or was lost, so long ago that it need not be told any more."""
        if self._state.live:
            return False
        end = self.tally.ended or max(self.tally.step_time, self.tally.started or 0.0)
        return now - (end or self._run.started()) > keep

    def look(self, *, closely: bool) -> bool:
        """Read what is new; whether anything is. `closely`: also what may change without an event.

        Raises OSError if its folder is gone; ValueError, LookupError or TypeError for a file that is not as it should.
        """
        news = self._read() or not self.families
        try:
            if news or closely:
                news |= self._look_closely()
        finally:  # what the events say is told, whatever else cannot be read
            if news:
                self.families = self._joined()
        return news

    def _read(self) -> bool:
        try:
            stat = os.stat(self._events)
        except FileNotFoundError:
            os.stat(self._folder)  # there are none yet
            return False
        seen = stat.st_ino, stat.st_size
        if seen == self._seen:
            return False
        if seen[0] != self._seen[0] or seen[1] < self._seen[1]:  # another file, or cut: what was counted is void
            self._begin()
        for timed in self._reader.read():
            self.tally.take(timed)
            if isinstance(timed.event, RunStart):
                self._ranks.clear()  # it may have other hosts
        self._reader.log.events.clear()  # the tally has them
        self._seen = seen
        return True

    def _look_closely(self) -> bool:
        """Whether anything is other than before."""
        before = self._state, self._job_id, self._heartbeats, self._findings, self._verdict
        self._state = self._run.state(self._run.ended_if_cancelled(self.tally.log()))
        submission = self._run.submission()
        self._job_id = (submission.job_id if submission else None) or ""
        self._heartbeats = dict(self._beats())
        findings = list(self.tally.findings.values())
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # half written: the next look has it
            judged = self._run.findings()
            self._verdict = str(overall(judged)) if judged else ""
            findings += [finding for finding in judged if finding not in findings]
        self._findings = Counter((finding.check, str(finding.verdict)) for finding in findings)
        return before != (self._state, self._job_id, self._heartbeats, self._findings, self._verdict)

    def _beats(self) -> Iterator[tuple[int, float]]:
        with contextlib.suppress(OSError), os.scandir(f"{self._folder}/heartbeats") as entries:
            for entry in entries:
                rank = re.fullmatch(r"rank-(\d+)", entry.name)
                if rank:
                    yield int(rank[1]), entry.stat().st_mtime

    def _samples(self) -> Iterator[tuple[str, str, float | None]]:
        """Metric, labels besides the run's, value; None: not known."""
        tally, job = self.tally, self._job
        start = tally.info
        yield (
            "train_run_info",
            labels(
                recipe=job.recipe,
                launcher=job.launcher,
                cluster_name=job.cluster,
                job_id=self._job_id,
                device=start.device if start else "",
                backend=start.backend if start else "",
                unit=start.unit if start else "",
            ),
            1,
        )
        yield "train_run_state", labels(state=self._state), 1
        yield "train_start_timestamp_seconds", "", tally.started
        yield "train_end_timestamp_seconds", "", None if self._state.live else tally.ended
        yield "train_ranks", "", start.world_size if start else job.world_size
        yield "train_restarts_total", "", max(0, tally.attempts - 1)
        yield "train_events_unreadable_total", "", self.unreadable
        yield "train_steps_planned", "", start.steps if start else None
        yield "train_step", "", tally.step.step if tally.step else start.start_step if start else None
        yield from self._steps()
        yield from self._throughput()
        yield from self._of_ranks()
        yield from self._checkpoints()
        for (check, verdict), count in sorted(self._findings.items()):
            yield "train_findings", labels(check=check, verdict=verdict), count
        if self._verdict:
            yield "train_verdict", labels(verdict=self._verdict), 1

    def _steps(self) -> Iterator[tuple[str, str, float | None]]:
        tally, step = self.tally, self.tally.step
        yield "train_step_total", "", tally.steps
        yield "train_step_seconds_total", "", tally.seconds
        yield "train_nonfinite_total", "", tally.nonfinite
        for phase, seconds in tally.phases.items():
            yield "train_phase_seconds_total", label("phase", phase), seconds
        for name, value in (tally.validation.metrics if tally.validation else {}).items():
            yield "train_validation", label("metric", name), value
        if step is None:
            return
        yield "train_last_step_timestamp_seconds", "", self.tally.step_time
        yield "train_loss", "", step.loss
        yield "train_grad_norm", "", step.grad_norm
        yield "train_learning_rate", "", step.learning_rate
        yield "train_memory_bytes", "", step.memory_bytes
        yield "train_step_time_seconds", "", step.seconds
        for phase, seconds in step.phases.items():
            yield "train_phase_seconds", label("phase", phase), seconds

    def _throughput(self) -> Iterator[tuple[str, str, float | None]]:
        step, start = self.tally.step, self.tally.info
        unit = start.unit if start else "tokens"
        yield f"train_{unit}_total", "", self.tally.count
        if step is None or not step.seconds > 0:
            return
        rate = step.count / step.seconds
        yield f"train_{unit}_per_second", "", rate
        if start is None or unit != "tokens":  # the FLOPs are those of a token
            return
        flops = start.flops_per_token or self._job.flops_per_token
        for convention, each in flops.items():
            yield "train_model_flops_per_second", label("convention", convention), rate * each
        for convention, share in (_mfu(rate, flops, start) or {}).items():
            yield "train_mfu_ratio", label("convention", convention), share

    def _of_ranks(self) -> Iterator[tuple[str, str, float | None]]:
        step = self.tally.step
        for measure, (newest, total) in MEASURES.items():
            for rank, seconds in enumerate(step.ranks.get(measure, ()) if step else ()):
                about = self._rank(rank)
                yield newest, about, seconds
                if total:
                    yield total, about, self.tally.ranks[measure][rank]
        for rank, moment in sorted(self._heartbeats.items()):
            yield "train_heartbeat_timestamp_seconds", self._rank(rank), moment

    def _rank(self, rank: int) -> str:
        """Its labels."""
        while len(self._ranks) <= rank:
            number = len(self._ranks)
            hosts = self.tally.info.hosts if self.tally.info else []
            # The scrape's own label `node` is a host name without its domain, and so is this.
            node = hosts[number].partition(".")[0] if number < len(hosts) else ""
            self._ranks.append(labels(node=node, rank=number))
        return self._ranks[rank]

    def _checkpoints(self) -> Iterator[tuple[str, str, float | None]]:
        tally = self.tally
        yield "train_checkpoint_saves_total", "", tally.saves
        yield "train_checkpoint_stall_seconds_total", "", tally.stall
        if tally.saved is not None:
            yield "train_checkpoint_seconds", label("op", "save"), tally.saved.event.seconds
            yield "train_checkpoint_bytes", "", tally.saved.event.bytes
            yield "train_checkpoint_step", "", tally.saved.event.step
            yield "train_checkpoint_timestamp_seconds", "", tally.saved.time
        if tally.loaded is not None:
            yield "train_checkpoint_seconds", label("op", "load"), tally.loaded.seconds

    def _joined(self) -> Families:
        families: dict[str, list[str]] = defaultdict(list)
        for metric, more, value in self._samples():
            if value is not None:
                families[metric].append(line(metric, f"{self.about},{more}" if more else self.about, value))
        return {metric: "".join(lines) for metric, lines in families.items()}


def _mfu(rate: float, flops: dict[str, float], start: RunStart) -> dict[str, float] | None:
    work = Work(flops_per_token=flops, peak_flops=start.peak_flops, peak_source=start.peak_source)
    return mfu(rate, work, start.world_size)
