"""Pack the tokens of a training, or compile its graphs. One process for each node; reads from top to bottom."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any

from seatrial.cases.datasets.prepare import alive_or_stopped, check_that_it_lasts, checksums
from seatrial.cases.datasets.tokens import cores
from seatrial.cases.neuronx_distributed.data import folder_of, tokenise
from seatrial.cases.neuronx_prepare import Args, trained
from seatrial.data.prepare import verify
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Rule, Verdict
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start

TRAINING = "seatrial.cases.neuronx_distributed.train"
CACHE = "neuron-compile-cache"  # as the training's neuron.py, which needs torch
POLL_SECONDS = 1.0
FOLDER = "graphs"
"""Of the run: what the trial run's ranks write."""

COMPILED = Rule(
    id="compile.graphs",
    verdicts=(Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN),
    reads="the summary of neuron_parallel_compile on the first node",
    expected="every graph of the trial run is compiled",
    why="a graph that is missing is compiled while all nodes wait; one that cannot be compiled ends the training",
    remedy="read the compiler's message in the log; with --retry_failed_compilation in NEURON_CC_FLAGS it tries again",
    source="https://awsdocs-neuron.readthedocs-hosted.com/en/latest/frameworks/torch/torch-neuronx/"
    "api-reference-guide/training/pytorch-neuron-parallel-compile.html",
    good="12 graphs: 12 compiled, 0 failed",
    bad="12 graphs: 11 compiled, 1 failed",
)


class Node(Rank):
    """The rank that stands for its node, and knows its job."""

    def __init__(self, run: Path, job: dict[str, Any]) -> None:
        super().__init__(run, job)
        self.job = job


def main() -> None:
    """Prepare, and exit with a code of ExitCode."""
    with start(Node) as node:
        args = Args(**node.args)
        check_that_it_lasts(node)
        announce.run_start(node, steps=1, unit="samples", packages=("datasets", "tokenizers", "transformers"))
        alive = alive_or_stopped(node)
        if args.stage == "tokenise":
            node.stage(f"tokenise {args.dataset} into {folder_of(args, node.data).name}")
            folder = tokenise(args, node.data, processes=1 if args.tokenizer == "bytes" else cores(), alive=alive)
            node.stage("verify checksums")
            node.emit(checksums(folder, verify(folder, waiting=alive)))
        else:
            node.stage(f"trial run of {args.trial_steps} steps, then compile its graphs")
            node.emit(summary(run_compiler(command(node), environment(args, node), alive)))
        node.end("completed", 1)


def command(node: Node) -> list[str]:
    """The trial run on this node, under the compiler's eyes."""
    scale = {"nnodes": node.job["nodes"], "nproc-per-node": node.processes_per_node}
    place = {"node-rank": os.environ["NODE_RANK"], "master-addr": os.environ["MASTER_ADDR"]}
    options = {**scale, **place, "master-port": os.environ["MASTER_PORT"], "max-restarts": 0}
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    return ["neuron_parallel_compile", *torchrun, "-m", TRAINING]


def environment(args: Args, node: Node) -> dict[str, str]:
    """What the trial run's ranks find: the training's job, fewer steps of it, and the cache that it will look into."""
    training = trained(args, steps=args.trial_steps, checkpoint_every=0, log_every=1)
    job = {**node.job, "args": asdict(training), "launch": "rank", "pins": {}}
    ours = {
        "SEATRIAL_RUN": str(node.run.absolute() / FOLDER),
        "SEATRIAL_JOB": json.dumps(job),
        "SEATRIAL_DATA": str(node.data.absolute()),
        "SEATRIAL_CHECKPOINTS": "0",
        "SEATRIAL_ATTEMPT": "0",
        "SEATRIAL_HEARTBEATS": "0",
        "SEATRIAL_PRINT_EVENTS": "0",
    }
    return {"NEURON_COMPILE_CACHE_URL": str(node.data.absolute() / CACHE), **os.environ, **ours}


def run_compiler(words: list[str], variables: dict[str, str], alive: Callable[[], None]) -> list[str]:
    """Run it to its end and pass on what it prints. Returns that. Raises UserError if it is not installed."""
    printed: list[str] = []
    try:
        process = subprocess.Popen(
            words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except FileNotFoundError as error:
        raise UserError(Problem("is not installed here", words[0], "take an image of the Neuron SDK")) from error

    def pass_on() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                print(line, end="", flush=True)
                printed.append(line)

    reader = Thread(target=pass_on, daemon=True)  # a large graph takes minutes in which nothing is printed
    reader.start()
    try:
        while reader.is_alive():
            reader.join(POLL_SECONDS)
            alive()
    except BaseException:
        process.terminate()  # the launcher kills what does not heed it
        process.wait()
        raise
    if process.wait():
        raise RuntimeError(f"{words[0]} ended with code {process.returncode}")
    return printed


def summary(printed: Iterable[str]) -> Finding:
    """How many graphs there were, and what became of them."""
    counts = {}
    for line in printed:
        found = re.search(r"Total (graphs|successful compilations|failed compilations): (\d+)", line)
        if found:
            counts[found[1].split()[0]] = int(found[2])
    if counts.keys() != {"graphs", "successful", "failed"}:
        return COMPILED.finding(Verdict.UNKNOWN, "it printed no summary")
    observed = f"{counts['graphs']} graphs: {counts['successful']} compiled, {counts['failed']} failed"
    good = counts["failed"] == 0 and counts["successful"] == counts["graphs"] > 0
    return COMPILED.finding(Verdict.PASS if good else Verdict.FAIL, observed)


if __name__ == "__main__":
    main()
