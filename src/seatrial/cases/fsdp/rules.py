"""What of the arguments and a layout can be, and what it computes."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seatrial.arguments import batch_divides, fits_context
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated
from seatrial.errors import Problem, unknown
from seatrial.models import LLAMA
from seatrial.spec import Layout
from seatrial.workload import FP32_ADAM, UNIT_BYTES, Degrees, States, Workload, accumulates_whole

if TYPE_CHECKING:
    from seatrial.cases.fsdp import Args


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    model = LLAMA.get(args.model)
    if model is None:
        yield unknown("model", args.model, LLAMA, "model")
    else:
        yield from fits_context(args.sequence_length, args.model, model)
    world = layout.world_size
    yield from batch_divides(args.global_batch_size, args.micro_batch_size, world)
    if args.shard_size > 0 and world % args.shard_size:
        yield Problem(f"{world} ranks do not divide into groups of {args.shard_size}", "shard_size")
    if args.cpu_offload and layout.device == "cpu":
        yield Problem("parameters are in host memory already", "cpu_offload", "--set cpu_offload=false on a CPU")


def workload(args: Args, layout: Layout) -> Workload:
    """Everything is sharded over the ranks that share one copy; parameters are stored in fp32."""
    model = LLAMA[args.model]
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(data=layout.world_size, shard=args.shard_size or layout.world_size),
        compute=args.precision,
        recompute=args.recompute,
        states=States(parameters=0, gradients=0, optimizer=0) if args.cpu_offload else FP32_ADAM,
        sharded=("parameters", "gradients", "optimizer"),
        gathered=4.0 if args.precision == "fp32" else 2.0,
        compiled=args.compile,
        reshard_after_forward=args.reshard_after_forward,
        accumulate_whole=accumulates_whole(model.parameters()),
        unit_bytes=UNIT_BYTES,
        fused_norm=layout.device != "cpu",
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    yield from check_source(args.dataset, validation=args.validation_every > 0)
    if args.dataset != "synthetic":
        yield from check_tokenizer(args.tokenizer, LLAMA[args.model].vocab_size)
    if args.compile:
        yield from _check_compiler()


def _check_compiler() -> Iterable[Problem]:
    """torch.compile builds C++ (and on GPUs a launcher for Triton) while it trains."""
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++"))):
        yield Problem("there is no C++ compiler", "compile", "apt-get install g++, or --set compile=false")
    torch = importlib.util.find_spec("torch")
    if torch is not None and " " in str(torch.origin):
        what = f"torch cannot link what it compiles: there is a space in its own path, {torch.origin}"
        yield Problem(what, "compile", "install it elsewhere, or --set compile=false")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    return ("HF_TOKEN",) if args.dataset != "synthetic" and gated(args.tokenizer) else ()
