"""The history of runs: every folder with a job.json under one root."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from seatrial.errors import Problem, UserError, unknown
from seatrial.job import Job
from seatrial.runs import Run


class NameTaken(UserError):
    """There is a run of that name: since before, or since a moment ago."""


@dataclass(frozen=True)
class History:
    """All runs under one root folder."""

    root: Path

    @cached_property
    def runs(self) -> list[Run]:
        """Oldest first."""
        found = [Run(path.parent) for path in self.root.glob("*/job.json")]
        return sorted(found, key=lambda run: ((run.path / "job.json").stat().st_mtime_ns, run.id))

    def check_name(self, name: str) -> list[Problem]:
        """What is wrong with a name that the user gave to a new run."""
        if not _is_folder_name(name):
            remedy = "leave out slashes, 200 bytes of UTF-8 at most"
            return [Problem(f"{name!r} cannot be the name of a folder", "--name", remedy)]
        if (self.root / name).exists():
            return [Problem(f"there is a run called {name!r}", "--name", "take another name, or --resume it")]
        return []

    def create(self, job: Job, name: str | None = None) -> Run:
        """Make the folder of a new run. Raises UserError if the name is taken or cannot be a folder's name."""
        name = self.free_id(job) if name is None else name
        problems = self.check_name(name)
        if problems:
            raise NameTaken(problems)
        run = Run(self.root / name)
        try:
            run.path.mkdir(parents=True)
        except FileExistsError:
            raise NameTaken(Problem(f"there is a run called {run.id!r}", "--name", "take another name")) from None
        except OSError as error:
            raise UserError(Problem(str(error), "--runs-dir", "name a folder that can be written to")) from None
        try:
            for folder in ("logs", "stacks", "heartbeats", "checkpoints"):
                (run.path / folder).mkdir()
            run.save_job(job)
        except OSError:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        return run

    def find(self, name: str) -> Run:
        """The run of that id, of a unique beginning of it, or the newest for ``latest``.

        Raises UserError with the nearest ids.
        """
        if name == "latest" and self.runs:
            return self.runs[-1]
        exact = [run for run in self.runs if run.id == name]
        found = exact or [run for run in self.runs if run.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(run.id for run in found)
            raise UserError(
                Problem(f"{name!r} is the beginning of {len(found)} runs: {ids}", remedy="give more of the id")
            )
        if not self.runs:
            remedy = "start one with: seatrial run fsdp"
            raise UserError(Problem(f"there are no runs in {self.root}", remedy=remedy))
        raise UserError(unknown("run", name, [run.id for run in self.runs]))

    def free_id(self, job: Job) -> str:
        """A name that no run has: case, recipe and time."""
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{job.case}-{job.recipe}-{moment}").lstrip("-.")
        taken = {run.id for run in History(self.root).runs}
        return next(i for i in (base, *(f"{base}-{n}" for n in range(2, 1000))) if i not in taken)


def _is_folder_name(name: str) -> bool:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # bytes of a command line that are no UTF-8
        return False
    return 0 < size <= 200 and name not in (".", "..") and not set("/\0") & set(name)
