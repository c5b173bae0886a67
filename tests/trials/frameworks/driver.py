"""The side of the tests: runs of a case, forked from one process that has imported its framework; see ranks.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import seatrial
from seatrial.binding import bind
from seatrial.cluster import Cluster
from seatrial.events import EventLog, read_events
from seatrial.spec import Case

LOCAL = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=2, processes_per_node=4)
SOURCES = (Path(seatrial.__file__).parents[1], Path(__file__).parents[3])


class Driver:
    """The process that has imported a framework: `module` of this folder, run by `python`.

    Runs are of the recipe `tiny` with `settings`, unless a test says otherwise; `environment` is that of all runs.
    """

    def __init__(
        self,
        python: str,
        module: str,
        case: Case,
        root: Path,
        *,
        recipe: str = "tiny",
        settings: dict[str, str],
        environment: dict[str, str] | None = None,
    ) -> None:
        self.case = case
        self.root = root
        self.recipe = recipe
        self.settings = settings
        variables = {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
            "PYTHONWARNINGS": "ignore",
            "SEATRIAL_DATA": str(root / "datasets"),
        }
        self.process = subprocess.Popen(
            [python, "-m", f"tests.trials.frameworks.{module}"],
            env={**os.environ, **variables, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.facts = self._answer()
        """What the module found out about the framework."""

    def prepare(self, name: str, recipe: str | None = None, *, world_size: int = 2, **settings: str) -> Path:
        """Make a run's folder, with its job."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        job = bind(
            self.case,
            self.case.recipe(recipe or self.recipe),
            LOCAL,
            settings=self.settings | settings,
            processes_per_node=world_size,
        )
        (folder / "job.json").write_text(job.to_json())
        return folder

    def start(self, name: str, program: str = "train", world_size: int = 2, **order: Any) -> list[int]:
        """Start a run that is prepared, or start it again. Exit codes of its ranks; for `order` see ranks.Order."""
        order |= {"run": str(self.root / name), "program": program, "world_size": world_size}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        codes: list[int] = self._answer()
        return codes

    def run(
        self,
        name: str,
        world_size: int = 2,
        *,
        recipe: str | None = None,
        signals: dict[int, tuple[int, int]] | None = None,
        there: str = "",
        environment: dict[str, str] | None = None,
        **settings: str,
    ) -> list[int]:
        """Start a run, or start it again. Exit codes of its ranks."""
        self.prepare(name, recipe, world_size=world_size, **settings)
        return self.start(
            name, world_size=world_size, signals=signals or {}, there=there, environment=environment or {}
        )

    def events(self, name: str) -> EventLog:
        """What a run wrote."""
        return read_events(self.root / name / "events.jsonl")

    def logs(self, name: str) -> str:
        """Why it failed."""
        logs = sorted((self.root / name).glob("rank-*.log"))
        return "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in logs)

    def _answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the process that imports the framework has died"
        return json.loads(line)

    def close(self) -> None:
        """End it and all ranks at once: the interpreter takes seconds to leave in order."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def losses(log: EventLog) -> dict[int, float]:
    """By step."""
    return {step.step: step.loss for step in log.steps()}


def norms(log: EventLog) -> dict[int, float | None]:
    """Of the gradient, by step."""
    return {step.step: step.grad_norm for step in log.steps()}
