"""tokens/s, MFU and peak memory of the fsdp trainer on one GPU, and where the rest of the time goes.

    PYTHONPATH=src python benchmarks/gpu.py --model llama3.2-1b --sequence-length 4096 8192 --recompute none full
    PYTHONPATH=src python benchmarks/gpu.py --model llama3.1-8b --sequence-length 4096 8192 --recompute selective full
    PYTHONPATH=src python benchmarks/gpu.py --model llama3.2-1b --profile
    PYTHONPATH=src python benchmarks/gpu.py --device cpu --model tiny --sequence-length 256 --profile   # tries it out

Runs from a bare checkout: nothing of the command's dependencies is imported, only torch and numpy are needed. Each
combination is a run of its own: the trainer's program with one rank, bf16, compiled, on synthetic tokens. Figures come
from the run's events, medians of the steps after the warm-up; with --profile some of them are slower for being
watched. A combination that does not fit in memory says so and the next one is tried.

Memory: parameters, gradients and AdamW's two moments are fp32, 16 bytes a parameter. That is 18.4 GiB for
llama3.2-1b and 119.7 GiB for llama3.1-8b, which leaves an H200 (about 139 GiB) some 19 GiB. The logits (128256 x
length, in bf16 and fp32 with their gradients: 12 to 14 GiB at 8192) live when the gradients (29.9 GiB) do not exist
yet, so 8B should fit with recompute full; --cpu-offload or --layers are there for when it does not.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from interleave import Row, parser, publish
from programs import HERE, finish, free_port, scratch, started
from seatrial.binding import bind
from seatrial.cases.fsdp import CASE
from seatrial.cluster import Cluster
from seatrial.events import RunStart
from seatrial.history import History
from seatrial.metrics import FLOP_FORMULAS, Work, mfu
from seatrial.models import LLAMA
from seatrial.runs import Run

WARM_UP = 5


def make_run(options: Any, length: int, recompute: str, root: Path) -> Run:
    """A run's folder, bound to one rank of this machine."""
    recipe = CASE.recipe(options.model)
    args = replace(
        recipe.args,
        sequence_length=length,
        global_batch_size=options.micro_batch,
        micro_batch_size=options.micro_batch,
        steps=options.steps,
        warmup_steps=0,
        dataset="synthetic",
        precision=options.precision,
        compile=not options.eager,
        recompute=recompute,
        cpu_offload=options.cpu_offload,
        validation_every=0,
        checkpoint_every=0,
        log_every=1,
    )
    machine = Cluster(
        name="this-machine",
        launcher="local",
        nodes=1,
        cpus_per_node=os.cpu_count() or 1,
        accelerators_per_node=1 if options.device == "cuda" else 0,
    )
    return History(root).create(bind(CASE, replace(recipe, args=args), machine, nodes=1, processes_per_node=1))


def train(options: Any, run: Run) -> str:
    """Run the program to its end. Returns what it printed; raises RuntimeError if it failed."""
    log = run.log_path(0)
    profiled = HERE / "gpu_profile.py"
    program = [str(profiled), str(options.layers)] if options.profile or options.layers else ["-m", CASE.program]
    env = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    env |= {
        "MASTER_PORT": str(free_port()),
        "SEATRIAL_RUN": str(run.path),
        "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    }
    with started([sys.executable, *program], log, env) as process:
        finish(process, log, timeout=options.timeout)
    return log.read_text(errors="replace")


def measure(options: Any, length: int, recompute: str, root: Path) -> tuple[list[Row], dict[str, Any]]:
    """One combination: its lines and its raw figures."""
    label = f"{options.model}, {length} tokens, recompute {recompute}"
    run = make_run(options, length, recompute, root)
    try:
        printed = train(options, run)
    except RuntimeError as error:
        if "out of memory" not in str(error).lower():
            raise
        return [Row(label, "does not fit")], {"error": "out of memory"}
    log = run.events()
    start, steps = log.last(RunStart), log.steps()[WARM_UP:]
    seconds = statistics.median(step.seconds for step in steps)
    speed = steps[0].count / seconds
    work = Work(flops_per_token=start.flops_per_token, peak_flops=start.peak_flops, peak_source=start.peak_source)
    shares = mfu(speed, work, world_size=1) or {}
    memory = max(step.memory_bytes or 0 for step in steps)
    rows = [Row(label, f"{speed:,.0f} tokens/s, {memory / 2**30:.1f} GiB")]
    rows += [Row(f"{label}: MFU, {FLOP_FORMULAS[name]}", f"{share:.1%}") for name, share in shares.items()]
    raw: dict[str, Any] = {"device": start.device, "peak": start.peak_source, "versions": start.versions, "mfu": shares}
    raw |= {"tokens_per_second": speed, "step_seconds": [step.seconds for step in steps], "peak_bytes": memory}
    for line in printed.splitlines():
        if line.startswith('{"profile"'):
            raw |= json.loads(line)
            rows += [Row(f"{label}: {name}", f"{share:.1%}") for name, share in raw["profile"]["shares"].items()]
            rows += [Row(f"{label}: `{name[:70]}`", f"{share:.1%}") for name, share in raw["profile"]["top"]]
    return rows, raw


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=1)
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options.add_argument("--model", choices=sorted(LLAMA), default="llama3.2-1b")
    options.add_argument("--sequence-length", type=int, nargs="+", default=[4096])
    options.add_argument("--recompute", choices=("none", "selective", "full"), nargs="+", default=["full"])
    options.add_argument("--micro-batch", type=int, default=1, help="sequences per step")
    options.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    options.add_argument("--eager", action="store_true", help="do not compile")
    options.add_argument("--cpu-offload", action="store_true", help="keep parameters and AdamW's state in host memory")
    options.add_argument("--layers", type=int, default=0, help="take only this many layers; 0: all")
    options.add_argument("--steps", type=int, default=15)
    options.add_argument("--timeout", type=float, default=540.0, help="seconds for one combination")
    options.add_argument("--profile", action="store_true", help="also say where the GPU's time goes")
    chosen = options.parse_args()
    rows, raw = [], {}
    for length, recompute in itertools.product(chosen.sequence_length, chosen.recompute):
        with scratch() as root:
            lines, figures = measure(chosen, length, recompute, root)
        rows += lines
        raw[f"{chosen.model}/{length}/{recompute}"] = figures
        print(*(f"{line.measure}: {line.result}" for line in lines), sep="\n", file=sys.stderr, flush=True)
    publish(rows, raw, as_json=chosen.json)


if __name__ == "__main__":
    main()
