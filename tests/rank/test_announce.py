"""What a framework's program tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.events import CheckpointLoaded, CheckpointSaved, RunStart, read_events
from seatrial.rank import announce
from seatrial.rank.core import NO_PEAK_ON_CPU, Rank


def test_the_start_says_where_it_runs_with_what(
    make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("NCCL_DEBUG", "INFO"), ("TORCH_TOKEN", "secret"), ("NOBODY", "1")):
        monkeypatch.setenv(name, value)
    worker = make_rank(attempt=2, pins={"numpy": "0.1"})
    flops = {"causal": 6.0e6}
    model = {"parameters": 1000, "flops_per_token": flops}
    announce.run_start(worker, steps=9, first_step=3, unit="samples", packages=["pytest", "no-such"], **model)
    (start,) = read_events(worker.run / "events.jsonl").of(RunStart)
    assert (start.attempt, start.start_step, start.steps, start.world_size) == (2, 3, 9, 1)
    assert (start.parameters, start.flops_per_token, start.unit, start.backend) == (1000, flops, "samples", "none")
    assert start.device.startswith("cpu (") and len(start.hosts) == 1
    assert (start.peak_flops, start.peak_source) == (None, NO_PEAK_ON_CPU)
    assert start.versions["pytest"] == pytest.__version__
    assert start.variables["NCCL_DEBUG"] == "INFO" and not {"TORCH_TOKEN", "NOBODY"} & set(start.variables)
    assert {"numpy", "seatrial", "python"} <= set(start.versions) and "no-such" not in start.versions


def test_a_saved_folder_and_a_saved_file(make_rank: Callable[..., Rank]) -> None:
    worker = make_rank()
    folder, file = worker.run / "checkpoints/step-3", worker.run / "checkpoints/step-6.pt"
    with announce.saving(worker, folder, 3):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "shard").write_bytes(b"12345")
        (folder / "metadata").write_bytes(b"67")
    with announce.saving(worker, file, 6, asynchronous=True):
        file.write_bytes(b"123")
    first, second = read_events(worker.run / "events.jsonl").of(CheckpointSaved)
    assert (first.step, first.path, first.bytes, first.asynchronous) == (3, "checkpoints/step-3", 7, False)
    assert (second.step, second.path, second.bytes, second.asynchronous) == (6, "checkpoints/step-6.pt", 3, True)
    assert 0 < first.stall_seconds <= first.seconds


def test_nothing_is_said_of_a_checkpoint_that_failed(make_rank: Callable[..., Rank]) -> None:
    worker = make_rank()
    path = worker.run / "checkpoints/step-3"
    with pytest.raises(OSError, match="no space"), announce.saving(worker, path, 3):
        path.mkdir(parents=True)
        raise OSError("no space left")
    forgotten = announce.saving(worker, worker.run / "checkpoints/step-6", 6)
    with pytest.raises(FileNotFoundError, match="the checkpoint of step 6 was not written"), forgotten:
        pass
    with pytest.raises(RuntimeError), announce.loading(worker, path, 3):
        raise RuntimeError
    log = read_events(worker.run / "events.jsonl")
    assert log.of(CheckpointSaved) == log.of(CheckpointLoaded) == []


def test_other_ranks_do_not_look_at_the_files(make_rank: Callable[..., Rank], tmp_path: Path) -> None:
    with announce.saving(make_rank(rank=1, world_size=2), tmp_path / "run/checkpoints/not-seen-here", 3):
        pass


def test_what_was_loaded_and_who_wrote_it(make_rank: Callable[..., Rank]) -> None:
    worker = make_rank()
    for world_size in (None, 8):
        with announce.loading(worker, worker.run / "checkpoints/step-3", 3, world_size=world_size):
            pass
    first, second = read_events(worker.run / "events.jsonl").of(CheckpointLoaded)
    assert (first.step, first.path, first.world_size, second.world_size) == (3, "checkpoints/step-3", 1, 8)
