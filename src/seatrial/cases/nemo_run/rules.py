"""What NeMo and its launcher cannot do, or not on this machine, said before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.arguments import batch_divides, degrees_divide, fits_context, splits
from seatrial.cases import megatron_lm
from seatrial.cases.nemo_run.megatron import TRAINS, megatron_args
from seatrial.cases.nemo_run.models import MODELS, VOCABULARY_MULTIPLE, Model
from seatrial.errors import Problem, unknown
from seatrial.spec import Fidelity, Layout
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

if TYPE_CHECKING:
    from seatrial.cases.nemo_run import Args

FINE_TUNING = ("lora", "sft")
FOLDER = "folder:"
"""Begins a data set for fine-tuning of the user's own: the folder of its training.jsonl and validation.jsonl."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    model = MODELS.get(args.model)
    if model is None:
        yield unknown("model", args.model, MODELS, "model")
        return
    if args.engine == "megatron-core":
        yield from _check_megatron(args, layout)
        return
    yield from _check_splits(args, model)
    yield from _check_degrees(args, layout)
    yield from _check_task(args, model)
    if layout.device == "cpu":
        yield from _check_cpu(args)


_OF_MEGATRON = {"task": "pretrain", "virtual_pipeline": 1, "expert_parallel": 1, "async_checkpoints": False}


def _check_megatron(args: Args, layout: Layout) -> Iterable[Problem]:
    """What only NeMo does, and what megatron-lm refuses itself."""
    for name, plain in _OF_MEGATRON.items():
        if getattr(args, name) != plain:
            yield Problem("only NeMo does it", name, f"--set engine=nemo, or --set {name}={plain}")
    if args.model not in TRAINS:
        yield Problem(f"only NeMo trains {args.model}", "model", "--set engine=nemo, or --set model=llama-tiny")
    elif VOCABULARY_MULTIPLE % args.tensor_parallel:
        yield _vocabulary(args)
    else:
        yield from megatron_lm.CASE.check(megatron_args(args), layout)


def _vocabulary(args: Args) -> Problem:
    what = f"{args.tensor_parallel} ranks cannot share a vocabulary that is padded to {VOCABULARY_MULTIPLE}"
    return Problem(what, "tensor_parallel", "take a power of 2")


def _check_splits(args: Args, model: Model) -> Iterable[Problem]:
    """What is dealt out over ranks divides by their number."""
    size, tensor = model.decoder, args.tensor_parallel
    yield from fits_context(args.sequence_length, args.model, size)
    yield from splits("attention heads", size.num_heads, "tensor_parallel", tensor)
    yield from splits("query groups", size.num_kv_heads, "tensor_parallel", tensor)
    yield from splits("feed-forward columns", size.intermediate_size, "tensor_parallel", tensor)
    if VOCABULARY_MULTIPLE % tensor:
        yield _vocabulary(args)
    if args.model != "deepseek-v3":  # whose recipe gives the first and the last stage fewer layers than the others
        parts = args.pipeline_parallel * args.virtual_pipeline
        # NeMo's recipe counts embedding and loss of 405B, with 126 layers, as a layer each.
        layers = size.num_layers + (2 if args.model == "llama3.1-405b" else 0)
        yield from splits("layers", layers, "pipeline_parallel x virtual_pipeline", parts)
    if args.expert_parallel > 1 and not size.num_experts:
        yield Problem(f"{args.model} has no experts", "expert_parallel", "--set expert_parallel=1")
    elif size.num_experts:
        yield from splits("experts", size.num_experts, "expert_parallel", args.expert_parallel)
    if args.virtual_pipeline > 1 and args.pipeline_parallel == 1:
        yield Problem("there is no pipeline whose stages could have parts", "virtual_pipeline")
    if args.context_parallel > 1:  # each rank gets one part from the front and one from the back
        degree = 2 * args.context_parallel
        yield from splits("tokens of a sequence", args.sequence_length, "2 x context_parallel", degree)
    if args.sequence_parallel:
        if tensor == 1:
            yield Problem("there is no tensor parallelism whose ranks could share a sequence", "sequence_parallel")
        yield from splits("tokens of a sequence", args.sequence_length, "tensor_parallel", tensor)


def _check_degrees(args: Args, layout: Layout) -> Iterable[Problem]:
    degrees = {name: getattr(args, name) for name in ("tensor_parallel", "pipeline_parallel", "context_parallel")}
    wrong = list(degrees_divide(layout.world_size, **degrees))
    yield from wrong
    if wrong:
        return
    data = _data_parallel(args, layout)
    yield from batch_divides(args.global_batch_size, args.micro_batch_size, data)
    shared = data * args.context_parallel
    if shared % args.expert_parallel:
        what = f"{shared} data- and context-parallel ranks do not divide into groups of {args.expert_parallel}"
        yield Problem(what, "expert_parallel")


def _check_task(args: Args, model: Model) -> Iterable[Problem]:
    tuning = args.task in FINE_TUNING
    own = args.dataset == "squad" or args.dataset.startswith(FOLDER)
    if tuning and not own:
        yield Problem(f"{args.dataset!r} is no data to fine-tune on", "dataset", "squad, or folder:PATH")
    if not tuning and own:
        yield Problem(f"{args.dataset!r} is data to fine-tune on", "dataset", "synthetic, or indexed:PREFIX")
    if tuning and model.replaced:
        yield Problem(f"nobody published weights of {args.model}", "model", "take llama3.1-8b, llama3.1-70b, ...")
    if not tuning and args.restore is not None:
        yield Problem("pre-training begins with weights of its own", "restore", "--set restore=none")


def _check_cpu(args: Args) -> Iterable[Problem]:
    """What needs kernels that a CPU does not have."""
    where = "runs on GPUs only"
    if args.sequence_parallel:
        yield Problem(f"{where}: torch's own norm does not know it", "sequence_parallel", "leave it off")
    if args.context_parallel > 1:
        what = f"{where}: only Transformer Engine's attention knows it"
        yield Problem(what, "context_parallel", "--set context_parallel=1")
    if args.dataset == "synthetic":
        what = f"{where}: NeMo's mock data has no attention mask, which plain attention needs"
        yield Problem(what, "dataset", "--set dataset=stdlib")
    if not MODELS[args.model].replaced:
        yield Problem(f"{args.model} {where}", "model", "--set model=llama-tiny")


def _data_parallel(args: Args, layout: Layout) -> int:
    return layout.world_size // (args.tensor_parallel * args.pipeline_parallel * args.context_parallel)


def workload(args: Args, layout: Layout) -> Workload:
    """Megatron's states: 6 bytes of weights and gradients and 12 of the optimizer, or 16 in fp32.

    Of LoRA the adapters have them, each rank all of them: NeMo's recipes shard no optimizer there.
    """
    if args.engine == "megatron-core":
        return megatron_lm.CASE.workload(megatron_args(args), layout)  # type: ignore[return-value]
    model, data = MODELS[args.model].padded, _data_parallel(args, layout)
    adapters = MODELS[args.model].adapters.parameters(model) if args.task == "lora" else 0
    mixed = States(parameters=2, gradients=4, optimizer=12)
    return Workload(
        model=model,
        parameters=adapters or model.parameters(),
        frozen=model.parameters() if adapters else 0,
        classes=model.vocab_size if args.task == "pretrain" else None,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(
            tensor=args.tensor_parallel,
            pipeline=args.pipeline_parallel,
            context=args.context_parallel,
            expert=args.expert_parallel,
            data=data,
            shard=data * args.context_parallel,
        ),
        compute=args.precision,
        states=FP32_ADAM if args.precision == "fp32" else mixed,
        sharded=() if adapters else ("optimizer",),
        framework="nemo",
        virtual_stages=args.virtual_pipeline,
        compiled=layout.device == "cuda",  # Transformer Engine
        logit_bytes=8.0,  # vocabulary-parallel: in 16 bits, their softmax in fp32, its gradient in 16 bits
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    if args.python is not None and not Path(args.python).is_file():
        yield Problem("there is no such Python", f"python {args.python}", "seatrial env create nemo prints its folder")
    if args.engine == "nemo" and args.python is None:
        what = "NeMo is in an environment of its own, 2.2 GB, which is not made unasked"
        remedy = 'seatrial env create nemo, then --set python="$(seatrial env create nemo)/bin/python"'
        yield Problem(what, "python", remedy)
    if args.task == "pretrain" and args.dataset != "synthetic":
        yield from megatron_lm.CASE.preflight(megatron_args(args))


def secrets(args: Args) -> Iterable[str]:
    """Gated weights, or a gated tokenizer, need a token of the hub."""
    if args.task in FINE_TUNING:
        return ("HF_TOKEN",) if args.restore is None else ()
    return () if args.dataset == "synthetic" else megatron_lm.CASE.secrets(megatron_args(args))


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """Which program trains, and on what."""
    if args.engine == "megatron-core":
        where = "; gloo and torch's kernels" if layout.device == "cpu" else ""
        return "real-core", (
            "NeMo-Run itself launches, with its LocalExecutor and torchrun, but megatron-core under the driver of "
            f"megatron-lm instead of NeMo's recipe{where}"
        )
    if layout.device == "cpu":
        return "real-core", (
            "NeMo-Run and NeMo's own llm.pretrain with a small model in place of the recipe's; gloo instead of NCCL, "
            "torch's kernels instead of fused ones and Transformer Engine, plain in place of distributed Adam"
        )
    return "real", ""
