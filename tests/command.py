"""`seatrial` in a process of its own or in this one, and what its runs left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from seatrial.cli import cli
from seatrial.errors import UserError
from seatrial.events import Step
from seatrial.history import History
from seatrial.runs import Run
from tests.waiting import poll

# The same short training everywhere, so that one undisturbed run serves for all comparisons.
SHORT = ("steps=24", "validation_every=0", "checkpoint_every=6", "sequence_length=128")


class Command:
    """`seatrial` with a folder of runs of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        """In the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "seatrial", *args],
            env={**os.environ, "SEATRIAL_RUNS_DIR": str(self.root), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *args: str, expect: int = 0, **env: str) -> str:
        """To its end; its stdout."""
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=180)
        assert process.returncode == expect, f"exit code {process.returncode}\n{out}\n{err}\n{self.logs()}"
        return out

    def begin(self, *args: str, name: str) -> tuple[subprocess.Popen[str], Run]:
        """A run in the background, when its folder is there."""
        process = self.start(*args, "--name", name)

        def there() -> bool:
            assert process.poll() is None, process.communicate()
            return (self.root / name / "job.json").exists()

        poll(there, 60, f"{name} has begun")
        return process, self.find(name)

    def fsdp(self, name: str, *args: str, expect: int = 0) -> Run:
        """fsdp/tiny, shortened."""
        self("run", "fsdp", "--name", name, *settings(*SHORT), *args, expect=expect)
        return self.find(name)

    def find(self, name: str) -> Run:
        return History(self.root).find(name)

    def logs(self) -> str:
        return "\n".join(f"{p}:\n{p.read_text()[-2000:]}" for p in self.root.glob("*/logs/*.log"))


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    stdout: str
    stderr: str


def here(*args: str | Path, expect: int = 0) -> Said:
    """`seatrial` in this process, which spares the start of another. A user's error is 2, and what stderr would say."""
    result = CliRunner().invoke(cli, [*map(str, args)])
    refused = isinstance(result.exception, UserError)
    if result.exception is not None and not isinstance(result.exception, (UserError, SystemExit)):
        raise result.exception
    assert (2 if refused else result.exit_code) == expect, result.output
    return Said(result.stdout, str(result.exception) if refused else result.stderr)


def settings(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]


def losses(run: Run) -> dict[int, float]:
    """Step -> loss; a step that a restart repeated counts once, as it was last."""
    return {step.step: step.loss for step in run.events().steps()}


def checkpoints(run: Run) -> list[str]:
    """Names of those that are there."""
    return sorted(path.name for path in run.checkpoints.iterdir())


def wait_for_step(run: Run, step: int, seconds: float = 60.0) -> None:
    poll(lambda: any(s.step >= step for s in run.events().of(Step)), seconds, f"{run.id} has done {step} steps")


def rank_pid(run: Run, rank: int) -> int:
    """Process of a rank, found by its environment."""
    wanted = {f"RANK={rank}", f"SEATRIAL_RUN={run.path.resolve()}"}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if wanted <= set(variables):
            return int(folder.name)
    raise AssertionError(f"no process is rank {rank}")


def is_gone(run: Run) -> bool:
    """Whether no process of the run is left."""
    needle = f"SEATRIAL_RUN={run.path.resolve()}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (folder / "environ").read_bytes():
                return False
        except OSError:
            continue
    return True


def read_json(text: str) -> dict[str, object]:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value
