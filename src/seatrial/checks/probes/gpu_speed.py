"""How fast each GPU multiplies matrices and copies its memory: python -m seatrial.checks.probes.gpu_speed

One line of JSON for each GPU, one behind the other, and a last line that says how many there were. Where torch or CUDA
is missing the only line says so.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

SIZE = 8192
"""Rows and columns: large enough that the product, not its start, is what takes the time. 3 x 128 MiB in bf16."""
COPIED = 2**30
"""Bytes."""
WARM, SECONDS = 0.5, 1.0
"""Until clocks have risen and kernels are chosen, and as long as is measured."""


def main() -> None:
    """Measure every GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: tries the program out")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--bytes", type=int, default=COPIED)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    try:
        import torch
    except ImportError as error:
        _say({"problem": f"torch cannot be imported: {error}"})
        return
    if options.device == "cuda" and not torch.cuda.is_available():
        _say({"problem": f"torch {torch.__version__} sees no CUDA device"})
        return
    devices = range(torch.cuda.device_count()) if options.device == "cuda" else range(1)
    for index in devices:
        device = torch.device(options.device, index)
        _say({"gpu": index, "name": _name(device), **_measured(device, options)})
    _say({"gpus": len(devices), "torch": str(torch.__version__)})


def _say(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


def _name(device: torch.device) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _measured(device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    """FLOP/s of a product in bf16, bytes/s read and written by a copy, and whether the product has only numbers."""
    flops, finite = _product(device, options)
    return {"flops": flops, "bytes_per_second": _copy(device, options), "finite": finite}


def _product(device: torch.device, options: argparse.Namespace) -> tuple[float, bool]:
    import torch

    size = options.size
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(left)
    flops = 2 * size**3 * _rate(lambda: torch.matmul(left, right, out=out), device, options.seconds)
    return flops, bool(torch.isfinite(out).all().item())


def _copy(device: torch.device, options: argparse.Namespace) -> float:
    import torch

    source = torch.zeros(options.bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    rate = _rate(lambda: target.copy_(source), device, options.seconds)
    return float(2 * options.bytes * rate)


def _rate(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """How often a second it is done."""
    import torch

    def times(seconds: float) -> tuple[int, float]:
        begin, done = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds or not done:
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            done += 1
        return done, time.perf_counter() - begin

    times(min(WARM, seconds))
    done, took = times(seconds)
    return done / took


if __name__ == "__main__":
    main()
