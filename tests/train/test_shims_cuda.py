"""torch.cuda on a CPU. The shim changes torch for good, so all of it is tried in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.torch


def python(program: str) -> str:
    """Output of a program in a process of its own, where warnings are errors and no GPU is seen."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_code_for_a_gpu_runs_on_the_cpu() -> None:
    python("""
        import time
        import torch
        from seatrial.train.shims.cuda import cuda_on_cpu

        cuda_on_cpu()
        cuda_on_cpu()  # a second call changes nothing
        cpu = torch.device("cpu")
        assert not torch.cuda.is_available()

        # Tensors, however the device is named.
        for device in ("cuda", "cuda:0", 0, torch.device("cuda"), torch.cuda.current_device(), "cpu", None):
            assert torch.zeros(2, device=device).device == cpu, device
            assert torch.ones(2).to(device).device == cpu, device
            assert torch.ones(2).to(device=device, dtype=torch.bfloat16).dtype == torch.bfloat16
            assert torch.nn.Linear(2, 2, device=device).cuda().weight.device == cpu
        assert torch.tensor([7], dtype=torch.int, device="cuda").tolist() == [7]
        assert torch.empty_like(torch.ones(3), device="cuda", pin_memory=True).shape == (3,)
        assert torch.ones(2).new_full((1,), 4.0, device="cuda").tolist() == [4.0]
        assert torch.full((2,), 3.0, device="cuda").pin_memory().cuda(non_blocking=True).tolist() == [3.0, 3.0]
        assert torch.nn.Linear(2, 2).to("cuda").to_empty(device="cuda:0").weight.device == cpu
        assert torch.ones(2).to(torch.float64).dtype == torch.float64
        assert torch.ones(2).to(torch.ones(2, dtype=torch.int64)).dtype == torch.int64

        # Other devices stay what they are: models are made on meta.
        assert torch.empty(2, device="meta").is_meta and torch.ones(2).to("meta").is_meta
        with torch.device("meta"):
            assert torch.empty(2).is_meta and torch.nn.Linear(2, 2).weight.is_meta

        # Names of types.
        assert torch.ones(2).type() == "torch.cuda.FloatTensor"
        assert torch.ones(2).bfloat16().type() == "torch.cuda.BFloat16Tensor"
        assert torch.ones(2).type("torch.cuda.DoubleTensor").dtype == torch.float64
        assert torch.ones(2).type(torch.int32).dtype == torch.int32
        assert torch.cuda.FloatTensor([1.0]).tolist() == [1.0]

        # One generator: what is drawn depends on the "GPU's" seed and state.
        from torch.cuda import _lazy_call
        torch.cuda.manual_seed(5)
        state = torch.cuda.get_rng_state()
        first = torch.rand(3, device="cuda")
        _lazy_call(lambda: torch.cuda.default_generators[torch.cuda.current_device()].set_state(state))
        assert torch.equal(torch.rand(3), first)
        torch.cuda.random.set_rng_state(state, 0)
        assert torch.equal(torch.rand(3), first)
        torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())

        # Streams, events, devices.
        stream = torch.cuda.Stream(device="cuda", priority=-1)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        before = time.perf_counter()
        begin.record(torch.cuda.current_stream())
        with torch.cuda.stream(stream), torch.cuda.device(0), torch.cuda.nvtx.range("work"):
            torch.cuda.nvtx.range_push("sum")
            torch.ones(1000).sum().record_stream(stream)
            torch.cuda.nvtx.range_pop()
        stream.wait_stream(torch.cuda.default_stream())
        stream.wait_event(stream.record_event())
        end.record()
        end.synchronize()
        most = 1000 * (time.perf_counter() - before)
        assert end.query() and stream.query() and 0 < begin.elapsed_time(end) <= most  # milliseconds
        torch.cuda.set_device(0)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        assert torch.cuda.memory_stats()["num_ooms"] == torch.cuda.max_memory_allocated() == 0
        assert torch.cuda.get_device_properties(0).total_memory == torch.cuda.mem_get_info()[1] > 0
        assert torch.cuda.get_device_capability() == (0, 0) and torch.cuda.get_device_name() == "cpu"

        # Arithmetic is untouched, autograd and optimizers included.
        layer = torch.nn.Linear(3, 1, device="cuda")
        optimizer = torch.optim.AdamW(layer.parameters())
        layer(torch.ones(2, 3, device="cuda")).sum().backward()
        optimizer.step()
        assert layer.weight.grad.tolist() == [[2.0, 2.0, 2.0]]
    """)


def test_it_does_nothing_where_cuda_is_there() -> None:
    out = python("""
        import torch
        before = dict(vars(torch.cuda)), dict(vars(torch.Tensor)), torch.zeros
        torch.cuda.is_available = available = lambda: True
        from seatrial.train.shims.cuda import cuda_on_cpu

        cuda_on_cpu()
        assert before == (
            {**vars(torch.cuda), "is_available": before[0]["is_available"]}, dict(vars(torch.Tensor)), torch.zeros
        )
        print("unchanged")
    """)
    assert out == "unchanged\n"
