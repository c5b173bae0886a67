"""seatrial forecast TARGET -o FILE: its pictures, and the run that one is held against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.forecast.job import Forecast
    from seatrial.report.waterfall import Measured


def draw(path: Path, title: str, found: Forecast, runs: Path, run: str | None) -> None:
    """Memory and step, with the step of that one of the runs beside it."""
    from seatrial.report.forecast_picture import picture

    measured = None if run is None else _measured(runs, run, found)
    write(path, picture(title, found, measured))


def write(path: Path, picture: str) -> None:
    """Raises UserError where the file cannot be written."""
    try:
        path.write_text(picture + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(Problem(f"{path} cannot be written: {error.strerror}", "--output")) from None


def _measured(runs: Path, name: str, found: Forecast) -> Measured:
    """The step of a run whose steps have as many tokens as those that are forecast: else nothing can be compared."""
    from seatrial.cli.options import find_run
    from seatrial.history import History
    from seatrial.report.format import quantity
    from seatrial.report.summary import summarise
    from seatrial.report.waterfall import Measured

    summary = summarise(find_run(History(runs), name), [])
    if found.pace is None:
        raise UserError(Problem(f"there is no step to hold it against: {found.unknown.get('time')}", "--measured"))
    if summary.throughput is None or summary.step_seconds is None:
        raise UserError(Problem(f"{summary.run} has no steady step", "--measured", "a run of more steps"))
    tokens, expected = summary.throughput * summary.step_seconds, float(found.pace.step.tokens)
    if summary.unit != "tokens" or abs(tokens / expected - 1) > 0.01:
        there = f"a step of {summary.run} has {quantity(tokens)} {summary.unit}"
        what = f"{there}, one of this job {quantity(expected)} tokens"
        raise UserError(Problem(what, "--measured", "a run of this recipe with these arguments"))
    return Measured(name=summary.run, seconds=summary.step_seconds, phases=summary.phases)
