"""What neuronx_distributed, or its stand-in, cannot do, said before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.arguments import batch_divides, degrees_divide, fits_context, splits
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated
from seatrial.errors import Problem, unknown
from seatrial.spec import Fidelity, Layout
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

if TYPE_CHECKING:
    from seatrial.cases.neuronx_distributed import Args

FLASH_BLOCK = 2048
"""Sequences that the flash attention kernel takes are multiples of it: kernels/flash_attn.py of the package."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    if args.model not in MODELS:
        yield unknown("model", args.model, MODELS, "model")
    elif not list(args.problems()):
        yield from _check_model(args)
        yield from _check_heads(args)
        yield from _check_layout(args, layout)
        yield from _check_device(args, layout)


def _check_model(args: Args) -> Iterable[Problem]:
    """Every matrix, the vocabulary and the sequence can be cut into as many parts as there are ranks."""
    config = MODELS[args.model]
    yield from fits_context(args.sequence_length, args.model, config)
    for name, count in (
        ("attention heads", config.num_heads),
        ("hidden units", config.intermediate_size),
        ("tokens of the vocabulary", config.vocab_size),
    ):
        yield from splits(name, count, "tensor_parallel", args.tensor_parallel)
    if args.sequence_parallel:
        yield from splits("positions", args.sequence_length, "tensor_parallel", args.tensor_parallel)
        if args.tensor_parallel == 1:
            what = "it shares a sequence among tensor-parallel ranks, and there is one"
            yield Problem(what, "sequence_parallel", "--set sequence_parallel=false")
    if args.pipeline_parallel > config.num_layers:
        what = f"{config.num_layers} layers are not enough for {args.pipeline_parallel} stages"
        yield Problem(what, "pipeline_parallel", f"--set pipeline_parallel={config.num_layers} or fewer")
    if args.flash_attention and args.sequence_length % FLASH_BLOCK:
        what = f"{args.sequence_length} is no multiple of the {FLASH_BLOCK} positions that flash attention takes"
        yield Problem(what, "sequence_length", "take a multiple, or --set flash_attention=false")


def _check_heads(args: Args) -> Iterable[Problem]:
    """Each rank has whole key/value heads, and no more copies of one than it takes for that."""
    heads, ranks, copies = MODELS[args.model].num_kv_heads, args.tensor_parallel, args.kv_replicator
    if copies == 1:
        if ranks <= heads:
            yield from splits("key/value heads", heads, "tensor_parallel", ranks)
        elif ranks % heads == 0:
            what = f"{heads} key/value heads are not enough for {ranks} tensor-parallel ranks"
            yield Problem(what, "kv_replicator", f"--set kv_replicator={ranks // heads}")
        else:
            what = f"{ranks} tensor-parallel ranks are no multiple of {heads} key/value heads"
            yield Problem(what, "tensor_parallel", f"take {heads}, or a multiple with kv_replicator")
    elif copies * heads != ranks:
        what = f"{heads} key/value heads x kv_replicator={copies} are not the {ranks} tensor-parallel ranks"
        near = ranks // heads if ranks % heads == 0 else 1
        yield Problem(what, "kv_replicator", f"--set kv_replicator={near}, or tensor_parallel={copies * heads}")


def _check_layout(args: Args, layout: Layout) -> Iterable[Problem]:
    together = args.tensor_parallel * args.pipeline_parallel
    yield from degrees_divide(
        layout.world_size, tensor_parallel=args.tensor_parallel, pipeline_parallel=args.pipeline_parallel
    )
    if layout.world_size % together == 0:
        yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size // together)
    if layout.nodes > 1 and layout.processes_per_node % args.tensor_parallel:
        what = f"groups of {args.tensor_parallel} ranks do not fit into the {layout.processes_per_node} of a node"
        yield Problem(what, "tensor_parallel", "ranks that talk in every layer stay on one node: take a smaller degree")
    if args.sequences < args.global_batch_size:
        what = f"{args.sequences} are less than one step takes"
        yield Problem(what, "sequences", f"--set sequences={args.global_batch_size} or more")


def _check_device(args: Args, layout: Layout) -> Iterable[Problem]:
    if layout.device == "cuda":
        what = "this case is made for Neuron devices; its stand-in runs on CPUs"
        yield Problem(what, "device", "take the case fsdp, torchtitan or megatron-lm on GPUs")
    elif layout.device == "neuron":
        yield from _check_package(args)
    else:
        yield from _check_standin(args)


def _check_package(args: Args) -> Iterable[Problem]:
    """What the package does otherwise than it is told, or refuses on the nodes."""
    if args.zero1 and args.grad_clip not in (0.0, 1.0):
        # initialize_optimizer_from_class of the package hands max_grad_norm to no ZeRO-1 optimizer, whose own is 1.0.
        what = "with ZeRO-1 neuronx_distributed clips at a norm of 1.0, whatever it is told"
        yield Problem(what, "grad_clip", "--set grad_clip=1.0, or 0 for none, or zero1=false")
    if not args.zero1 and args.precision == "bf16":
        what = "without ZeRO-1 neuronx_distributed keeps no fp32 weights beside those in bf16"
        yield Problem(what, "zero1", "--set zero1=true, or precision=fp32")


def _check_standin(args: Args) -> Iterable[Problem]:
    """What needs a Neuron device."""
    if args.pipeline_parallel > 1:
        what = "pipelines need Neuron devices: on a CPU there is a stand-in for tensor and data parallelism alone"
        yield Problem(what, "pipeline_parallel", "--set pipeline_parallel=1")
    if args.flash_attention:
        yield Problem("it is a kernel of Neuron devices", "flash_attention", "--set flash_attention=false")
    if args.precision != "fp32":
        yield Problem("on a CPU the stand-in computes in fp32", "precision", "--set precision=fp32")


def workload(args: Args, layout: Layout) -> Workload:
    """Parameters and fp32 gradients are whole on every replica; ZeRO-1 shares the optimizer's states among them."""
    model = MODELS[args.model]
    data = layout.world_size // (args.tensor_parallel * args.pipeline_parallel)
    wide = States(parameters=2, gradients=4, optimizer=12)  # with a master copy
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size if args.weights is None else None,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(
            tensor=args.tensor_parallel,
            pipeline=args.pipeline_parallel,
            data=data,
            shard=data if args.zero1 else 1,
        ),
        compute=args.precision,
        recompute=args.recompute,
        states=wide if args.precision == "bf16" else FP32_ADAM,
        sharded=("optimizer",) if args.zero1 else (),
        framework="neuron",
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    yield from check_source(args.dataset, validation=False)
    if args.dataset != "synthetic":
        yield from check_tokenizer(args.tokenizer, MODELS[args.model].vocab_size)
    if args.weights is not None and not (Path(args.weights) / "model").is_dir():
        remedy = "make it with python -m seatrial.cases.neuronx_distributed.convert shard"
        yield Problem("is no sharded checkpoint: there is no folder model in it", args.weights, remedy)


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    return ("HF_TOKEN",) if args.dataset != "synthetic" and gated(args.tokenizer) else ()


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """On a CPU our own layers take the package's place."""
    if layout.device == "neuron":
        return "real", ""
    return "stand-in", (
        "neuronx_distributed's layers, optimizer and checkpoints written anew over gloo, in fp32; the same model, "
        "program and configuration. The compiler, NeuronCores, pipelines and flash attention are not exercised"
    )
