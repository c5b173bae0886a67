"""For the node-side library: a process group of one rank, a worker outside of any launcher."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ranks import making


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

    with making(Worker, tmp_path / "run", monkeypatch) as make:
        yield make
