"""Runs a published experiment of paxml with some of its settings changed: what the Python 3.10 with paxml runs.

    python run_paxml.py SETTINGS.json FLAGS...

Imports nothing of Seatrial, which needs a newer Python. FLAGS are paxml's.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

import jax
import numpy as np
from absl import app
from paxml import checkpoint_creators, experiment_registry, main
from paxml.tasks.lm.params import lm_cloud

DIE_WITH_PARENT = 1
"""prctl(2), PR_SET_PDEATHSIG: a driver that is killed leaves no training behind."""


def changed(settings):
    """The experiment's class with other attributes."""

    class Experiment(getattr(lm_cloud, settings["experiment"])):
        def task(self):
            task = super().task()
            task.train.num_train_steps = settings["steps"]
            task.train.learner.optimizer.lr_schedule.warmup_steps = settings["warmup_steps"]
            return task

    for name, value in settings["attributes"].items():
        assert hasattr(Experiment, name), name
        setattr(Experiment, name, value)
    return Experiment


def compare_copies(checkpointer):
    """Have it say at the last step whether devices that hold the same part of the state hold the same bytes."""
    save_final = checkpointer.save_final

    def compared(self, step, *, partitioned_train_state, **more):
        agree = all(map(_agree, jax.tree_util.tree_leaves(partitioned_train_state)))
        os.write(1, f"seatrial: copies agree: {agree}\n".encode())  # whole: another thread logs meanwhile
        return save_final(self, step, partitioned_train_state=partitioned_train_state, **more)

    checkpointer.save_final = compared


def _agree(array):
    """Of an array that lies on several devices; its first part at each place is what the others must equal."""
    seen = {}
    shards = ((str(shard.index), np.asarray(shard.data).tobytes()) for shard in array.addressable_shards)
    return all(seen.setdefault(place, data) == data for place, data in shards)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    experiment_registry.register(changed(json.loads(Path(sys.argv.pop(1)).read_text())))
    compare_copies(checkpoint_creators._OrbaxPjitTrainingCheckpointer)
    jax.config.config_with_absl()
    app.run(main.main, flags_parser=main.absl_flags.flags_parser)
