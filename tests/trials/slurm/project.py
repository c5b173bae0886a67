"""A user's folder with a seatrial.toml, from which the command itself is run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from seatrial.events import EventLog
from seatrial.history import History
from seatrial.runs import Run
from tests.trials.slurm.harness import Slurm
from tests.waiting import poll

ROOT = Path(__file__).parents[3]

TOML = """\
[clusters.sea]
launcher = "slurm"
nodes = {nodes}
{hardware}
shared = "{shared}"
python = "{python}"

[clusters.sea.environment]
# This machine has a few cores, whatever its nodes say.
OMP_NUM_THREADS = "1"
PYTHONPATH = "{source}"

[clusters.sea.options]
{options}
"""


@dataclass(frozen=True)
class Project:
    """`seatrial` as a user calls it, against a real Slurm."""

    folder: Path
    slurm: Slurm
    processes: list[subprocess.Popen[str]] = field(default_factory=list, repr=False)

    @classmethod
    def make(
        cls, folder: Path, slurm: Slurm, *, options: str = "", hardware: str = "", python: str = sys.executable
    ) -> Project:
        folder.mkdir(exist_ok=True)
        text = TOML.format(
            nodes=len(slurm.names),
            hardware=hardware or 'instance_type = "p5.48xlarge"',
            shared=folder / "shared",
            python=python,
            source=ROOT / "src",
            options=options,
        )
        (folder / "seatrial.toml").write_text(text)
        return cls(folder, slurm)

    def start(self, *args: str | Path) -> subprocess.Popen[str]:
        """The command, started."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEATRIAL_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "seatrial", *map(str, args)],
            cwd=self.folder,
            env={**inherited, **self.slurm.env, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job, such as a test run may be, inherits that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        """Ends what a failed test left running, which the next test would be blamed for."""
        for process in self.processes:
            process.kill()
            with process:  # waits for it, and closes its pipes
                pass

    def said(self) -> str:
        """What the jobs themselves wrote, the last of it: why a run failed."""
        logs = sorted(self.folder.glob("shared/*/*.log")) + sorted(self.folder.glob("shared/*/logs/*"))
        return "\n".join(f"{path}:\n{path.read_text()[-2000:]}" for path in logs)

    def __call__(self, *args: str | Path, code: int = 0, timeout: float = 150) -> str:
        """Runs the command to its end. Returns what it printed, after its exit code was compared."""
        process = self.start(*args)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        assert process.returncode == code, f"{args}: exit code {process.returncode}\n{out}\n{err}\n{self.said()}"
        return out + err

    def detach(self, *args: str) -> Run:
        """Submits a run, and returns it."""
        record = self.json("run", *args, "--on", "sea", "--detach", "--json")
        return self.run(record[0]["run"])

    def json(self, *args: str) -> Any:
        """What the command prints as JSON."""
        process = self.start(*args)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, f"{args}: exit code {process.returncode}\n{out}\n{err}"
        return json.loads(out)

    def run(self, name: str) -> Run:
        return History(self.folder / "runs").find(name)

    def there(self, run: Run) -> EventLog:
        """The run's events as they stand on the shared file system."""
        return Run(self.folder / "shared" / run.id).events()

    def wait_for_step(self, run: Run, step: int, timeout: float = 60) -> None:
        def reached() -> bool:
            steps = self.there(run).steps()
            return bool(steps) and steps[-1].step >= step

        poll(reached, timeout, f"{run.id} has done {step} steps")


@pytest.fixture
def project(slurm: Slurm, tmp_path: Path) -> Iterator[Project]:
    project = Project.make(tmp_path / "project", slurm)
    yield project
    project.close()
