"""torch.profiler around a rank's steps, for real, on a CPU."""

from __future__ import annotations

import pytest
import torch

from seatrial import profiles
from seatrial.events import RunStart

pytestmark = pytest.mark.torch


def train(worker, steps):
    worker.emit(RunStart(attempt=0, start_step=0, steps=steps, world_size=1, device="", backend=""))
    weight = torch.ones(64, 64, requires_grad=True)
    for done in range(1, steps + 1):
        (torch.ones(8, 64) @ weight).square().mean().backward()
        worker.after_step(done)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_the_steps_of_the_window_are_in_the_trace(make_worker, first):
    profile = {"tool": "torch", "steps": [first, first + 1], "ranks": [0], "trace": ["shapes", "memory"]}
    worker = make_worker(profile=profile)
    train(worker, 6)
    folder = worker.run / "profiles"
    assert [path.name for path in folder.iterdir()] == ["rank-0.json.gz"]  # nothing that is half
    [figures] = profiles.of_run(worker.run).ranks
    assert figures.steps == (first, first + 1) and figures.unread == ""
    calls = {kernel.name: kernel.calls for kernel in figures.kernels}
    assert calls["aten::matmul"] == 2 and figures.time["matrix product"] > 0 and figures.memory
    assert figures.window <= sum(figures.time.values()) * 1.001


def test_a_disk_that_is_full_ends_no_training(make_worker, capsys):
    worker = make_worker(profile={"tool": "torch", "steps": [1, 1], "ranks": [0], "trace": []})
    (worker.run / "profiles").write_text("in the way")
    train(worker, 2)
    assert "warning: no profile: FileExistsError" in capsys.readouterr().err


def test_a_window_for_nsys_leaves_a_rank_without_cuda_alone(make_worker, capsys):
    worker = make_worker(profile={"tool": "nsys", "steps": [1, 1], "ranks": [0], "trace": []})
    train(worker, 2)
    assert "warning: no profile" in capsys.readouterr().err
