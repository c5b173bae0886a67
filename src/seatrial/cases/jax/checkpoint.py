"""Orbax's checkpoints of a run: arrays by every process, and a JSON with the place in the data.

Orbax writes into a folder with a temporary name, which gets its own when every process has written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orbax.checkpoint as ocp

from seatrial.cases.jax.rank import JaxRank
from seatrial.cases.jax.step import State
from seatrial.errors import Problem, UserError
from seatrial.rank import announce


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a checkpoint holds."""

    step: int
    state: State
    lanes: list[dict[str, Any]]
    """Place of each sequence of the global batch in the data."""


class Checkpointer:
    """Saves and loads under the run's folder. Every method is collective."""

    def __init__(self, rank: JaxRank, *, keep: int, asynchronous: bool) -> None:
        self.rank = rank
        self.folder = rank.run.absolute() / "checkpoints"
        self.asynchronous = asynchronous
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            enable_async_checkpointing=asynchronous,
            cleanup_tmp_directories=True,  # of an attempt that was killed while saving
        )
        self.manager = ocp.CheckpointManager(self.folder, options=options, item_names=("state", "progress"))

    def save(self, step: int, state: State, lanes: list[dict[str, Any]], *, wait: bool = False) -> bool:
        """Write a checkpoint after `step` steps; False if none are kept. `wait`: not in the background."""
        if not self.rank.keeps_checkpoints:
            return False
        if self.manager.latest_step() == step:
            self.manager.wait_until_finished()
            return True
        progress = {"digest": self.rank.digest, "world_size": self.rank.world_size, "lanes": lanes}
        asynchronous = self.asynchronous and not wait
        with announce.saving(self.rank, self.folder / str(step), step, asynchronous=asynchronous):
            self.manager.save(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(progress)),
                force=True,
            )
            if not asynchronous:
                self.manager.wait_until_finished()
        return True

    def load(self, like: State) -> Loaded | None:
        """The newest complete checkpoint, dealt out as `like` says; None if there is none.

        Raises UserError if it belongs to another job.
        """
        step = self.manager.latest_step()
        if step is None:
            return None
        path = self.folder / str(step)
        progress = self.manager.restore(step, args=ocp.args.Composite(progress=ocp.args.JsonRestore())).progress
        if progress["digest"] != self.rank.digest:
            what = f"{path.name} was written by another job (digest {progress['digest']}, here {self.rank.digest})"
            raise UserError(Problem(what, str(self.folder), "resume with the settings of the first start"))
        with announce.loading(self.rank, path, step, world_size=progress["world_size"]):
            found = self.manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(like)))
        return Loaded(step, found.state, progress["lanes"])

    def close(self) -> None:
        """Wait for what is still being written."""
        self.manager.close()
