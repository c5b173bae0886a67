"""TensorBoard: event files in the folder ``tensorboard`` of the run. Values are kept there in single precision."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.observe.trackers._tracker import About, Outcome, Point, Tracker
from seatrial.runs import Run

FOLDER = "tensorboard"
FLUSH_SECONDS = 120
"""At the latest; a sender flushes more often itself."""


class _EventFiles:
    """One more event file in the folder of a run: TensorBoard reads all of them as one record."""

    def __init__(self, run: Run) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.record = FOLDER
        self.address = str(run.path / FOLDER)
        self._writer = EventFileWriter(self.address, flush_secs=FLUSH_SECONDS)

    def describe(self, about: About) -> None:
        self._text("about", {**about.facts, **{f"--set {name}": text for name, text in about.arguments.items()}}, 0)
        self._writer.flush()

    def log(self, points: Sequence[Point]) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary

        for point in points:
            if point.restart:  # its readers drop what they have of this step and later ones
                self._add(point.time, point.step + 1, session_log=SessionLog(status=SessionLog.START))
            else:
                values = [Summary.Value(tag=tag, simple_value=value) for tag, value in point.values.items()]
                self._add(point.time, point.step, summary=Summary(value=values))
        self._writer.flush()

    def conclude(self, outcome: Outcome) -> None:
        figures = {name: f"{value:g}" for name, value in outcome.figures.items()}
        told = {"verdict": outcome.verdict, "state": outcome.state, **figures, **outcome.findings}
        self._text("verdict", told, outcome.step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _text(self, tag: str, told: Mapping[str, str], step: int) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb

        rows = (f"| {name} | {text.replace('|', '&#124;')} |" for name, text in told.items())
        self._add(time.time(), step, summary=text_pb(tag, "\n".join(("| | |", "|---|---|", *rows))))

    def _add(self, moment: float, step: int, **what: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=moment, step=step, **what))


TRACKER = Tracker(
    name="tensorboard",
    module="tensorboard",
    settings=lambda given, runs: {},
    check=lambda settings: (),
    open=lambda run, tracked: _EventFiles(run),
)
