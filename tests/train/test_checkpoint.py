"""Checkpoints: exact, complete or not there, kept in number, and a failure costs nothing but the checkpoint."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from seatrial.errors import UserError
from seatrial.events import CheckpointLoaded, CheckpointSaved, read_events
from seatrial.findings import Finding, Severity, Verdict
from seatrial.train import manifest
from seatrial.train.checkpoint import Checkpointer
from seatrial.train.manifest import MANIFEST
from seatrial.train.worker import Worker

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("group")]

BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["synchronous", "asynchronous"])
PROGRESS = {"lanes": [{"cursor": {"documents": 7}, "used": 123, "carry": [5]}]}


@dataclass
class Training:
    """A small model that uses the random state, under a Checkpointer."""

    worker: Worker
    model: nn.Module
    optimizer: torch.optim.Optimizer
    checkpointer: Checkpointer

    @property
    def folder(self) -> Path:
        return self.worker.run / "checkpoints"

    def step(self, count: int = 1) -> list[float]:
        losses = []
        for _ in range(count):
            loss = self.model(torch.randn(8, 16)).square().mean()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def events(self, kind: type[Any]) -> list[Any]:
        return read_events(self.worker.run / "events.jsonl").of(kind)

    def state(self) -> dict[str, torch.Tensor]:
        """Every number that decides how training goes on."""
        found = {f"model/{name}": value.clone() for name, value in self.model.state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer/{number}/{name}": value.clone() for name, value in moments.items()}
        return found | {"random": torch.get_rng_state()}


Start = Callable[..., Training]


@pytest.fixture
def start(make_worker: Callable[..., Worker]) -> Iterator[Start]:
    """Starts an attempt of the test's run; another seed gives other weights and another random state."""
    made = []

    def begin(
        *, seed: int = 0, keep: int = 2, asynchronous: bool = False, digest: str = "0123456789abcdef"
    ) -> Training:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(16, 32), nn.Dropout(0.5), nn.RMSNorm(32), nn.Linear(32, 4))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        worker = make_worker(digest=digest)
        checkpointer = Checkpointer(worker, model, optimizer, keep=keep, asynchronous=asynchronous)
        made.append(Training(worker, model, optimizer, checkpointer))
        return made[-1]

    yield begin
    for training in made:
        training.checkpointer.close()


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def saved_at(start: Start, *steps: int, **options: Any) -> Training:
    """A training with checkpoints after the given steps."""
    training = start(**options)
    done = 0
    for step in steps:
        training.step(step - done)
        done = step
        assert training.checkpointer.save(step, PROGRESS | {"step": step})
    assert training.checkpointer.finish()
    return training


# --- saving and loading ---


def test_while_it_saves_a_rank_is_not_watched(start: Start) -> None:
    """It may take long; the next step's sign of life ends that."""
    training = start()
    training.worker.alive()
    assert training.checkpointer.save(1, {}) and not training.worker.in_steps


def test_where_none_are_kept_saving_fails_once_said(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_CHECKPOINTS", "0")
    training = start(asynchronous=True)
    training.step(1)
    assert not training.checkpointer.save(1, PROGRESS) and training.checkpointer.load() is None
    assert list(training.checkpointer.folder.iterdir()) == []
    (finding,) = read_events(training.worker.run / "events.jsonl").of(Finding)
    assert (finding.check, finding.verdict) == ("checkpoint.none", Verdict.SKIP)


@BOTH
def test_a_resumed_training_goes_on_to_the_last_bit(start: Start, asynchronous: bool) -> None:
    first = saved_at(start, 3, asynchronous=asynchronous)
    state = first.state()
    losses = first.step(4)

    second = start(seed=1)
    loaded = second.checkpointer.load()
    assert loaded is not None
    assert (loaded.step, loaded.ranks) == (3, [PROGRESS | {"step": 3}])
    assert_same(second.state(), state)
    assert second.step(4) == losses


def test_an_asynchronous_save_holds_the_moment_at_which_it_was_asked_for(start: Start) -> None:
    first = start(asynchronous=True)
    first.step(2)
    state = first.state()
    first.checkpointer.save(2, PROGRESS)
    first.step(20)  # while it is being written
    assert first.checkpointer.finish()

    second = start(seed=1)
    second.checkpointer.load()
    assert_same(second.state(), state)


@BOTH
def test_a_save_is_reported(start: Start, asynchronous: bool) -> None:
    training = saved_at(start, 5, asynchronous=asynchronous)
    (event,) = training.events(CheckpointSaved)
    files = list((training.worker.run / event.path).iterdir())
    assert (event.step, event.path) == (5, "checkpoints/step-00000005")
    assert event.bytes == sum(file.stat().st_size for file in files)
    assert event.asynchronous is asynchronous
    assert 0 < event.stall_seconds < event.seconds + 0.05
    assert not training.events(Finding)


def test_a_load_is_reported(start: Start) -> None:
    saved_at(start, 5)
    training = start()
    training.checkpointer.load()
    (event,) = training.events(CheckpointLoaded)
    assert (event.step, event.path, event.world_size) == (5, "checkpoints/step-00000005", 1)


def test_poll_reports_a_save_that_is_over_without_waiting(start: Start) -> None:
    training = start(asynchronous=True)
    training.checkpointer.poll()
    training.checkpointer.save(1, PROGRESS)
    assert training.events(CheckpointSaved) == []
    training.checkpointer._pending.published.result()
    training.checkpointer.poll()
    assert [event.step for event in training.events(CheckpointSaved)] == [1]
    training.checkpointer.poll()
    assert training.checkpointer.finish()
    assert len(training.events(CheckpointSaved)) == 1


def test_wait_makes_an_asynchronous_save_synchronous(start: Start) -> None:
    training = start(asynchronous=True)
    assert training.checkpointer.save(1, PROGRESS, wait=True)
    assert training.names() == ["step-00000001"]
    assert not training.events(CheckpointSaved)[0].asynchronous


def test_the_manifest_vouches_for_every_file(start: Start) -> None:
    training = saved_at(start, 1)
    folder = training.folder / "step-00000001"
    written = json.loads((folder / MANIFEST).read_text())
    assert {*written["files"], MANIFEST} == {path.name for path in folder.iterdir()}
    assert {name: entry["bytes"] for name, entry in written["files"].items()} == {
        name: (folder / name).stat().st_size for name in written["files"]
    }


@BOTH
def test_saving_a_step_twice_writes_it_once(start: Start, asynchronous: bool) -> None:
    training = saved_at(start, 4, asynchronous=asynchronous)
    written = (training.folder / "step-00000004" / MANIFEST).stat().st_mtime_ns
    assert training.checkpointer.save(4, PROGRESS)
    assert training.checkpointer.finish()
    assert (training.folder / "step-00000004" / MANIFEST).stat().st_mtime_ns == written
    assert len(training.events(CheckpointSaved)) == 1


def test_the_step_that_was_loaded_is_not_written_again(start: Start) -> None:
    saved_at(start, 4)
    training = start()
    training.checkpointer.load()
    assert training.checkpointer.save(4, PROGRESS)
    assert len(training.events(CheckpointSaved)) == 1


@BOTH
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_are_kept(start: Start, keep: int, asynchronous: bool) -> None:
    training = saved_at(start, 8, 9, 10, 11, keep=keep, asynchronous=asynchronous)
    assert training.names() == [f"step-{step:08d}" for step in (8, 9, 10, 11)[-keep:]]


def test_without_a_checkpoint_there_is_nothing_to_load(start: Start) -> None:
    training = start()
    state = training.state()
    assert training.checkpointer.load() is None
    assert_same(training.state(), state)
    assert not training.events(Finding)


def test_leftovers_of_a_save_that_was_killed_are_removed(start: Start) -> None:
    training = saved_at(start, 1)
    torn = training.folder / ".step-00000002"
    torn.mkdir()
    (torn / "__0_0.distcp").write_bytes(b"half a file")
    resumed = start()
    assert resumed.names() == ["step-00000001"]
    loaded = resumed.checkpointer.load()
    assert loaded is not None
    assert loaded.step == 1


def test_closing_ends_the_thread(start: Start) -> None:
    def running() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("checkpoint")]

    training = saved_at(start, 1, asynchronous=True)
    assert running()
    assert training.checkpointer.close()
    assert running() == []


# --- damage ---


def shard_of(folder: Path) -> Path:
    (path,) = folder.glob("*.distcp")
    return path


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def rewrite(folder: Path, **changes: Any) -> None:
    """Another manifest, None leaving a key out."""
    path = folder / MANIFEST
    written = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in written.items() if value is not None}))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "empty manifest": lambda folder: (folder / MANIFEST).write_text(""),
    "half a manifest": lambda folder: os.truncate(folder / MANIFEST, 100),
    "manifest of something else": lambda folder: (folder / MANIFEST).write_text("{}"),
    "manifest that is a list": lambda folder: (folder / MANIFEST).write_text("[]"),
    "manifest without files": lambda folder: rewrite(folder, files=None),
    "manifest without digest": lambda folder: rewrite(folder, digest=None),
    "manifest that names no files": lambda folder: rewrite(folder, files={}),
    "manifest of another step": lambda folder: rewrite(folder, step=77),
    "manifest with zero bytes": lambda folder: (folder / MANIFEST).write_bytes(bytes(500)),
    "flipped bit": lambda folder: flip(shard_of(folder), 2000),
    "truncated": lambda folder: os.truncate(shard_of(folder), 2000),
    "longer": lambda folder: os.truncate(shard_of(folder), shard_of(folder).stat().st_size + 1),
    "empty": lambda folder: os.truncate(shard_of(folder), 0),
    "missing": lambda folder: shard_of(folder).unlink(),
    "flipped bit in the metadata": lambda folder: flip(folder / ".metadata", 50),
    "missing metadata": lambda folder: (folder / ".metadata").unlink(),
    "empty folder": lambda folder: [path.unlink() for path in folder.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_skipped_with_a_finding(start: Start, damage: str) -> None:
    first = start()
    first.step(2)
    first.checkpointer.save(2, PROGRESS)
    state = first.state()
    first.step(2)
    first.checkpointer.save(4, PROGRESS)
    DAMAGES[damage](first.folder / "step-00000004")

    second = start(seed=1)
    loaded = second.checkpointer.load()
    assert loaded is not None
    assert loaded.step == 2
    assert_same(second.state(), state)
    (finding,) = second.events(Finding)
    assert (finding.check, finding.verdict, finding.severity) == ("checkpoint.damaged", Verdict.WARN, Severity.MONITOR)
    assert finding.observed.startswith("step-00000004: ")
    assert len(finding.observed) > len("step-00000004: ")


def test_no_bit_of_a_manifest_can_flip_unseen(start: Start) -> None:
    """It holds the place in the data: a digit that flips there would shift the data without a word."""
    first = saved_at(start, 1, 2)
    manifest = first.folder / "step-00000002" / MANIFEST
    content = manifest.read_bytes()
    second = start()
    for place in range(0, len(content), 7):
        flip(manifest, place)
        assert second.checkpointer._verify(manifest.parent)[1] is not None, content[max(0, place - 20) : place + 5]
        manifest.write_bytes(content)
    assert second.checkpointer._verify(manifest.parent)[1] is None


def test_when_all_are_damaged_training_starts_anew(start: Start) -> None:
    first = saved_at(start, 1, 2)
    for name in first.names():
        flip(shard_of(first.folder / name), 2000)
    second = start()
    assert second.checkpointer.load() is None
    assert [finding.observed.split(":")[0] for finding in second.events(Finding)] == ["step-00000002", "step-00000001"]


def test_a_damaged_checkpoint_is_replaced_when_training_comes_to_its_step_again(start: Start) -> None:
    first = saved_at(start, 1, 2)
    flip(shard_of(first.folder / "step-00000002"), 2000)
    second = start()
    second.checkpointer.load()
    second.step()
    assert second.checkpointer.save(2, PROGRESS)
    third = start()
    loaded = third.checkpointer.load()
    assert loaded is not None
    assert loaded.step == 2


@pytest.mark.parametrize("keep", [1, 2])
def test_a_damaged_one_does_not_count_among_those_that_are_kept(start: Start, keep: int) -> None:
    """Else the newest whole one could be deleted in favour of a later one that nobody can load."""
    first = saved_at(start, 2, 9, keep=2)
    flip(shard_of(first.folder / "step-00000009"), 2000)
    second = start(keep=keep)
    second.checkpointer.load()
    assert second.checkpointer.save(5, PROGRESS)  # stopped on the way
    third = start()
    loaded = third.checkpointer.load()
    assert loaded is not None
    assert loaded.step == 5


def test_a_checkpoint_of_another_job_is_refused(start: Start) -> None:
    saved_at(start, 1)
    other = start(seed=1, digest="another")
    state = other.state()
    with pytest.raises(UserError, match=r"digest 0123456789abcdef, here another") as caught:
        other.checkpointer.load()
    assert "resume with the settings of the first start" in str(caught.value)
    assert_same(other.state(), state)


# --- a disk that is full ---


def no_space(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FULL: dict[str, tuple[Any, str]] = {
    "the tensors": (dcp.FileSystemWriter, "write_data"),
    "the metadata": (dcp.FileSystemWriter, "finish"),
    "the manifest": (manifest.json, "dump"),
    "the rename": (Checkpointer, "_make_visible"),
}


@BOTH
@pytest.mark.parametrize("what", FULL)
def test_a_failed_save_costs_nothing_but_itself(
    start: Start, monkeypatch: pytest.MonkeyPatch, what: str, asynchronous: bool
) -> None:
    training = saved_at(start, 1, asynchronous=asynchronous)
    before = {path.name: path.read_bytes() for path in (training.folder / "step-00000001").iterdir()}
    training.step()
    with monkeypatch.context() as patch:
        patch.setattr(*FULL[what], no_space)
        succeeded = training.checkpointer.save(2, PROGRESS)
        assert succeeded is asynchronous, "of the background's failure nothing is known yet"
        assert not training.checkpointer.finish() or not asynchronous

    assert training.names() == ["step-00000001"], "the temporary folder is gone"
    assert {path.name: path.read_bytes() for path in (training.folder / "step-00000001").iterdir()} == before
    (finding,) = training.events(Finding)
    assert (finding.check, finding.verdict) == ("checkpoint.save", Verdict.WARN)
    assert finding.observed.startswith("step 2: ")
    assert "No space left on device" in finding.observed

    training.step()  # training goes on, and so do the checkpoints once there is space again
    assert training.checkpointer.save(3, PROGRESS)
    assert training.checkpointer.finish()
    assert training.names() == ["step-00000001", "step-00000003"]


def test_a_failed_save_can_be_tried_again_at_the_same_step(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    training = start()
    with monkeypatch.context() as patch:
        patch.setattr(*FULL["the rename"], no_space)
        assert not training.checkpointer.save(2, PROGRESS)
    assert training.checkpointer.save(2, PROGRESS)
    assert training.names() == ["step-00000002"]


def test_the_failure_of_one_save_does_not_cost_the_next(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has asked for the first one's outcome when the second begins: of a run that is told to stop, its last."""
    training = start(asynchronous=True)
    with monkeypatch.context() as patch:
        patch.setattr(*FULL["the rename"], no_space)
        training.checkpointer.save(1, PROGRESS)
        training.checkpointer._pending.published.result()
    assert training.checkpointer.save(2, PROGRESS, wait=True)
    assert training.names() == ["step-00000002"]
    assert [finding.observed.split(":")[0] for finding in training.events(Finding)] == ["step 1"]


def test_progress_that_is_no_json_is_a_failed_save(start: Start) -> None:
    training = start()
    assert not training.checkpointer.save(1, {"tokens": object()})
    assert training.names() == []
