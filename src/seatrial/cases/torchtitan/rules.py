"""What torchtitan 0.2.2 cannot do, or does wrongly, said before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.arguments import batch_divides, degrees_divide, fits_context, splits
from seatrial.cases.torchtitan.flavors import FLAVORS
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import gated
from seatrial.errors import Problem, unknown
from seatrial.spec import Layout
from seatrial.workload import FP32_ADAM, Degrees, Workload

if TYPE_CHECKING:
    from seatrial.cases.torchtitan import Args

# Both are shown by tests/trials/frameworks/test_torchtitan.py, which fails as soon as they are mended.
_PIPELINE = (
    "torchtitan 0.2.2 divides a pipeline's loss by the number of tokens only where it prints it: gradients are as many "
    "times too large, which clipping hides"
)
_REPLICAS = (
    "torchtitan 0.2.2 averages the gradients of unsharded copies whose loss it has divided by all copies' tokens: they "
    "are as many times too small as there are copies"
)


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    flavor = FLAVORS.get(args.model)
    if flavor is None:
        yield unknown("model", args.model, FLAVORS, "model")
    else:
        yield from fits_context(args.sequence_length, args.model, flavor)
        yield from splits("attention heads", flavor.num_heads, "tensor_parallel", args.tensor_parallel)
        yield from splits("key-value heads", flavor.num_kv_heads, "tensor_parallel", args.tensor_parallel)
    yield from _check_layout(args, layout)
    yield from _check_float8(args)
    if layout.device == "cpu":
        yield from _check_cpu(args)


def _check_layout(args: Args, layout: Layout) -> Iterable[Problem]:
    model_parallel = {
        name: getattr(args, name) for name in ("tensor_parallel", "context_parallel", "pipeline_parallel")
    }
    world = layout.world_size
    wrong = list(degrees_divide(world, **model_parallel, data_parallel_replicate=args.data_parallel_replicate))
    yield from wrong
    if args.pipeline_parallel > 1:
        yield Problem(_PIPELINE, "pipeline_parallel", "--set pipeline_parallel=1, and more tensor_parallel")
    if wrong:
        return
    together = args.tensor_parallel * args.context_parallel * args.pipeline_parallel
    data_parallel = world // together
    yield from batch_divides(args.global_batch_size, args.micro_batch_size, data_parallel)
    pieces = args.tensor_parallel * (2 * args.context_parallel if args.context_parallel > 1 else 1)
    if args.sequence_length % pieces:
        yield Problem(f"{args.sequence_length} tokens do not divide into {pieces} pieces", "sequence_length")
    if data_parallel > args.data_parallel_replicate or args.context_parallel > 1:
        return  # something is sharded
    if args.data_parallel_replicate > 1:
        yield Problem(_REPLICAS, "data_parallel_replicate", "--set data_parallel_replicate=1")
    if together > 1 and args.precision == "bf16":
        what = "torchtitan computes in fp32 where tensor parallelism has no sharding beside it"
        yield Problem(what, "precision", "--set precision=fp32, or more ranks")


def _check_float8(args: Args) -> Iterable[Problem]:
    if args.float8_all_gather and args.float8 != "tensorwise":
        yield Problem(f"weights are not gathered in fp8 with float8={args.float8}", "float8_all_gather")
    if args.async_tensor_parallel and not (args.compile and args.tensor_parallel > 1):
        yield Problem("needs compile=true and tensor_parallel above 1", "async_tensor_parallel")


def _check_cpu(args: Args) -> Iterable[Problem]:
    """What torch's CPU kernels, or the libraries beside torchtitan, do not have."""
    if args.context_parallel > 1:
        what = "torch has no rule for splitting its CPU attention kernel along the sequence"
        yield Problem(what, "context_parallel", "--set context_parallel=1 on a CPU")
    if args.float8 != "none":
        what = "fp8 products need a GPU of compute capability 8.9 or more"
        yield Problem(what, "float8", "--set float8=none on a CPU")
    if args.compile:
        what = "torch would compile for a CPU while torchtitan's kernels stand on a placeholder of Triton"
        yield Problem(what, "compile", "--set compile=false on a CPU")


def workload(args: Args, layout: Layout) -> Workload:
    """FSDP2 shards over all ranks but those of copies, tensor and pipeline parallelism, in fp32."""
    model = FLAVORS[args.model]
    data = layout.world_size // (args.tensor_parallel * args.context_parallel * args.pipeline_parallel)
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
            shard=data * args.context_parallel // args.data_parallel_replicate,
        ),
        compute=args.precision if args.float8 == "none" else "fp8",
        recompute=args.recompute,
        states=FP32_ADAM,
        sharded=("parameters", "gradients", "optimizer"),
        gathered=4.0 if args.precision == "fp32" else 2.0,
        framework="torchtitan",
        compiled=args.compile,
        # With pipeline stages weights stay whole for all micro-batches, and gradients until the last of them.
        reshard_after_forward=args.pipeline_parallel == 1,
        accumulate_whole=args.pipeline_parallel > 1,
        # A compiled loss keeps logits and their gradient alone; one of DTensors keeps five copies in fp32.
        logit_bytes=4.0 if args.compile else 20.0 if args.tensor_parallel > 1 else 12.0,
        fused_norm=layout.device != "cpu",
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    if args.dataset != "c4" and not args.dataset.startswith("c4:"):
        if args.dataset.startswith("hf:") or args.dataset == "synthetic":
            yield Problem(
                f"torchtitan has no data set {args.dataset!r}", "dataset", "choose from: c4, c4:NAME, stdlib, text:GLOB"
            )
        else:
            yield from check_source(args.dataset, validation=False)
    folder = Path(args.tokenizer)
    if folder.is_dir() and not (folder / "tokenizer.json").is_file():
        yield Problem("there is no tokenizer.json in this folder", f"tokenizer {args.tokenizer}")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    return ("HF_TOKEN",) if not Path(args.tokenizer).is_dir() and gated(args.tokenizer) else ()
