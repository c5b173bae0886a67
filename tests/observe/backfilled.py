"""A real Prometheus on loopback, filled with the history of tests.observe.history."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.observe.history import RUNS, openmetrics
from tests.waiting import poll

STOP = 1_796_000_040
"""When the history ends, Unix seconds: no clock has a part in it."""
START, STEP = STOP - 3600, 30
PROGRAMS = ("prometheus", "promtool")
_CHOSEN = {"__rate_interval": "2m", "__range": "1h", "run": RUNS[0], "cluster": ".*", "node": ".*", "gpu": ".*"}
"""What Grafana would put in the place of its variables."""


def missing() -> list[str]:
    """The programs that are not installed: Debian's package `prometheus` has both."""
    return [program for program in PROGRAMS if not shutil.which(program)]


def chosen(promql: str) -> str:
    """The query as Prometheus gets it: one run, all nodes."""
    return re.sub(r"\$(\w+)", lambda found: _CHOSEN[found[1]], promql)


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    address: str

    def at(self, promql: str, when: int = STOP) -> list[dict[str, Any]]:
        """The series of an instant query. Raises HTTPError if Prometheus refuses it."""
        return self._ask("query", query=promql, time=when)

    def over(self, promql: str, start: int = START, stop: int = STOP, step: int = STEP) -> list[dict[str, Any]]:
        """The series of a query over a range. Raises HTTPError if Prometheus refuses it."""
        return self._ask("query_range", query=promql, start=start, end=stop, step=step)

    def _ask(self, what: str, **parameters: Any) -> list[dict[str, Any]]:
        address = f"{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


@contextlib.contextmanager
def prometheus(folder: Path, leave_out: Sequence[str] = ()) -> Iterator[Prometheus]:
    """Prometheus with the history in `folder`, which is empty."""
    text, data, log = folder / "history.txt", folder / "data", folder / "log"
    with text.open("w") as file:
        file.writelines(openmetrics(START, STOP, STEP, leave_out))
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    subprocess.run(blocks, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("{}\n")
    options = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}"]
    options += ["--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0"]
    with log.open("w") as file, subprocess.Popen(["prometheus", *options], stderr=file, stdout=file) as process:
        try:
            # It says that it is ready and where it listens in either order.
            says = ("ready to receive web requests", 'msg="Listening on"')
            poll(lambda: process.poll() is not None or all(one in log.read_text() for one in says), 60, "Prometheus")
            listening = re.search(r'msg="Listening on" address=(\S+)', log.read_text())
            assert listening, log.read_text()
            yield Prometheus(f"http://{listening[1]}")
        finally:
            process.terminate()
