"""Pre-training of the MPT family with MosaicML Composer: its Trainer, FSDP2 or DDP, and streaming's MDS data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seatrial import versions
from seatrial.cases._rules import at_least, batch_divides, positive
from seatrial.cases.composer_mpt.models import MODELS
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer
from seatrial.errors import Problem, unknown
from seatrial.spec import Case, CaseArgs, Expectations, Fidelity, Layout, Recipe

C4 = "c4-mds-2048-gpt-neox-20b"
"""Prepared data set of the published recipes: C4 `en` in sequences of 2048 tokens of EleutherAI/gpt-neox-20b."""


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in composer_mpt/models.py."""
    parallel: Literal["fsdp2", "ddp"] = "fsdp2"
    """Shard weights, gradients and optimizer over all ranks, or keep a copy on each."""
    sequence_length: int
    """Tokens per sequence."""
    global_batch_size: int
    """Sequences per optimizer step, all ranks together."""
    micro_batch_size: int = 1
    """Sequences per rank and forward pass; the rest of the global batch is accumulated."""
    steps: int
    """Optimizer steps."""
    learning_rate: float
    """Peak learning rate."""
    min_learning_rate: float
    """Learning rate that the cosine ends at."""
    warmup_steps: int = 100
    """Steps of linear warm-up."""
    weight_decay: float = 0.0
    """Weight decay of Composer's DecoupledAdamW: not multiplied by the peak learning rate."""
    beta1: float = 0.9
    """DecoupledAdamW's first moment decay."""
    beta2: float = 0.95
    """DecoupledAdamW's second moment decay."""
    grad_clip: float = 1.0
    """Largest global L2 norm of the gradients; 0 does not clip."""
    seed: int = 17
    """Decides the initial weights and the order of the data."""
    dataset: str = f"mds:{C4}"
    """mds:NAME, prepared before | stdlib or text:GLOB, prepared by the run."""
    tokenizer: str = "EleutherAI/gpt-neox-20b"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub. Of no effect on mds:NAME."""
    sequences: int = 0
    """Sequences that the run prepares at most; 0: all that the text has. Of no effect on mds:NAME."""
    data_workers: int = 8
    """Processes per rank that read data; 0: the rank itself does."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What the model computes in; weights are stored in fp32."""
    reduce_in_bf16: bool = True
    """Reduce gradients in bf16 too: FSDP's mixed_precision PURE instead of DEFAULT."""
    reshard_after_forward: bool = True
    """Free gathered weights between forward and backward: less memory, one more all-gather per block."""
    recompute: bool = False
    """Keep only the inputs of blocks, and compute the rest again in the backward pass."""
    checkpoint_every: int = 0
    """Steps between checkpoints, and one at the end; 0: none but when asked to stop."""
    checkpoint_keep: int = 2
    """Newest checkpoints that are kept."""
    log_every: int = 1
    """Steps between blocks of the log; each makes a GPU wait."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    yield from _check_ranges(args)
    model = MODELS.get(args.model)
    if model is None:
        yield unknown("model", args.model, MODELS, "model")
    elif args.sequence_length > model.max_context and not model.alibi:
        yield Problem(
            f"{args.sequence_length} is more than the {model.max_context} positions of {args.model}", "sequence_length"
        )
    yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size)
    if layout.device == "cpu" and args.precision != "fp32":
        yield Problem("Composer computes in fp32 on a CPU", "precision", "--set precision=fp32")
    if args.parallel == "ddp" and args.recompute:
        yield Problem("is an option of FSDP2 in Composer", "recompute", "--set parallel=fsdp2, or recompute=false")
    if args.dataset != "stdlib" and args.dataset.partition(":")[0] not in ("mds", "text"):
        yield Problem(f"{args.dataset!r} is no source of this case", "dataset", "take stdlib, text:GLOB or mds:NAME")


def _check_ranges(args: Args) -> Iterable[Problem]:
    yield from at_least(args, 2, "sequence_length")
    yield from at_least(
        args, 1, "global_batch_size", "micro_batch_size", "steps", "warmup_steps", "checkpoint_keep", "log_every"
    )
    yield from at_least(args, 0, "sequences", "data_workers", "checkpoint_every", "grad_clip", "weight_decay", "seed")
    yield from positive(args, "learning_rate")
    if not 0 <= args.min_learning_rate <= args.learning_rate:
        yield Problem(f"{args.min_learning_rate} is not between 0 and learning_rate", "min_learning_rate")
    if args.warmup_steps >= args.steps:
        yield Problem(f"{args.warmup_steps} steps of warm-up leave none of {args.steps}", "warmup_steps")
    for name in ("beta1", "beta2"):
        if not 0 <= getattr(args, name) < 1:
            yield Problem(f"{getattr(args, name)} is not in [0, 1)", name)


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains. Data of mds:NAME is looked for by the run."""
    if not args.dataset.startswith("mds:"):
        yield from check_source(args.dataset, validation=False)
        yield from check_tokenizer(args.tokenizer, MODELS[args.model].vocab_size)


def fidelity_of(_: Args, layout: Layout) -> tuple[Fidelity, str]:
    """The model is ours everywhere; the rest differs on a CPU."""
    model = (
        "Composer's Trainer and streaming as installed, but the MPT model is our own definition, because llm-foundry "
        "needs older releases of torch and transformers"
    )
    cpu = "; gloo instead of NCCL, the CPU in place of CUDA devices, fp32, no fused attention"
    return "real-core", model + (cpu if layout.device == "cpu" else "")


def _tiny(name: str, parallel: Literal["fsdp2", "ddp"], title: str) -> Recipe:
    return Recipe(
        name=name,
        title=title,
        args=Args(
            model="mpt-tiny",
            parallel=parallel,
            sequence_length=256,
            global_batch_size=8,
            micro_batch_size=2,
            steps=60,
            learning_rate=3e-3,
            min_learning_rate=3e-4,
            warmup_steps=6,
            dataset="stdlib",
            tokenizer="bytes",
            sequences=2000,
            data_workers=0,
            precision="fp32",
            reduce_in_bf16=False,
            checkpoint_every=20,
        ),
        processes_per_node=2,
        parameters=MODELS["mpt-tiny"].parameters(),
        # Bytes start at about 6.2 nats, above ln(320) because weights have variance 1 / fan-in; see README.md.
        expectations=Expectations(loss_decrease=2.0),
    )


def _published(
    model: str,
    *,
    instance_type: str,
    nodes: int,
    global_batch_size: int,
    micro_batch_size: int,
    learning_rate: float,
    recompute: bool,
) -> Recipe:
    """A training file of llm-foundry (scripts/train/yamls/pretrain), cut to 200 steps."""
    config = MODELS[model]
    return Recipe(
        name=model,
        title=f"{model.upper()}, 2048 tokens, {8 * nodes} GPUs",
        args=Args(
            model=model,
            sequence_length=2048,
            global_batch_size=global_batch_size,
            micro_batch_size=micro_batch_size,
            steps=200,
            learning_rate=learning_rate,
            min_learning_rate=learning_rate / 10,
            recompute=recompute,
            checkpoint_every=100,
        ),
        nodes=nodes,
        instance_type=instance_type,
        parameters=config.parameters(),
        # From 12.0, the one loss that is published (MPT-7B, first batch). No curve is, so this bound is ours.
        expectations=Expectations(loss_decrease=1.0),
    )


_P4DE, _P5 = "p4de.24xlarge", "p5.48xlarge"

RECIPES = (
    _tiny("tiny", "fsdp2", "0.8 M parameters on this machine's Python sources, FSDP2, 2 CPU processes"),
    _tiny("tiny-ddp", "ddp", "the same model and data, DDP, 2 CPU processes"),
    _published(
        "mpt-125m",
        instance_type=_P4DE,
        nodes=1,
        global_batch_size=256,
        micro_batch_size=16,
        learning_rate=6e-4,
        recompute=False,
    ),
    _published(
        "mpt-350m",
        instance_type=_P4DE,
        nodes=1,
        global_batch_size=256,
        micro_batch_size=8,
        learning_rate=3e-4,
        recompute=False,
    ),
    _published(
        "mpt-760m",
        instance_type=_P4DE,
        nodes=1,
        global_batch_size=256,
        micro_batch_size=4,
        learning_rate=2.5e-4,
        recompute=False,
    ),
    _published(
        "mpt-1b",
        instance_type=_P4DE,
        nodes=1,
        global_batch_size=512,
        micro_batch_size=4,
        learning_rate=2e-4,
        recompute=False,
    ),
    _published(
        "mpt-3b",
        instance_type=_P4DE,
        nodes=2,
        global_batch_size=512,
        micro_batch_size=8,
        learning_rate=1.6e-4,
        recompute=True,
    ),
    _published(
        "mpt-7b",
        instance_type=_P5,
        nodes=2,
        global_batch_size=1024,
        micro_batch_size=8,
        learning_rate=1.2e-4,
        recompute=True,
    ),
    _published(
        "mpt-13b",
        instance_type=_P5,
        nodes=4,
        global_batch_size=1024,
        micro_batch_size=8,
        learning_rate=1e-4,
        recompute=True,
    ),
    _published(
        "mpt-30b",
        instance_type=_P5,
        nodes=4,
        global_batch_size=2048,
        micro_batch_size=8,
        learning_rate=1e-4,
        recompute=True,
    ),
    _published(
        "mpt-70b",
        instance_type=_P5,
        nodes=16,
        global_batch_size=2048,
        micro_batch_size=4,
        learning_rate=8e-5,
        recompute=True,
    ),
)

CASE = Case(
    name="composer-mpt",
    title="Pre-training of the MPT family with MosaicML Composer",
    framework=f"Composer {versions.FRAMEWORKS['mosaicml']}, streaming {versions.FRAMEWORKS['mosaicml-streaming']}",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.composer_mpt.train",
    requires=("torch", "composer", "streaming"),
    environment="pytorch",
    pins=versions.pins("mosaicml", "mosaicml-streaming"),
    log_reader="seatrial.cases.composer_mpt.log:Reader",
    resumable=True,
    check=check,
    preflight=preflight,
    fidelity_of=fidelity_of,
)
