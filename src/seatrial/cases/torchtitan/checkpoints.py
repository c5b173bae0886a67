"""torchtitan's checkpoints as the run's events, and which of them are complete."""

from __future__ import annotations

import re
import shutil
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.events import CheckpointSaved
from seatrial.rank import announce
from seatrial.train.worker import Worker

_STEP = re.compile(r"step-(\d+)")


def _steps(folder: Path) -> dict[int, Path]:
    found = {path: _STEP.fullmatch(path.name) for path in folder.iterdir()} if folder.is_dir() else {}
    return {int(match[1]): path for path, match in found.items() if match}


def is_complete(checkpoint: Path) -> bool:
    """torch writes .metadata last, under another name first."""
    return (checkpoint / ".metadata").is_file()


def newest(folder: Path) -> tuple[int, Path] | None:
    """Step and folder of the newest checkpoint that is complete: the one that torchtitan loads."""
    complete = {step: path for step, path in _steps(folder).items() if is_complete(path)}
    return max(complete.items()) if complete else None


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed attempt left: torchtitan would keep it as one of the newest, and delete a complete one."""
    for path in _steps(folder).values():
        if not is_complete(path):
            shutil.rmtree(path)


class Checkpoints:
    """Stands around torchtitan's CheckpointManager, so that the run hears of what it loads and saves."""

    def __init__(self, worker: Worker, manager: Any) -> None:
        self.worker = worker
        self.manager = manager
        self.saved_step = 0
        """Step of the newest checkpoint that was written, or is being written, by this attempt."""
        self.writing: Future[Any] | None = None
        self._load, self._save = self.manager.load, self.manager.dcp_save
        self.manager.load, self.manager.dcp_save = self.load, self.save

    def load(self, step: int = -1) -> bool:
        """The manager's load. A start without checkpoints loads nothing."""
        found = newest(self.worker.run / "checkpoints") if self.manager.enable else None
        if found is None:
            return bool(self._load(step))
        step, path = found
        with announce.loading(self.worker, path, step):
            try:
                return bool(self._load(step))
            except AssertionError as error:  # how torchtitan says that other ranks than before share the data
                remedy = "resume with the number of processes, and the parallel degrees, that wrote it"
                raise UserError(Problem(str(error), str(path), remedy)) from error

    def save(self, states: Any, checkpoint_id: str, *rest: Any, **named: Any) -> Any:
        """The manager's dcp_save: it returns when the checkpoint is complete, or a Future of that."""
        path = Path(checkpoint_id)
        self.saved_step = int(path.name.removeprefix("step-"))
        begin = time.perf_counter()
        result = self._save(states, checkpoint_id, *rest, **named)
        stall = time.perf_counter() - begin
        if isinstance(result, Future):
            self.writing = result
            result.add_done_callback(lambda done: None if done.exception() else self._tell(path, begin, stall, True))
        else:
            self._tell(path, begin, stall, False)
        return result

    def save_now(self, step: int) -> bool:
        """Have a complete checkpoint of this step on return; False where none are kept. A collective."""
        if not self.manager.enable:
            return False
        if self.saved_step != step:
            self.manager.save(step, last_step=True)
        elif self.writing is not None:
            self.writing.result()
        return True

    def _tell(self, path: Path, begin: float, stall: float, asynchronous: bool) -> None:
        if self.worker.rank:  # only rank 0's events are kept: others need not look at the files
            return
        self.worker.emit(
            CheckpointSaved(
                step=int(path.name.removeprefix("step-")),
                path=str(path.relative_to(self.worker.run.absolute())),
                bytes=sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
                seconds=time.perf_counter() - begin,
                stall_seconds=stall,
                asynchronous=asynchronous,
            )
        )
