"""Composer's start on a rank of a run. Call `ready` before anything imports composer or streaming."""

from __future__ import annotations

import importlib
import os
import signal

from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.shims.vision import no_torchvision
from seatrial.train.worker import COLLECTIVE_TIMEOUT, Worker


def ready(worker: Worker) -> None:
    """Import Composer and make its process group; `worker` comes from ``start(join=False)``."""
    worker.stage("import")
    _place_in_node(worker)
    os.environ["FSDP_VERSION"] = "2"  # Composer 0.32 takes FSDP1 otherwise, which cannot run on a CPU
    no_torchvision()
    cuda_on_cpu()
    # Importing Composer takes these signals over, and would end the process without a checkpoint.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    importlib.import_module("composer")
    for number, handler in handlers.items():
        signal.signal(number, handler)

    from composer.utils import dist

    worker.stage("join")
    dist.initialize_dist(composer_device(worker), COLLECTIVE_TIMEOUT.total_seconds())


def composer_device(worker: Worker) -> str:
    """Composer's name of the device."""
    return "gpu" if worker.device.type == "cuda" else "cpu"


def _place_in_node(worker: Worker) -> None:
    """LOCAL_WORLD_SIZE and NODE_RANK, which Composer and streaming rely on and not every engine sets."""
    os.environ["LOCAL_WORLD_SIZE"] = str(worker.processes_per_node)
    os.environ["NODE_RANK"] = str(worker.rank // worker.processes_per_node)
