"""How a checkout of picotron is run, with a small program in its place that has the same outside.

It prints its metric lines on the last rank, makes and destroys the process group, saves into ``STEP/weights_*.pth`` in
place, and takes its configuration from a file, all as picotron does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import struct
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from seatrial.binding import bind
from seatrial.cases.picotron import CASE
from seatrial.cases.picotron import checkout as checkout_module
from seatrial.cases.picotron.checkout import newest_complete, only_in_memory
from seatrial.cases.picotron.home import shapes, write_weights
from seatrial.cases.picotron.models import MODELS
from seatrial.cluster import Cluster
from seatrial.events import EventLog, RunStart, Step, read_events
from seatrial.train.model import Llama

PROGRAM = """
import argparse, json, os, sys
import torch, torch.distributed as dist
import flash_attn.flash_attn_interface, wandb
import picotron.process_group_manager as pgm

parser = argparse.ArgumentParser()
parser.add_argument("--config")
with open(parser.parse_args().config) as file:
    config = json.load(file)
assert config["environment"]["HF_TOKEN"] == "of-the-hub"
dist.init_process_group(backend="gloo")
pgm.process_group_manager = pgm.Manager(dist.get_rank())
torch.manual_seed(0)
model = torch.nn.Linear(4, 1, device="cuda")
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
place = config["checkpoint"]
step = 0
if place["load_path"]:
    saved = torch.load(f"{place['load_path']}/weights_0.pth")
    step = saved["step"]
    model.load_state_dict(saved["model"])
while step < config["training"]["total_train_steps"]:
    loss = model(torch.ones(4)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
    loss = loss.item() if dist.get_rank() == 1 else 0.0
    if dist.get_rank() == 1:
        print(f"[rank 1] Step: {step:<5d} | Loss: {loss:6.4f} | Global batch size:   1.02K | Tokens/s:  10.00K | "
              f"Tokens/s/GPU:   5.00K | Tokens:   1.02K | MFU:  0.00% | Memory usage:   0.00GB")
    if step % place["save_frequency"] == 0:
        folder = f"{place['save_dir']}/{step}"
        os.makedirs(folder, exist_ok=True)
        state = {"model": model.state_dict(), "step": step}
        torch.save(state, f"{folder}/weights_{dist.get_rank()}.pth")
    dist.barrier()
dist.destroy_process_group()
"""
MANAGER = """
class Manager:
    def __init__(self, rank):
        self.pp_rank, self.tp_rank, self.pp_is_last_stage = 0, 0, rank == 1
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two stages, six steps and a checkpoint every two, with its program."""
    source = tmp_path / "checkout"
    (source / "picotron").mkdir(parents=True)
    (source / "train.py").write_text(PROGRAM)
    (source / "picotron" / "process_group_manager.py").write_text(MANAGER)
    local = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=2, processes_per_node=2)
    settings = {"source": str(source), "steps": "6", "checkpoint_every": "2"}
    job = bind(CASE, CASE.recipe("tiny-pp2"), local, settings=settings)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "job.json").write_text(job.to_json())
    return folder


def rank_main(rank: int, run: str, port: int) -> None:
    """One rank; nothing of a hub, and no data, is made for it."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ |= {"SEATRIAL_RUN": run, "HF_TOKEN": "of-the-hub", "OMP_NUM_THREADS": "1"}
    torch.set_num_threads(1)
    log = os.open(f"{run}/log-{rank}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    checkout_module.make_home = lambda *_: None
    from seatrial.cases.picotron import train

    train.main()


def start(run: Path) -> EventLog:
    """Both ranks, to their end; the run's events."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.set_forkserver_preload(["seatrial.cases.picotron.train"])
    try:
        mp.start_processes(rank_main, args=(str(run), port), nprocs=2, start_method="forkserver")
    except Exception as error:
        raise AssertionError("\n".join(path.read_text() for path in sorted(run.glob("log-*")))) from error
    return read_events(run / "events.jsonl")


def test_a_checkout_runs_and_goes_on_from_its_newest_whole_checkpoint(run: Path) -> None:
    log = start(run)
    assert [step.step for step in log.of(Step)] == [1, 2, 3, 4, 5, 6]  # printed by rank 1, kept by rank 0
    assert all(step.count == 1024 and step.seconds == pytest.approx(0.1024) for step in log.of(Step))
    assert log.end() is not None and log.end().outcome == "completed" and log.end().ranks_agree
    untied = MODELS["tiny"].config.parameters()
    assert log.last(RunStart).parameters == untied
    assert "of-the-hub" not in "".join(path.read_text() for path in run.iterdir() if path.is_file())

    file = run / "checkpoints" / "6" / "weights_1.pth"  # killed while it was written
    file.write_bytes(file.read_bytes()[:-100])
    log = start(run)
    again = [step.step for step in log.of(Step)][6:]
    assert again == [5, 6]
    assert log.last(RunStart).start_step == 4


def test_replicas_that_differ_are_found(run: Path) -> None:
    program = Path(json.loads((run / "job.json").read_text())["args"]["source"]) / "train.py"
    program.write_text(PROGRAM.replace("torch.manual_seed(0)", "torch.manual_seed(dist.get_rank())"))
    log = start(run)
    assert log.end() is not None and log.end().ranks_agree is False


# --- its parts


def folder_of(root: Path, step: int, *contents: bytes | None) -> None:
    (root / str(step)).mkdir(parents=True)
    for index, content in enumerate(contents):
        path = root / str(step) / f"weights_{index}.pth"
        if content is None:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("data", "x" * 1000)
        else:
            path.write_bytes(content)


def test_a_checkpoint_counts_if_every_file_is_there_and_whole(tmp_path: Path) -> None:
    assert newest_complete(tmp_path / "none", 2) is None
    folder_of(tmp_path, 9, None, None)
    folder_of(tmp_path, 10, None, None)
    folder_of(tmp_path, 11, None)  # of one stage alone
    folder_of(tmp_path, 12, None, b"PK\x03\x04 torn")
    (tmp_path / "notes").mkdir()
    assert newest_complete(tmp_path, 2) == 10  # as numbers, not as texts


def test_a_text_in_memory_can_be_read_as_a_file_and_is_none() -> None:
    text = json.dumps({"token": "secret", "filling": "x" * 8000})
    with only_in_memory(text) as path:
        assert Path(path).read_text() == text
        assert not Path(path).resolve().is_file()
    assert not Path(path).exists()


@pytest.fixture
def weights(tmp_path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    path = tmp_path / "model.safetensors"
    write_weights(path, MODELS["smollm-1.7b-5layers"].config)
    with path.open("rb") as file:
        [length] = struct.unpack("<Q", file.read(8))
        yield path, {"length": length, **json.loads(file.read(length))}


def test_the_file_of_weights_has_every_shape_and_no_bytes(weights: tuple[Path, dict[str, Any]]) -> None:
    path, header = weights
    length = header.pop("length")
    config = MODELS["smollm-1.7b-5layers"].config
    assert {name: entry["shape"] for name, entry in header.items()} == shapes(config)
    ends = sorted(entry["data_offsets"] for entry in header.values())
    assert ends[0][0] == 0 and all(left[1] == right[0] for left, right in pairwise(ends))
    assert path.stat().st_size == 8 + length + ends[-1][1]
    assert path.stat().st_blocks * 512 < 100_000  # a gigabyte of nothing
    head = config.vocab_size * config.hidden_size  # which picotron makes itself
    with torch.device("meta"):
        model = Llama(config)
    assert ends[-1][1] == 2 * (sum(p.numel() for p in model.parameters()) - head)
