"""Pre-training of the MPT family with MosaicML Composer: its Trainer, FSDP2 or DDP, and streaming's MDS data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from seatrial import versions
from seatrial.arguments import AdamWArgs, Count, NotNegative, SequenceArgs, WholeNumber, at_least, batch_divides
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer
from seatrial.errors import Problem, unknown
from seatrial.models import MPT
from seatrial.spec import Case, Expectations, Fidelity, Layout, Recipe
from seatrial.workload import FP32_ADAM, Degrees, Workload

C4 = "c4-mds-2048-gpt-neox-20b"
"""Prepared data set of the published recipes: C4 `en` in sequences of 2048 tokens of EleutherAI/gpt-neox-20b."""


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, SequenceArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in seatrial/models/mpt.py."""
    parallel: Literal["fsdp2", "ddp"] = "fsdp2"
    """Shard weights, gradients and optimizer over all ranks, or keep a copy on each."""
    sequence_length: Annotated[int, at_least(2)]
    """Tokens per sequence."""
    min_learning_rate: float
    """Learning rate that the cosine ends at."""
    warmup_steps: Count = 100
    """Steps of linear warm-up."""
    weight_decay: NotNegative = 0.0
    """Weight decay of Composer's DecoupledAdamW: not multiplied by the peak learning rate."""
    seed: WholeNumber = 17
    """Decides the initial weights and the order of the data."""
    dataset: str = f"mds:{C4}"
    """mds:NAME, prepared before | stdlib or text:GLOB, prepared by the run."""
    tokenizer: str = "EleutherAI/gpt-neox-20b"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub. Of no effect on mds:NAME."""
    sequences: WholeNumber = 0
    """Sequences that the run prepares at most; 0: all that the text has. Of no effect on mds:NAME."""
    data_workers: WholeNumber = 8
    """Processes per rank that read data; 0: the rank itself does."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What the model computes in; weights are stored in fp32."""
    reduce_in_bf16: bool = True
    """Reduce gradients in bf16 too: FSDP's mixed_precision PURE instead of DEFAULT."""
    reshard_after_forward: bool = True
    """Free gathered weights between forward and backward: less memory, one more all-gather per block."""
    recompute: bool = False
    """Keep only the inputs of blocks, and compute the rest again in the backward pass."""
    log_every: Count = 1
    """Steps between blocks of the log; each makes a GPU wait."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    model = MPT.get(args.model)
    if model is None:
        yield unknown("model", args.model, MPT, "model")
    elif args.sequence_length > model.max_context and model.positions != "alibi":
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


def workload(args: Args, layout: Layout) -> Workload:
    """Weights are stored in fp32; FSDP2 shards all states over all ranks, DDP none."""
    model = MPT[args.model]
    sharded = args.parallel == "fsdp2"
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(data=layout.world_size, shard=layout.world_size if sharded else 1),
        compute=args.precision,
        recompute="full" if args.recompute else "none",
        states=FP32_ADAM,
        sharded=("parameters", "gradients", "optimizer") if sharded else (),
        framework="llm-foundry",
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains. Data of mds:NAME is looked for by the run."""
    if not args.dataset.startswith("mds:"):
        yield from check_source(args.dataset, validation=False)
        yield from check_tokenizer(args.tokenizer, MPT[args.model].vocab_size)


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
        parameters=MPT["mpt-tiny"].parameters(),
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
    config = MPT[model]
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
    workload=workload,
    preflight=preflight,
    fidelity_of=fidelity_of,
)
