"""Memory that is forecast of fsdp/tiny against what its ranks allocate in real runs over gloo.

gloo frees its copy of what it reduces now sooner, now later: one copy or two of a unit, of which the forecast has the
least. Those of tiny are 3.5 MB, 5 % of the smallest job here.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases import fsdp
from seatrial.forecast import memory
from seatrial.rank.start import FOLDERS
from seatrial.spec import Layout
from tests.ranks import JOB

TINY = next(recipe.args for recipe in fsdp.RECIPES if recipe.name == "tiny")


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"micro_batch_size": 8, "global_batch_size": 32, "sequence_length": 512},
        {"micro_batch_size": 16, "global_batch_size": 32, "sequence_length": 512, "recompute": "full"},
        {
            "micro_batch_size": 16,
            "global_batch_size": 64,
            "sequence_length": 512,
            "precision": "bf16",
            "recompute": "selective",
        },
    ],
    ids=str,
)
def test_ranks_allocate_what_is_forecast(changes: dict[str, Any], tmp_path: Path) -> None:
    args = replace(TINY, steps=3, warmup_steps=1, checkpoint_every=0, validation_every=0, **changes)
    job = fsdp.workload(args, Layout(nodes=1, processes_per_node=2, device="cpu"))
    found = memory.fullest(job, on_gpu=False)[1].total
    assert peaks(args, tmp_path) == pytest.approx([found, found], rel=0.05)


def peaks(args: fsdp.Args, run: Path) -> list[int]:
    """Bytes that each of two ranks allocated at most."""
    for folder in FOLDERS:
        (run / folder).mkdir()
    (run / "job.json").write_text(json.dumps(JOB | {"args": asdict(args)}))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    world = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.trials.local.measured_fsdp"],
            env=os.environ | world | {"RANK": str(rank), "LOCAL_RANK": str(rank), "SEATRIAL_RUN": str(run)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [rank.communicate(timeout=200)[0] for rank in ranks]
    found = [int(line.split()[1]) for text in said for line in text.splitlines() if line.startswith("peak ")]
    assert len(found) == 2, said
    return found
