"""What a step consisted of is seen once, and by what really happened."""

from __future__ import annotations

import pickle

import pytest
import torch
import torch.distributed as dist

from seatrial.events import StepContent
from seatrial.rank import flight
from seatrial.steady import WARM_UP
from seatrial.train import compiler
from seatrial.train.contents import PATIENCE, TRIES, StepContents

pytestmark = pytest.mark.torch


@pytest.fixture
def group(monkeypatch, tmp_path):
    flight.prepare(environ := {}, tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def steps(contents, count, *, reductions=1, only_trained=lambda step: True):
    """What is told of steps that reduce 1,000 numbers so often, and gather 10."""
    told = []
    for step in range(1, count + 1):
        for _ in range(reductions):
            dist.all_reduce(torch.ones(1000))
        dist.all_gather([torch.empty(10, dtype=torch.bfloat16)], torch.ones(10, dtype=torch.bfloat16))
        told.append(contents.after_step(step, only_trained=only_trained(step)))
    return [content for content in told if content]


def test_the_first_steady_step_is_looked_at_and_no_other(group):
    expected = StepContent(
        step=WARM_UP + 2,
        calls={"all_reduce Float": 2, "all_gather BFloat16": 1},
        bytes={"all_reduce Float": 8000, "all_gather BFloat16": 20},
        graphs=0,
    )
    assert steps(StepContents(), 12, reductions=2) == [expected]


def test_a_step_that_saved_or_validated_is_left_out(group):
    assert [content.step for content in steps(StepContents(), 12, only_trained=lambda step: step > 6)] == [7]
    assert steps(StepContents(), 20, only_trained=lambda step: step > WARM_UP + 1 + TRIES) == []


@pytest.mark.parametrize("content", [b"no pickle", pickle.dumps({"entries": [{"id": 1}]}), pickle.dumps([])])
def test_what_another_torch_records_ends_no_training(monkeypatch, content):
    monkeypatch.setattr(flight, "known", lambda: {"gloo": content})
    contents = StepContents()
    assert not any(contents.after_step(n, only_trained=True) for n in range(1, 20))


def test_without_a_recorder_there_are_no_collectives():
    contents = StepContents()
    assert [contents.after_step(n, only_trained=True) for n in range(1, 5)][-1] == StepContent(step=4, graphs=0)


@pytest.mark.parametrize(("enabled", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_the_dtype_of_the_first_product(enabled, expected):
    model = torch.nn.Sequential(torch.nn.LayerNorm(4), torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    contents = StepContents()
    contents.watch(model)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        model(torch.ones(2, 4))
    assert contents.products == expected
    assert not any(module._forward_hooks for module in model.modules()), "the hook is gone"


def test_compiled_code_is_left_alone():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4))
    model[0]._compiled_call_impl = model[0]._call_impl  # as Module.compile does, without loading the compiler
    StepContents().watch(model)
    assert not model[0]._forward_hooks


@pytest.mark.parametrize(("until", "looked_at"), [(0, 4), (2, 4), (3, 5), (10, 12), (200, PATIENCE + 1)])
def test_a_step_that_compiled_is_waited_out(monkeypatch, until, looked_at):
    monkeypatch.setattr(compiler, "seconds", lambda: min(taken, until))
    monkeypatch.setattr(compiler, "graphs", lambda: min(taken, until))
    contents, told = StepContents(), []
    for taken in range(1, 60):  # the clock of the compiler is the number of the step
        told += [content for content in [contents.after_step(taken, only_trained=True)] if content]
    assert [(content.step, content.graphs) for content in told] == [(looked_at, min(until, looked_at))]


def test_attention_is_told():
    class Model(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    contents, model = StepContents(), Model()
    contents.watch(model)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        model(torch.ones(1, 1, 8, 16))
    content = [contents.after_step(n, only_trained=True) for n in range(1, 5)][-1]
    assert (content.attention, content.attention_possible) == ("math", "flash_attention")
