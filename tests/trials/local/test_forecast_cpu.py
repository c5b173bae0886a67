"""Time on this machine's CPUs: unknown until its parts are measured; then known, of jobs of as many ranks alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import Command, settings

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_what_was_measured_is_what_is_forecast(command: Command, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path)}

    def forecast(processes: int) -> dict[str, Any]:
        words = "forecast", "fsdp/tiny", "--processes", str(processes), "--json"
        told: dict[str, Any] = json.loads(command(*words, **cache))
        return told

    remedy = "seatrial forecast calibrate --microbench --processes 2"
    assert forecast(2)["unknown"]["time"].endswith(remedy)
    small = settings("sweeps=1", "seconds=0.001", f"largest={2**21}")
    [kept] = json.loads(command(*remedy.split()[1:], *small, "--json", **cache))
    assert (kept["processes_per_node"], kept["cluster"], kept["dtype"]) == (2, "local", "fp32")

    time = forecast(2)["time"]
    assert kept["run"] in time["evidence"][0] and time["accelerators"] == 2
    measured = command.fsdp("measured", *settings("sequence_length=256")).events().steps()
    seconds = min(step.seconds for step in measured[2:])
    # Once, at small sizes, beside other tests: how right it is on a quiet machine, benchmarks/forecast_cpu.py says.
    assert 0.25 < time["step"] / seconds < 4
    assert forecast(1)["unknown"]["time"].endswith("--processes 1")
