"""picotron's engine as a user runs it, on four processes of two stages and two slices: killed, stopped, diverging."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from seatrial.cases.picotron.models import MODELS
from seatrial.events import CheckpointLoaded, Restart, RunStart, Step
from seatrial.findings import Finding
from seatrial.runs import Run, State
from tests.command import Command, checkpoints, losses, rank_pid, settings, wait_for_step
from tests.waiting import poll

FOUR = (
    "run",
    "picotron/tiny-3d",
    "--processes",
    "4",
    *settings("steps=24", "checkpoint_every=6", "sequence_length=64", "global_batch_size=4", "micro_batch_size=1"),
)


@pytest.fixture(scope="module")
def undisturbed(command: Command) -> Run:
    command(*FOUR, "--name", "undisturbed")
    return command.find("undisturbed")


def weights(run: Run, step: int) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint, model and optimizer, in one process."""
    file = run.path / "whole.pt"
    dcp_to_torch_save(run.checkpoints / f"step-{step:08d}", file)
    state = torch.load(file, weights_only=False)
    found: dict[str, torch.Tensor] = {}

    def walk(place: str, node: object) -> None:
        if isinstance(node, dict):
            for name, item in node.items():
                walk(f"{place}/{name}", item)
        elif isinstance(node, torch.Tensor):
            found[place] = node

    walk("", {name: state[name] for name in ("model", "optimizer")})
    return found


def test_an_undisturbed_run_passes_and_tells_everything(undisturbed: Run) -> None:
    log = undisturbed.events()
    assert undisturbed.state() is State.COMPLETED
    verdicts = {finding.check: finding.verdict for finding in undisturbed.findings()}
    assert verdicts.pop("run.loss-fell") in ("PASS", "SKIP")  # by 2 nats after 60 steps, these are 24
    assert set(verdicts.values()) == {"PASS"}
    assert list(losses(undisturbed)) == list(range(1, 25))
    for step in log.of(Step):
        assert step.count == 4 * 64 and step.seconds > 0 and step.memory_bytes > 2**20
        assert step.grad_norm > 0 and step.learning_rate == 3e-3
    assert log.last(RunStart).parameters == MODELS["tiny"].config.parameters()
    written = json.loads((undisturbed.path / "picotron.json").read_text())
    assert written["distributed"]["tp_size"] == written["distributed"]["pp_size"] == 2
    assert checkpoints(undisturbed) == ["step-00000018", "step-00000024"]


def test_every_slice_and_stage_is_in_the_checkpoint(undisturbed: Run) -> None:
    found = weights(undisturbed, 24)
    names = {name.removeprefix("/model/") for name in found if name.startswith("/model/")}
    assert {name.partition(".")[0] for name in names} == {"slice-0", "slice-1"}
    for place in ("slice-0", "slice-1"):
        assert {f"{place}.embedding.weight", f"{place}.blocks.3.attention.key.weight", f"{place}.head.weight"} <= names
    left, right = (found[f"/model/slice-{slice_}.embedding.weight"] for slice_ in (0, 1))
    assert left.shape == right.shape == (160, 128) and not torch.equal(left, right)


def test_killed_then_stopped_then_resumed_it_computes_the_same_bits(command: Command, undisturbed: Run) -> None:
    process, run = command.begin(*FOUR, name="disturbed")
    wait_for_step(run, 8)
    os.kill(rank_pid(run, 3), signal.SIGKILL)
    poll(lambda: started(run, attempt=1), 90, "the second attempt trains")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 75, err
    assert run.state() is State.STOPPED
    stopped_at = run.events().end().step
    assert (run.checkpoints / f"step-{stopped_at:08d}").is_dir()

    command("run", "picotron/tiny-3d", "--resume", "disturbed")
    log = run.events()
    assert run.state() is State.COMPLETED
    assert log.of(Restart)[0].reason == "rank 3 was killed by SIGKILL"
    assert [loaded.step for loaded in log.of(CheckpointLoaded)][-1] == stopped_at
    assert losses(run) == losses(undisturbed)
    assert [s.grad_norm for s in log.steps()] == [s.grad_norm for s in undisturbed.events().steps()]
    one, other = weights(run, 24), weights(undisturbed, 24)
    assert one.keys() == other.keys() and len(one) > 100
    assert all(torch.equal(one[name], other[name]) for name in one)


def started(run: Run, attempt: int) -> bool:
    """Whether a later attempt has begun and taken a step."""
    events = [timed.event for timed in run.events().events]
    starts = [i for i, event in enumerate(events) if isinstance(event, RunStart) and event.attempt == attempt]
    return bool(starts) and any(isinstance(event, Step) for event in events[starts[-1] :])


def test_a_loss_that_is_not_a_number_ends_the_run_at_once(command: Command) -> None:
    command("run", "picotron", "--name", "diverged", *settings("steps=20", "learning_rate=1e30"), expect=1)
    run = command.find("diverged")
    log = run.events()
    assert log.end().outcome == "failed" and log.end().final
    assert "is not a finite number" in log.end().reason
    assert not log.of(Restart)
    assert run.state() is State.FAILED
    assert any(isinstance(finding, Finding) and finding.verdict == "FAIL" for finding in run.findings())
    assert Path(run.path, "logs", "rank-0.log").read_text().count("Step:") < 20
