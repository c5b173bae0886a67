"""For the node-side library: a process group of one rank, a worker outside of any launcher."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real gloo process group, of this process alone."""
    import torch.distributed as dist

    # It logs dozens of lines for each save, which pytest would record and print; being imported sets its level.
    importlib.import_module("torch.distributed.checkpoint")
    logging.getLogger("c10d-NullHandler-dcp_logger").setLevel(logging.CRITICAL)
    store = tmp_path_factory.mktemp("group") / "store"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def make_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Makes the Worker of a rank, as `start` does, but without signals and process group."""
    from seatrial.train.worker import Worker

    made = []
    run = tmp_path / "run"
    run.mkdir()

    def make(*, digest: str = "0123456789abcdef", rank: int = 0, world_size: int = 1, attempt: int = 0) -> Worker:
        for name, value in {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world_size}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("SEATRIAL_ATTEMPT", str(attempt))
        made.append(Worker(run, {"args": {}, "digest": digest, "device": "cpu", "processes_per_node": 2, "pins": {}}))
        return made[-1]

    yield make
    for worker in made:
        if worker._events is not None:
            worker._events.close()
