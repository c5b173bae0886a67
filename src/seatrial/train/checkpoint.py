"""Checkpoints that are either complete and verified, or not there.

A checkpoint is written by torch.distributed.checkpoint into a folder with a temporary name. When every rank's files
are on disk, rank 0 writes ``manifest.json`` with each file's size and SHA-256, and renames the folder: the one moment
at which the checkpoint begins to exist. Loading verifies the manifest and falls back to the checkpoint before.
"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

from seatrial.errors import Problem, UserError
from seatrial.events import CheckpointLoaded, CheckpointSaved
from seatrial.findings import Verdict
from seatrial.train.checkpoint_rules import DAMAGED, NONE_KEPT, NOT_SAVED
from seatrial.train.manifest import FORMAT, checksum, read, write
from seatrial.train.worker import Worker


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a checkpoint says besides the tensors."""

    step: int
    ranks: list[Any]
    """What each rank of the attempt that wrote it had passed as `progress`."""


@dataclass(slots=True)
class _Save:
    step: int
    progress: Any
    folder: Path
    begin: float
    seconds: float = 0.0
    """From the call until it was visible."""
    stall: float = 0.0
    """How long training stood still."""
    written: Future[Any] | None = None
    """DCP's asynchronous save."""
    published: Future[str | None] | None = None


class Checkpointer:
    """Saves and loads a model, its optimizer, random states and each rank's progress under one run's folder.

    Every method is collective: all ranks call it at the same step.
    """

    def __init__(
        self, worker: Worker, model: nn.Module, optimizer: torch.optim.Optimizer, *, keep: int, asynchronous: bool
    ) -> None:
        self.worker = worker
        self.model = model
        self.optimizer = optimizer
        self.keep = keep
        self.asynchronous = asynchronous
        self.folder = worker.run / "checkpoints"
        # A group of its own: asynchronous collectives on the default one would interleave with training's and
        # deadlock on gloo (seen with torch 2.13).
        self._group = dist.new_group(backend="gloo")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: _Save | None = None
        self._last_saved: int | None = None
        if worker.rank == 0:
            self.folder.mkdir(exist_ok=True)
            if not worker.keeps_checkpoints:
                worker.emit(NONE_KEPT.finding(Verdict.SKIP, "no checkpoints are kept"))
            for torn in self.folder.glob(".*"):  # of an attempt that was killed while saving
                shutil.rmtree(torn, ignore_errors=True)

    def save(self, step: int, progress: Any, *, wait: bool = False) -> bool:
        """Write a checkpoint after `step` steps; in the background if asynchronous and not `wait`.

        `progress` is this rank's JSON-able state. Returns False if it failed or none are kept, which is also a finding
        of the run: training can go on and the checkpoints before it are untouched.
        """
        if not self.worker.keeps_checkpoints:
            return False
        begin = time.perf_counter()
        self.worker.in_steps = False
        self.finish()  # its failure, if it failed, is a finding already and no reason not to try again
        if self._last_saved == step:
            return True
        save = _Save(step, progress, self.folder / f".step-{step:08d}", begin)
        if self.worker.rank == 0:
            shutil.rmtree(save.folder, ignore_errors=True)
        dist.barrier(self._group)
        writer = dcp.FileSystemWriter(save.folder, thread_count=1)
        state = self._state()
        self._pending = save
        if self.asynchronous and not wait:
            save.written = cast(Future[Any], dcp.async_save(state, storage_writer=writer, process_group=self._group))
            save.published = self._thread.submit(self._publish_later, save)
            save.stall = time.perf_counter() - begin
            return True
        error = _attempt(lambda: dcp.save(state, storage_writer=writer, process_group=self._group))
        save.published = Future()
        save.published.set_result(self._publish(save, error))
        save.stall = time.perf_counter() - begin
        return self.finish()

    def poll(self) -> None:
        """Report a background save if it is over on this rank. Not a collective."""
        if self._pending and self._pending.published and self._pending.published.done():
            self._report(self._pending)

    def finish(self) -> bool:
        """Wait for the background save, if there is one. Returns whether it succeeded."""
        return self._report(self._pending) if self._pending else True

    def close(self) -> bool:
        """Wait, and end the background thread."""
        succeeded = self.finish()
        self._thread.shutdown()
        return succeeded

    def load(self) -> Loaded | None:
        """Restore the newest checkpoint that is whole; None if there is none.

        One that is torn or corrupted is skipped with a finding. Raises UserError if the newest belongs to another job.
        """
        for path in self._candidates():
            begin = time.perf_counter()
            manifest, damage = self._verify(path)
            if damage:
                self.worker.emit(DAMAGED.finding(Verdict.WARN, f"{path.name}: {damage}"))
                continue
            if manifest["digest"] != self.worker.digest:
                what = (
                    f"{path.name} was written by another job (digest {manifest['digest']}, here {self.worker.digest})"
                )
                raise UserError(Problem(what, str(self.folder), "resume with the settings of the first start"))
            same_world = manifest["world_size"] == self.worker.world_size
            state = self._state(random=same_world)
            dcp.load(state, storage_reader=dcp.FileSystemReader(path), process_group=self._group)
            set_state_dict(
                self.model, self.optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"]
            )
            if same_world:
                _set_random_state(state["random"][str(self.worker.rank)])
            seconds = time.perf_counter() - begin
            name = f"checkpoints/{path.name}"
            self.worker.emit(
                CheckpointLoaded(step=manifest["step"], path=name, seconds=seconds, world_size=manifest["world_size"])
            )
            self._last_saved = manifest["step"]
            return Loaded(manifest["step"], manifest["ranks"])
        return None

    def _state(self, *, random: bool = True) -> dict[str, Any]:
        model, optimizer = get_state_dict(self.model, self.optimizer)
        state = {"model": model, "optimizer": optimizer}
        if random:
            state["random"] = {str(self.worker.rank): _random_state()}
        return state

    def _publish_later(self, save: _Save) -> str | None:
        assert save.written is not None
        return self._publish(save, _attempt(save.written.result))

    def _publish(self, save: _Save, error: str | None) -> str | None:
        """Checksum this rank's files, then let rank 0 write the manifest and rename. Returns what went wrong."""
        files: dict[str, Any] = {}
        if error is None:
            names = sorted(save.folder.glob(f"__{self.worker.rank}_*.distcp"))
            names += [save.folder / ".metadata"] if self.worker.rank == 0 else []
            error = _attempt(lambda: files.update((path.name, checksum(path)) for path in names))
        everyone: list[Any] = [None] * self.worker.world_size
        dist.all_gather_object(everyone, (error, files, save.progress), group=self._group)
        error = next((error for error, _, _ in everyone if error), None)
        if self.worker.rank == 0:
            if error is None:
                manifest = {
                    "format": FORMAT,
                    "step": save.step,
                    "digest": self.worker.digest,
                    "world_size": self.worker.world_size,
                    "files": {name: entry for _, files, _ in everyone for name, entry in files.items()},
                    "ranks": [progress for _, _, progress in everyone],
                }
                error = _attempt(lambda: self._make_visible(save, manifest))
            if error is not None:
                # torch's own message about a full disk speaks of file positions
                error += f" ({shutil.disk_usage(self.folder).free / 1e6:.1f} MB free)"
                shutil.rmtree(save.folder, ignore_errors=True)
        answer = [error]
        dist.broadcast_object_list(answer, src=0, group=self._group)
        save.seconds = time.perf_counter() - save.begin
        return answer[0]

    def _make_visible(self, save: _Save, manifest: dict[str, Any]) -> None:
        write(save.folder, manifest)
        target = self.folder / f"step-{save.step:08d}"
        if target.exists():  # a damaged one, or one that a later attempt overtakes
            shutil.rmtree(target)
        save.folder.rename(target)
        # Later ones cannot be loaded, or training would have gone on from there: they do not count.
        for old in sorted(path for path in self.folder.glob("step-*") if path.name <= target.name)[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)

    def _report(self, save: _Save) -> bool:
        assert save.published is not None
        error = save.published.result()
        self._pending = None
        if error is not None:
            self.worker.emit(NOT_SAVED.finding(Verdict.WARN, f"step {save.step}: {error}"))
            return False
        self._last_saved = save.step
        path = self.folder / f"step-{save.step:08d}"
        if self.worker.rank == 0:
            self.worker.emit(
                CheckpointSaved(
                    step=save.step,
                    path=f"checkpoints/{path.name}",
                    bytes=sum(file.stat().st_size for file in path.iterdir()),
                    seconds=save.seconds,
                    stall_seconds=save.stall,
                    asynchronous=save.written is not None,
                )
            )
        return True

    def _candidates(self) -> list[Path]:
        # Rank 0 decides: on a shared file system another rank may see an older listing.
        names = [sorted((p.name for p in self.folder.glob("step-*")), reverse=True) if self.worker.rank == 0 else []]
        dist.broadcast_object_list(names, src=0, group=self._group)
        return [self.folder / name for name in names[0]]

    def _verify(self, path: Path) -> tuple[dict[str, Any], str | None]:
        """The manifest, and what is wrong with the checkpoint. Ranks share the reading."""
        manifest: dict[str, Any] = {}
        try:
            manifest = read(path)
            names = sorted(manifest["files"])[self.worker.rank :: self.worker.world_size]
            wrong = [name for name in names if checksum(path / name) != manifest["files"][name]]
            damage = f"checksum of {wrong[0]} differs" if wrong else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            damage = f"cannot be read: {type(error).__name__}: {error}"
        everyone: list[Any] = [None] * self.worker.world_size
        dist.all_gather_object(everyone, damage, group=self._group)
        return manifest, next(filter(None, everyone), None)


def _attempt(work: Any) -> str | None:
    """Do it; on failure say why instead of raising, so that all ranks can agree on the outcome."""
    try:
        work()
    except (Exception, CheckpointException) as error:  # the latter is a BaseException that wraps what ranks met
        return _cause(error)
    return None


def _cause(error: BaseException) -> str:
    if isinstance(error, CheckpointException):
        rank, (inner, _) = next(iter(error.failures.items()))
        return f"rank {rank}: {_cause(inner)}"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
