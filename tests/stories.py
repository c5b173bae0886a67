"""Run folders with fixed times: nothing in them depends on the clock, the time zone or the machine."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.events import (
    CheckpointLoaded,
    CheckpointSaved,
    Heartbeat,
    Restart,
    RunEnd,
    RunStart,
    Step,
    Validation,
    encode,
)
from seatrial.findings import Finding, Severity, Verdict
from seatrial.job import Job
from seatrial.runs import Run
from seatrial.spec import Expectations

START = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""

JOB = Job(
    case="fsdp",
    recipe="tiny",
    title="Llama, 1.2M parameters, made-up text",
    framework="PyTorch FSDP2 (fully_shard)",
    fidelity="real",
    fidelity_note="The same program as on GPUs; gloo takes the place of NCCL.",
    cluster="local",
    launcher="local",
    program="seatrial.cases.fsdp.train",
    requires=("torch",),
    launch="rank",
    resumable=True,
    device="cpu",
    nodes=1,
    processes_per_node=2,
    threads_per_process=1,
    args={"steps": 40, "learning_rate": 3e-4, "model": {"layers": 4, "width": 128}, "data": "", "compile": False},
    parameters=1_200_000,
    expectations=Expectations(loss_decrease=1.0),
    digest="0123456789abcdef",
)

FINDINGS = [
    Finding(check="run.completed", verdict=Verdict.PASS, observed="40 of 40 steps", expected="40 steps"),
    Finding(
        check="run.loss-fell",
        verdict=Verdict.PASS,
        observed="from 5.55 to 3.9 nats",
        expected="a fall of at least 1 nat",
        evidence="events.jsonl",
    ),
    Finding(
        check="run.ranks-even",
        verdict=Verdict.WARN,
        observed="rank 1 is 7 % slower than the median",
        expected="at most 5 %",
        severity=Severity.MONITOR,
        evidence="ranks.busy",
        remedy="Look for other work on its host: a <noisy> neighbour | a throttled core.",
    ),
    Finding(check="run.possible", verdict=Verdict.SKIP, observed="a CPU run is not judged by its speed"),
]

Events = list[tuple[float, Any]]


def start(**changes: Any) -> RunStart:
    """A run_start of two ranks on CPU."""
    known: dict[str, Any] = {
        "attempt": 0,
        "start_step": 0,
        "steps": 40,
        "world_size": 2,
        "device": "cpu (AMD EPYC)",
        "backend": "gloo",
        "parameters": 1_234_567,
        "flops_per_token": {"full": 8.2e6, "causal": 7.8e6},
        "peak_flops": 5.0e11,
        "peak_source": "matrix product measured at start",
        "hosts": ["node-a", "node-a"],
        "versions": {"torch": "2.9.0", "python": "3.11.7"},
    }
    return RunStart(**known | changes)


def step(
    number: int, *, seconds: float = 0.1, num_ranks: int = 2, chance: random.Random | None = None, **changes: Any
) -> Step:
    """A logged step; `chance` adds 2 % of noise to its time."""
    seconds *= 1 + 0.02 * (chance.random() - 0.5) if chance else 1.0
    shares = {"data_wait": 0.08, "forward": 0.27, "backward": 0.48, "optimizer": 0.12, "other": 0.05}
    known: dict[str, Any] = {
        "step": number,
        "loss": 3.2 + 2.4 * math.exp(-number / 15),
        "learning_rate": 3e-4 * min(number / 10, 1.0),
        "grad_norm": 0.8 + 1.5 / number,
        "count": 4096,
        "seconds": seconds,
        "phases": {name: seconds * share for name, share in shares.items()},
        "ranks": {
            "data_wait": [seconds * (0.08 + 0.002 * (rank % 7)) for rank in range(num_ranks)],
            "busy": [seconds * (0.9 + 0.06 * (rank % 5) / 4) for rank in range(num_ranks)],
            "cpu": [seconds * 0.85 for _ in range(num_ranks)],
        },
        "memory_bytes": 412_000_000 + number * 1000,
    }
    return Step(**known | changes)


def whole_run() -> Events:
    """40 steps, a crash after 27, a restart from the checkpoint at 20, three checkpoints, two validations."""
    chance = random.Random(7)
    events: Events = [(0.0, Heartbeat(phase="import")), (2.5, start())]
    moment = 2.5

    def train(first: int, last: int) -> None:
        nonlocal moment
        for number in range(first, last + 1):
            entry = step(number, seconds=0.4 if number == first else 0.1, chance=chance)
            moment += entry.seconds
            events.append((moment, entry))
            if number % 20 == 0:
                told = {"loss": entry.loss + 0.1, "perplexity": math.exp(entry.loss + 0.1)}
                events.append((moment + 0.05, Validation(step=number, metrics=told, seconds=0.05)))
                path = f"checkpoints/step-{number}"
                saved = CheckpointSaved(step=number, path=path, bytes=14_800_000, seconds=0.12, stall_seconds=0.04)
                events.append((moment + 0.15, saved))
                moment += 0.2

    train(1, 27)
    events.append((moment + 0.5, Restart(attempt=1, reason="exit code -9", rank=1)))
    moment += 3.0
    loaded = CheckpointLoaded(step=20, path="checkpoints/step-20", seconds=0.2, world_size=2)
    events += [(moment, loaded), (moment + 0.1, start(attempt=1, start_step=20))]
    train(21, 40)
    events.append((moment + 0.1, RunEnd(outcome="completed", step=40, ranks_agree=True)))
    return events


def steps_only(seconds: Iterable[float], *, end: bool = True, **changes: Any) -> Events:
    """One attempt whose steps took `seconds`."""
    events: Events = [(0.0, start(**changes))]
    moment, number = 0.0, 0
    for number, duration in enumerate(seconds, 1):
        moment += duration
        events.append((moment, step(number, seconds=duration, phases={}, ranks={})))
    return [*events, (moment, RunEnd(outcome="completed", step=number))] if end else events


def write_run(root: Path, events: Events, name: str = "fsdp-tiny-1", **changes: Any) -> Run:
    """A run's folder; `changes` are fields of the job that differ from JOB."""
    run = Run(root / name)
    run.path.mkdir()
    (run.path / "job.json").write_text(replace(JOB, **changes).to_json(), encoding="utf-8")
    if events:
        run.events_path.write_bytes(b"".join(encode(event, START + after) for after, event in events))
    return run
