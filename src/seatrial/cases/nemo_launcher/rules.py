"""What cannot be composed, or not trained where it shall be, said before anything starts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.arguments import batch_divides, degrees_divide, fits_context, splits
from seatrial.cases.nemo_launcher import overrides, tree
from seatrial.cases.nemo_launcher.configuration import INDEXED, MOCK, by_nemo, cluster, given, stages
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated, is_file
from seatrial.errors import Problem, unknown
from seatrial.spec import Fidelity, Layout
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

if TYPE_CHECKING:
    from seatrial.cases.nemo_launcher import Args
    from seatrial.models import Decoder


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    yield from _check_stages(args)
    if args.training not in tree.trainings():
        yield unknown("model", args.training, tree.trainings(), "training")
        return
    keys = tree.keys(args.training, cluster(layout))
    wrong = list(overrides.problems(args.overrides, keys, tree.sections(keys)))
    yield from wrong
    if wrong or list(args.problems()):
        return
    values = composed(args, layout)
    yield from _check_hooks(args, layout, values)
    yield from _check_training(args, layout, values)


def composed(args: Args, layout: Layout) -> dict[str, Any]:
    """The tree's keys and values for a job, as far as they can be known before it runs."""
    return tree.plain(args, given(args, layout), cluster(layout))


def _check_stages(args: Args) -> Iterable[Problem]:
    named = stages(args)
    yield from (unknown("stage", name, tree.STAGES, "stages") for name in named if name not in tree.STAGES)
    if "training" not in named:
        yield Problem("nothing is trained", "stages", "add training; data alone: seatrial run datasets")
    prepared = args.dataset == MOCK or args.dataset.startswith(INDEXED)
    if not prepared and "data_preparation" not in named:
        what = f"training depends on data_preparation, since {args.dataset} is not prepared"
        yield Problem(what, "stages", "--set stages=data_preparation,training, or --set dataset=indexed:PREFIX")
    if {"conversion", "evaluation"} & set(named) and args.checkpoint_every == 0:
        yield Problem("there is no checkpoint for what comes after training", "checkpoint_every", "save some")


def _check_hooks(args: Args, layout: Layout, values: dict[str, Any]) -> Iterable[Problem]:
    usual = tree.keys(args.training, cluster(layout))["conversion.command"]
    if "conversion" in stages(args) and by_nemo(args, layout) and values["conversion.command"] == usual:
        what = "reads checkpoints of our driver, not those of NeMo"
        yield Problem(what, "conversion.command", '--set overrides="conversion.command=[python,YOURS.py]"')
    if "evaluation" in stages(args) and not values["evaluation.command"]:
        yield Problem("is not given", "evaluation.command", '--set overrides="evaluation.command=[python,YOURS.py]"')


def _check_training(args: Args, layout: Layout, values: dict[str, Any]) -> Iterable[Problem]:
    from seatrial.cases.nemo_launcher import mapping  # the tables of models: the command starts without them

    training = mapping.of_training(values)
    wrong = list(mapping.undescribed(training) if by_nemo(args, layout) else mapping.refused(training))
    yield from wrong
    yield from _check_degrees(args, layout)
    if not wrong:
        yield from _check_splits(args, mapping.decoder(training, args.vocab_size))
    if layout.device == "cpu":
        yield from _check_cpu(args)


def _check_degrees(args: Args, layout: Layout) -> Iterable[Problem]:
    names = ("tensor_parallel", "pipeline_parallel", "context_parallel")
    degrees = {name: getattr(args, name) for name in names}
    wrong = list(degrees_divide(layout.world_size, **degrees))
    yield from wrong
    if not wrong:
        together = math.prod(degrees.values())
        yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size // together)
    if args.sequence_parallel and args.tensor_parallel == 1:
        yield Problem("there is no tensor parallelism whose ranks could share a sequence", "sequence_parallel")


def _check_splits(args: Args, model: Decoder) -> Iterable[Problem]:
    """What is dealt out over ranks divides by their number."""
    tensor, pipeline = args.tensor_parallel, args.pipeline_parallel
    yield from fits_context(args.sequence_length, args.training, model)
    yield from splits("hidden columns", model.hidden_size, "attention heads", model.num_heads)
    yield from splits("attention heads", model.num_heads, "tensor_parallel", tensor)
    if model.num_kv_heads != model.num_heads:
        yield from splits("attention heads", model.num_heads, "query groups", model.num_kv_heads)
        yield from splits("query groups", model.num_kv_heads, "tensor_parallel", tensor)
    yield from splits("feed-forward columns", model.intermediate_size, "tensor_parallel", tensor)
    yield from splits("layers", model.num_layers, "pipeline_parallel", pipeline)


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


def workload(args: Args, layout: Layout) -> Workload:
    """As NeMo's distributed optimizer keeps it: 6 bytes of weights and gradients and 12 of the optimizer, or 16."""
    from seatrial.cases.nemo_launcher import mapping

    training = mapping.of_training(composed(args, layout))
    model = mapping.decoder(training, args.vocab_size)
    data = layout.world_size // (args.tensor_parallel * args.pipeline_parallel * args.context_parallel)
    sharded = training["model.optim.name"] == "distributed_fused_adam"
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
        recompute=training["model.activations_checkpoint_granularity"] or "none",
        states=FP32_ADAM if args.precision == "fp32" else States(parameters=2, gradients=4, optimizer=12),
        sharded=("optimizer",) if sharded else (),
        framework="nemo",
        compiled=layout.device == "cuda",  # Transformer Engine
        logit_bytes=8.0,  # vocabulary-parallel: in 16 bits, their softmax in fp32, its gradient in 16 bits
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    if args.dataset.startswith(INDEXED):
        prefix = args.dataset.removeprefix(INDEXED)
        for name in (f"{prefix}.bin", f"{prefix}.idx"):
            if not Path(name).is_file():
                yield Problem("there is no such file", name, "give the path without .bin and .idx, as the nodes see it")
    elif args.dataset != MOCK:
        yield from check_source(args.dataset, validation=False)
        yield from check_tokenizer(args.tokenizer, args.vocab_size)
        if is_file(args.tokenizer):
            yield Problem("NeMo knows it by a name on the hub only", f"tokenizer {args.tokenizer}")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub; NeMo asks it even for mock data."""
    return ("HF_TOKEN",) if gated(args.tokenizer) else ()


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """Which program trains, and on what."""
    if by_nemo(args, layout):
        return "real", ""
    note = "Hydra composes NeMo's keys, which our driver then trains with megatron-core instead of NeMo and Lightning"
    if layout.device == "cpu":
        note += "; gloo instead of NCCL, torch's kernels instead of fused ones and Transformer Engine"
    return "stand-in", note


def untold(args: Args, layout: Layout) -> str:
    """Why the steps of such a job cannot be told."""
    return "NeMo's own program takes them" if by_nemo(args, layout) else ""
