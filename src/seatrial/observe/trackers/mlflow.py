"""MLflow: a run of an experiment, on a tracking server or in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from seatrial.errors import Problem
from seatrial.extras import importable
from seatrial.observe.trackers._tracker import About, Outcome, Point, Tracker
from seatrial.runs import Run, State
from seatrial.tracked import Tracked

T = TypeVar("T")

STATUS = {State.COMPLETED: "FINISHED", State.STOPPED: "KILLED"}
"""State -> MLflow's word; any other is FAILED."""
DATABASES = ("sqlite", "mysql", "postgresql", "mssql")
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a sender tries again itself
    "MLFLOW_ALLOW_FILE_STORE": "true",  # MLflow 3.7 and later refuse a folder otherwise, in which nothing new comes
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Variables of MLflow's client, unless they are set."""
METRICS, OTHERS = 1000, 100
"""Most that one request takes, https://mlflow.org/docs/latest/api_reference/rest-api.html (Log Batch)."""


class _Record:
    """A run in MLflow."""

    def __init__(self, run: Run, tracked: Tracked) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        uri = tracked.settings["uri"]
        self._client = MlflowClient(tracking_uri=uri)
        found = self._client.get_run(tracked.record).info if tracked.record else self._begin(run, tracked.settings)
        self.record: str = found.run_id
        shown = urlsplit(uri).scheme in ("http", "https")
        self.address = f"{uri.rstrip('/')}/#/experiments/{found.experiment_id}/runs/{self.record}" if shown else uri

    def _begin(self, run: Run, settings: Mapping[str, str]) -> Any:
        name = settings["experiment"]
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        return self._client.create_run(number, start_time=round(run.started() * 1000), run_name=run.id).info

    def describe(self, about: About) -> None:
        from mlflow.entities import Param

        self._client.update_run(self.record, status="RUNNING")
        for some in _parts(about.arguments.items(), OTHERS):
            self._client.log_batch(self.record, params=[Param(name, text) for name, text in some])
        self._tag(about.facts)

    def log(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        metrics = (
            Metric(name, value, round(point.time * 1000), point.step)
            for point in points
            for name, value in point.values.items()
        )
        for some in _parts(metrics, METRICS):
            self._client.log_batch(self.record, metrics=some)

    def conclude(self, outcome: Outcome) -> None:
        moment = time.time()
        self.log([Point(step=outcome.step, time=moment, values=outcome.figures)])
        findings = {f"finding.{rule}": text for rule, text in outcome.findings.items()}
        self._tag({"verdict": outcome.verdict, "state": outcome.state, **findings})
        self._client.set_terminated(self.record, STATUS.get(State(outcome.state), "FAILED"), round(moment * 1000))

    def close(self) -> None:
        """Every request was answered."""

    def _tag(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        for some in _parts(tags.items(), OTHERS):
            self._client.log_batch(self.record, tags=[RunTag(name, text) for name, text in some])


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    whole = list(items)
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _settings(given: Mapping[str, str], runs: Path) -> dict[str, str]:
    uri = given.get("uri") or os.environ.get("MLFLOW_TRACKING_URI") or (runs / "mlflow").absolute().as_uri()
    return {
        "uri": uri,
        "experiment": given.get("experiment") or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "seatrial",
    }


def _check(settings: Mapping[str, str]) -> Iterator[Problem]:
    uri = settings["uri"]
    try:
        parts = urlsplit(uri)
        secret, host = parts.password is not None, parts.hostname
    except ValueError as error:
        yield Problem(f"is no address: {error}", "tracking.mlflow.uri")
        return
    if secret:
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, which stand in no file"
        yield Problem("holds a password", "tracking.mlflow.uri", remedy)
    elif parts.scheme in ("http", "https"):
        if not host:
            yield Problem(f"names no host: {uri}", "tracking.mlflow.uri", "http://HOST:PORT")
    elif parts.scheme in ("", "file"):
        yield from _unwritable(Path(unquote(parts.path) if parts.scheme else uri).absolute())
    elif parts.scheme.partition("+")[0] in DATABASES and not importable("sqlalchemy"):
        remedy = "install the whole of MLflow: pip install mlflow; or name a tracking server"
        yield Problem("is a database, and mlflow-skinny reads none", "tracking.mlflow.uri", remedy)


def _unwritable(folder: Path) -> Iterator[Problem]:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield Problem("cannot be written to", str(there), "name another folder, or a server, in tracking.mlflow.uri")


TRACKER = Tracker(name="mlflow", module="mlflow", settings=_settings, check=_check, open=_Record)
