"""What picotron, or our engine, cannot do, said before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seatrial import extras
from seatrial.arguments import batch_divides, degrees_divide, fits_context, splits
from seatrial.cases.picotron.models import MODELS
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated
from seatrial.errors import Problem, unknown
from seatrial.spec import Fidelity, Layout
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

if TYPE_CHECKING:
    from seatrial.cases.picotron import Args


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    if args.model not in MODELS:
        yield unknown("model", args.model, MODELS, "model")
    elif not list(args.problems()):
        yield from _check_model(args)
        yield from _check_layout(args, layout)
    if args.source is not None:
        yield from _check_checkout(args, layout)


def _check_model(args: Args) -> Iterable[Problem]:
    """Every dimension can be cut into as many parts as there are ranks."""
    config = MODELS[args.model].config
    yield from fits_context(args.sequence_length, args.model, config)
    for name, count in (
        ("attention heads", config.num_heads),
        ("key/value heads", config.num_kv_heads),
        ("hidden units", config.intermediate_size),
        ("tokens of the vocabulary", config.vocab_size),
    ):
        yield from splits(name, count, "tensor_parallel", args.tensor_parallel)
    yield from splits("positions", args.sequence_length, "context_parallel", args.context_parallel)
    if args.pipeline_parallel > config.num_layers:
        what = f"{config.num_layers} layers are not enough for {args.pipeline_parallel} stages"
        yield Problem(what, "pipeline_parallel", f"--set pipeline_parallel={config.num_layers} or fewer")


def _check_layout(args: Args, layout: Layout) -> Iterable[Problem]:
    together = args.tensor_parallel * args.pipeline_parallel * args.context_parallel
    yield from degrees_divide(
        layout.world_size,
        tensor_parallel=args.tensor_parallel,
        pipeline_parallel=args.pipeline_parallel,
        context_parallel=args.context_parallel,
    )
    if layout.world_size % together == 0:
        yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size // together)


def _check_checkout(args: Args, layout: Layout) -> Iterable[Problem]:
    """What picotron itself cannot do."""
    fixed: Literal["bf16", "fp32"] = "fp32" if layout.device == "cpu" else "bf16"
    if args.precision != fixed:
        what = f"picotron computes in {fixed} on a {layout.device} device, whatever it is told"
        yield Problem(what, "precision", f"--set precision={fixed}")
    if args.dataset == "synthetic":
        yield Problem("picotron has no random tokens", "dataset", "--set dataset=stdlib, or a set of the hub: hf:NAME")
    if args.log_every != 1:
        yield Problem("picotron prints every step", "log_every", "--set log_every=1")
    together = args.tensor_parallel * args.pipeline_parallel * args.context_parallel
    if args.context_parallel > 1 and together == layout.world_size:
        what = (
            "picotron averages gradients over context-parallel ranks only where there are data-parallel ones too; "
            "each would train other weights"
        )
        yield Problem(what, "context_parallel", "take twice as many ranks, or our own engine: --set source=none")
    model = MODELS.get(args.model)
    if model is not None and args.tokenizer != (model.hub or "bytes"):
        what = f"picotron takes the model's own tokenizer, {model.hub or 'bytes'}"
        yield Problem(what, "tokenizer", f"--set tokenizer={model.hub or 'bytes'}")


def workload(args: Args, layout: Layout) -> Workload:
    """Data-parallel ranks keep copies: in fp32 with our engine, in bf16 with picotron's own on accelerators."""
    model = MODELS[args.model].built(checkout=args.source is not None)
    together = args.tensor_parallel * args.pipeline_parallel * args.context_parallel
    narrow = args.source is not None and layout.device != "cpu"
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
            data=layout.world_size // together,
        ),
        compute=args.precision,
        states=States(parameters=2, gradients=2, optimizer=4) if narrow else FP32_ADAM,
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    yield from check_source(args.dataset, validation=False)
    if args.dataset != "synthetic":
        yield from check_tokenizer(args.tokenizer, MODELS[args.model].config.vocab_size)
    if args.source is None:
        return
    if not (Path(args.source) / "train.py").is_file() or not (Path(args.source) / "picotron").is_dir():
        remedy = "give the folder of a clone of https://github.com/huggingface/picotron"
        yield Problem("is no checkout of picotron: train.py or the folder picotron is missing", args.source, remedy)
    missing = [name for name in ("transformers", "datasets", "tokenizers") if not extras.importable(name)]
    if missing:
        # picotron calls what transformers 5 no longer has: batch_encode_plus.
        command = extras.installing("transformers<5", "datasets", "tokenizers")
        yield Problem(f"picotron needs {', '.join(missing)}, not installed here", "source", command)


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer or configuration needs a token of the hub."""
    from_hub = [args.tokenizer] if args.dataset != "synthetic" else []
    from_hub += [MODELS[args.model].hub or ""] if args.source is not None and args.model in MODELS else []
    return ("HF_TOKEN",) if any(gated(name) for name in from_hub) else ()


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """The engine stands in for picotron on every device; a checkout is picotron."""
    if args.source is None:
        return "stand-in", (
            "our own engine, on any device: picotron's four dimensions, schedules, optimizer and log line, written "
            "anew; --set source=DIR runs picotron itself from a checkout"
        )
    if layout.device != "cpu":
        return "real", ""
    return "real", (
        "picotron's own code with torch.cuda replaced by the CPU; gloo instead of NCCL, fp32 and plain attention "
        "instead of bf16 and flash-attn"
    )
