"""What this case cannot do, said before anything starts, and what a job of it computes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seatrial.arguments import batch_divides, fits_context, splits
from seatrial.cases.jax import mesh
from seatrial.cases.jax.models import MODELS
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated
from seatrial.errors import Problem, unknown
from seatrial.models import Decoder
from seatrial.spec import Layout
from seatrial.workload import FP32_ADAM, Degrees, Workload

if TYPE_CHECKING:
    from seatrial.cases.jax import Args


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    model = MODELS.get(args.model)
    if model is None:
        yield unknown("model", args.model, MODELS, "model")
    else:
        yield from fits_context(args.sequence_length, args.model, model)
    wrong = list(mesh.problems(args, layout.nodes, layout.processes_per_node))
    yield from wrong
    if not wrong:
        found = mesh.mesh_of(args, layout.nodes, layout.processes_per_node)
        yield from batch_divides(args.global_batch_size, args.micro_batch_size, found.batch_ways)
        if model is not None:
            yield from _divides(model, found.shape)


def _divides(model: Decoder, shape: mesh.Place) -> Iterable[Problem]:
    """JAX gives every device an equal part of an array."""
    for name, count in (
        ("attention heads", model.num_heads),
        ("key/value heads", model.num_kv_heads),
        ("units of the feed-forward network", model.intermediate_size),
        ("tokens of the vocabulary", model.vocab_size),
    ):
        yield from splits(name, count, "ici_tensor", shape.tensor)
    yield from splits("hidden units", model.hidden_size, "ici_fsdp x dcn_fsdp", shape.fsdp)


def workload(args: Args, layout: Layout) -> Workload:
    """All states are dealt out over the fsdp axis, and cut by the tensor axis; parameters are stored in fp32."""
    model = MODELS[args.model]
    found = mesh.mesh_of(args, layout.nodes, layout.processes_per_node)
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(tensor=found.shape.tensor, data=found.batch_ways, shard=found.shape.fsdp),
        compute=args.precision,
        recompute=args.recompute,
        states=FP32_ADAM,
        sharded=("parameters", "gradients", "optimizer"),
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    yield from check_source(args.dataset, validation=args.validation_every > 0)
    if args.dataset != "synthetic":
        yield from check_tokenizer(args.tokenizer, MODELS[args.model].vocab_size)


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    return ("HF_TOKEN",) if args.dataset != "synthetic" and gated(args.tokenizer) else ()
