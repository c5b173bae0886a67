"""The peak behind MFU: measured on a CPU and said so, from the table on a GPU, unknown where it is unknown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from seatrial.train import peak
from seatrial.train.peak import DTYPES, peak_flops

pytestmark = pytest.mark.torch


def of_gpu(monkeypatch: pytest.MonkeyPatch, name: str, dtype: str = "bf16") -> tuple[float | None, str]:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    return peak_flops(torch.device("cuda", 0), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_cpus_peak_is_measured_and_says_so(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """Two products that take 40 and 10 ms by this clock: the best counts, with 2 operations for each of 128³."""
    clock = iter([0.0, 0.01, 0.01, 0.05, 0.06, 0.06, 0.07, 9.0])
    monkeypatch.setattr(peak, "SIZE", 128)
    monkeypatch.setattr(peak, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    flops, source = peak_flops(torch.device("cpu"), dtype)
    assert flops == pytest.approx(2 * 128**3 / 0.01)
    assert source == f"measured: best 128x128 {dtype} matrix product on {torch.get_num_threads()} CPU thread(s)"


def test_a_known_gpus_peak_is_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    flops, source = of_gpu(monkeypatch, "NVIDIA H100 80GB HBM3")
    assert flops == pytest.approx(989e12, rel=1e-3)
    assert source.startswith("H100")
    assert "dense bf16" in source


@pytest.mark.parametrize("name", ["NVIDIA Imaginary 9000", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", ""])
def test_an_unknown_gpu_has_no_peak(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert of_gpu(monkeypatch, name) == (None, f"unknown: no bf16 peak for {name} in the hardware table")


def test_an_unknown_dtype_has_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    flops, source = of_gpu(monkeypatch, "NVIDIA A100-SXM4-80GB", "fp8")
    assert flops is None
    assert source == "unknown: no fp8 peak for NVIDIA A100-SXM4-80GB in the hardware table"
