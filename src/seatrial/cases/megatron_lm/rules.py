"""What Megatron cannot do, or not on this machine, said before anything starts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.arguments import batch_divides, degrees_divide, fits_context, splits
from seatrial.cases.megatron_lm.sizes import SIZES, padded
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated
from seatrial.errors import Problem, unknown
from seatrial.models import Decoder
from seatrial.spec import Fidelity, Layout
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

if TYPE_CHECKING:
    from seatrial.cases.megatron_lm import Args


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    size = SIZES.get(args.model)
    if size is None:
        yield unknown("model", args.model, SIZES, "model")
    else:
        yield from _check_splits(args, size)
    yield from _check_degrees(args, layout)
    if layout.device == "cpu":
        yield from _check_cpu(args)


_DEGREES = ("tensor_parallel", "pipeline_parallel", "context_parallel")


def _check_splits(args: Args, size: Decoder) -> Iterable[Problem]:
    """What is dealt out over ranks divides by their number."""
    yield from fits_context(args.sequence_length, args.model, size)
    tensor, pipeline = args.tensor_parallel, args.pipeline_parallel
    yield from splits("attention heads", size.num_heads, "tensor_parallel", tensor)
    if size.num_kv_heads != size.num_heads:
        yield from splits("query groups", size.num_kv_heads, "tensor_parallel", tensor)
    yield from splits("feed-forward columns", size.intermediate_size, "tensor_parallel", tensor)
    yield from splits("layers", size.num_layers, "pipeline_parallel", pipeline)
    if args.sequence_parallel:
        yield from splits("tokens of a sequence", args.sequence_length, "tensor_parallel", tensor)
    if args.context_parallel > 1:  # each rank gets one part from the front and one from the back
        degree = 2 * args.context_parallel
        yield from splits("tokens of a sequence", args.sequence_length, "2 x context_parallel", degree)


def _check_degrees(args: Args, layout: Layout) -> Iterable[Problem]:
    degrees = {name: getattr(args, name) for name in _DEGREES}
    if min(degrees.values()) < 1:
        return
    wrong = list(degrees_divide(layout.world_size, **degrees))
    yield from wrong
    if not wrong:
        model = math.prod(degrees.values())
        yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size // model)
    if args.sequence_parallel and args.tensor_parallel == 1:
        yield Problem("there is no tensor parallelism whose ranks could share a sequence", "sequence_parallel")
    if args.overlap_param_gather and not (args.use_distributed_optimizer and args.overlap_grad_reduce):
        what = "Megatron wants use_distributed_optimizer and overlap_grad_reduce with it"
        yield Problem(what, "overlap_param_gather")


def _check_cpu(args: Args) -> Iterable[Problem]:
    """What needs kernels that a CPU does not have."""
    where = "runs on GPUs only"
    if args.sequence_parallel:
        yield Problem(f"{where}: torch's own LayerNorm does not know it", "sequence_parallel", "leave it off")
    if args.context_parallel > 1:
        what = f"{where}: only Transformer Engine's attention knows it"
        yield Problem(what, "context_parallel", "--set context_parallel=1")
    if args.precision == "fp16":
        what = f"{where}: on a CPU its range without fused kernels only costs time"
        yield Problem(what, "precision", "--set precision=bf16, or fp32")
    if args.source is not None:
        yield Problem(f"{where}: pretrain_gpt.py asks for CUDA", "source", "--set source=none runs our driver")


def workload(args: Args, layout: Layout) -> Workload:
    """Megatron's own count of states: 6 bytes of weights and gradients and 12 of the optimizer, or 16 in fp32."""
    model = padded(args)
    together = args.tensor_parallel * args.pipeline_parallel
    data = layout.world_size // (together * args.context_parallel)
    # Of a checkout gradients are as wide as the weights in fp16; our driver, and both in bf16, keep them in fp32.
    narrow = args.precision == "fp16" and args.source is not None
    mixed = States(parameters=2, gradients=2 if narrow else 4, optimizer=12)
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(
            tensor=args.tensor_parallel,
            pipeline=args.pipeline_parallel,
            context=args.context_parallel,
            data=data,
            shard=data * args.context_parallel,
        ),
        compute=args.precision,
        recompute=args.recompute,
        states=FP32_ADAM if args.precision == "fp32" else mixed,
        sharded=("optimizer",) if args.use_distributed_optimizer else (),
        framework="megatron-lm",
        compiled=layout.device == "cuda",  # Transformer Engine
        logit_bytes=8.0,  # vocabulary-parallel: in 16 bits, their softmax in fp32, its gradient in 16 bits
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    if args.source is not None and not Path(args.source, "pretrain_gpt.py").is_file():
        yield Problem("there is no pretrain_gpt.py", args.source, "give the folder of a Megatron-LM checkout")
    if args.dataset.startswith(INDEXED):
        yield from check_indexed(args.dataset)
        return
    yield from check_source(args.dataset, validation=False)
    if args.dataset != "synthetic":
        yield from check_tokenizer(args.tokenizer, SIZES[args.model].vocab_size)


INDEXED = "indexed:"
"""Begins a dataset that stands there already: the path of its .bin and .idx, without either."""


def check_indexed(dataset: str) -> Iterable[Problem]:
    """Both files of a prepared data set are there."""
    prefix = dataset.removeprefix(INDEXED)
    for name in (f"{prefix}.bin", f"{prefix}.idx"):
        if not Path(name).is_file():
            yield Problem("there is no such file", name, "give the path without .bin and .idx, as the nodes see it")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    prepared = args.dataset == "synthetic" or args.dataset.startswith(INDEXED)
    return ("HF_TOKEN",) if not prepared and gated(args.tokenizer) else ()


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """Which program trains, and on what."""
    if layout.device == "cpu":
        return "real-core", (
            "megatron-core's own model, parallelism, optimizer, data and checkpoints under our driver instead of "
            "pretrain_gpt.py; gloo instead of NCCL, torch's kernels instead of fused ones and Transformer Engine"
        )
    if args.source is None:
        return "real-core", "megatron-core under our driver instead of pretrain_gpt.py, with the same flags"
    return "real", ""
