"""Start paxml in its own Python, read its log, and pass on requests to stop. One process per node."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatrial import environments
from seatrial.cases.jax_paxml import Args
from seatrial.cases.jax_paxml.experiments import EXPERIMENTS, XLA_FLAGS
from seatrial.cases.jax_paxml.log import Reader
from seatrial.events import CheckpointLoaded
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.reading import Reading
from seatrial.rank.start import start

COPIES_AGREE, COPIES_DIFFER = (f"seatrial: copies agree: {answer}" for answer in (True, False))
"""What run_paxml.py says at the end of the copies of weights that this node has."""
TICK_SECONDS = 0.5
"""Between two looks whether this process was asked to stop."""


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start(Rank) as rank:
        train(Args(**rank.args), rank)


def train(args: Args, rank: Rank) -> None:
    """Run paxml from its newest checkpoint to its end."""
    checkpoints = rank.run.absolute() / "checkpoints"
    first_step = newest(checkpoints)
    settings = rank.run / f"paxml-{rank.rank}.json"
    settings.write_text(json.dumps(configuration(args, rank), indent=2) + "\n", encoding="utf-8")
    announce.run_start(
        rank,
        steps=args.steps,
        first_step=first_step,
        parameters=EXPERIMENTS[args.experiment].parameters(),
        dtype="bf16",
    )
    if first_step:
        rank.emit(
            CheckpointLoaded(
                step=first_step, path=f"checkpoints/{name(first_step)}", seconds=0.0, world_size=rank.world_size
            )
        )
    agree = None
    log = Reading(Reader(args, rank.world_size), survives=Exception)
    with subprocess.Popen(
        command(args, rank, settings),
        env=os.environ | variables(args, rank),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        for line in lines(child, rank):
            print(line, flush=True)
            rank.alive()
            agree = {COPIES_AGREE: True, COPIES_DIFFER: False}.get(line, agree)
            for event in log.line(line, prefixed=False):
                rank.emit(event)
    for event in log.end(rank.rank):
        rank.emit(event)
    done = newest(checkpoints)
    if rank.stop_signal is not None and done < args.steps:
        rank.leave("stop", rank.last_step, saved=False)
    if child.returncode != 0:
        rank.end("failed", rank.last_step, reason=f"paxml ended with exit code {child.returncode}")
        sys.exit(1)
    if rank.world_size > rank.processes_per_node and agree:
        agree = None  # between nodes nobody compared
    rank.end("completed", args.steps, ranks_agree=agree)


def configuration(args: Args, rank: Rank) -> dict[str, Any]:
    """What is changed of the experiment, in paxml's names."""
    data = rank.world_size // (args.ici_replica * args.ici_mdl)
    return {
        "experiment": args.experiment,
        "steps": args.steps,
        "warmup_steps": args.warmup_steps,
        "attributes": {
            "ICI_MESH_SHAPE": [args.ici_replica, data, args.ici_mdl],
            "PERCORE_BATCH_SIZE": args.global_batch_size // rank.world_size,
            "MAX_SEQ_LEN": args.sequence_length,
            "LEARNING_RATE": args.learning_rate,
            "WEIGHT_DECAY": args.weight_decay,
            "SUMMARY_INTERVAL_STEPS": args.log_every,
            "CHECKPOINT_EVERY_N_STEPS": args.checkpoint_every or args.steps,
            "CHECKPOINT_MAX_TO_KEEP": args.checkpoint_keep,
        },
    }


def command(args: Args, rank: Rank, settings: Path) -> list[str]:
    """paxml, which saves into the run's folder and goes on from what is there."""
    python = args.python or str(environments.python(environments.ensure("paxml")))
    words = [python, str(Path(__file__).with_name("run_paxml.py")), str(settings), "--exp=__main__.Experiment"]
    words += [f"--job_log_dir={rank.run.absolute()}", "--alsologtostderr"]
    nodes = rank.world_size // rank.processes_per_node
    if nodes > 1:
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        node = rank.rank // rank.processes_per_node
        words += ["--multiprocess_gpu=true", f"--server_addr={address}", f"--num_hosts={nodes}", f"--host_idx={node}"]
    return words


def variables(args: Args, rank: Rank) -> dict[str, str]:
    """What JAX is told: on CPUs as many virtual devices as there are ranks; else the flags of the published job."""
    own = os.environ.get("XLA_FLAGS", "")
    if rank.device_kind == "cpu":
        devices = f"--xla_force_host_platform_device_count={rank.processes_per_node}"
        return {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{devices} {own}".strip()}
    return {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.7", "XLA_FLAGS": " ".join([*XLA_FLAGS, *own.split()])}


def lines(child: subprocess.Popen[bytes], rank: Rank) -> Iterator[str]:
    """What the child prints, line by line. A request to stop is passed on to it once."""
    assert child.stdout is not None
    begun, asked = b"", False
    while True:
        if rank.stop_signal is not None and not asked:
            child.send_signal(signal.SIGTERM)
            asked = True
        if not select.select([child.stdout], [], [], TICK_SECONDS)[0]:
            continue
        read = os.read(child.stdout.fileno(), 1 << 16)
        *whole, begun = (begun + read).split(b"\n")
        if not read and begun:
            whole = [begun]
        yield from (line.decode(errors="replace") for line in whole)
        if not read:
            return


def newest(checkpoints: Path) -> int:
    """Step of the newest complete checkpoint, whose name has nothing behind the number; 0 if there is none."""
    return max(
        (int(path.name[11:]) for path in checkpoints.glob("checkpoint_*") if path.name[11:].isdigit()), default=0
    )


def name(step: int) -> str:
    """Folder of a checkpoint."""
    return f"checkpoint_{step:08d}"


if __name__ == "__main__":
    main()
