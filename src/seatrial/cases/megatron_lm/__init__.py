"""Pre-training of GPT and Llama 2 models with Megatron: tensor, pipeline and data parallelism together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seatrial import versions
from seatrial.cases._rules import at_least, batch_divides, degrees_divide, positive, splits
from seatrial.cases.megatron_lm.sizes import GPT_SCALES, SIZES, Size
from seatrial.errors import Problem, unknown
from seatrial.spec import Case, CaseArgs, Expectations, Fidelity, Layout, Recipe
from seatrial.train.sources import check_source
from seatrial.train.tokenizers import check_tokenizer, gated


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in cases/megatron_lm/sizes.py."""
    source: str | None = None
    """Folder of a Megatron-LM checkout whose pretrain_gpt.py is run with the same flags; none: our driver."""
    sequence_length: int
    """Tokens per sequence."""
    global_batch_size: int
    """Sequences per optimizer step, all ranks together."""
    micro_batch_size: int = 1
    """Sequences per data-parallel rank and forward pass; the rest of the global batch is accumulated."""
    steps: int
    """Optimizer steps."""
    learning_rate: float = 1.5e-4
    """Peak learning rate."""
    min_learning_rate: float = 1e-5
    """Learning rate at the last step of a linear or cosine schedule."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after the warm-up."""
    warmup_steps: int = 0
    """Steps of linear warm-up."""
    weight_decay: float = 0.1
    """Adam's decoupled weight decay, on matrices only."""
    beta1: float = 0.9
    """Adam's first moment decay."""
    beta2: float = 0.95
    """Adam's second moment decay."""
    grad_clip: float = 1.0
    """Largest global L2 norm of the gradients; 0 does not clip, and then Megatron tells no norm."""
    dropout: float = 0.0
    """Share of activations and attention weights that are dropped."""
    seed: int = 1234
    """Decides the initial weights and the order of the data."""
    dataset: str = "hf:allenai/c4/en"
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | synthetic, made into .bin and .idx once; or indexed:PREFIX of such."""
    data_tokens: int = 0
    """Tokens to prepare; 0: as many as the steps take and a tenth more. More steps than that read them again."""
    tokenizer: str = "bytes"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub."""
    make_vocab_size_divisible_by: int = 128
    """The embedding is padded to a multiple of this times tensor_model_parallel_size."""
    split: str = "98,2,0"
    """Shares of the documents for training, validation and test."""
    num_workers: int = 2
    """Processes per rank that read data; 0: the rank itself."""
    validation_every: int = 0
    """Steps between validations, and one at the end; 0: none."""
    validation_batches: int = 10
    """Global batches of a validation."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """What the model computes in; gradients are reduced, and master weights kept, in fp32."""
    tensor_model_parallel_size: int = 1
    """Ranks that share each layer: keep it within a node."""
    pipeline_model_parallel_size: int = 1
    """Stages that the layers are dealt out to."""
    context_parallel_size: int = 1
    """Ranks that share each sequence; needs Transformer Engine."""
    sequence_parallel: bool = False
    """Split the activations between tensor-parallel regions along the sequence; needs a fused norm, so a GPU."""
    use_distributed_optimizer: bool = False
    """Split the optimizer's state over the data-parallel ranks (ZeRO-1)."""
    overlap_grad_reduce: bool = False
    """Reduce gradients while the backward pass still runs."""
    overlap_param_gather: bool = False
    """Gather updated parameters while the next forward pass runs."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Activation recomputation: none, of the attention alone, or of every layer."""
    checkpoint_every: int = 0
    """Steps between checkpoints, and one at the end; 0: none but when asked to stop."""
    checkpoint_keep: int = 2
    """Newest checkpoints that our driver keeps; pretrain_gpt.py keeps all."""
    log_every: int = 1
    """Steps between lines of the log."""
    profile_step_start: int | None = None
    """Step before which a window for Nsight Systems is opened on rank 0; start the ranks under nsys to record it."""
    profile_step_end: int | None = None
    """Step before which that window is closed."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    yield from _check_ranges(args)
    size = SIZES.get(args.model)
    if size is None:
        yield unknown("model", args.model, SIZES, "model")
    else:
        yield from _check_splits(args, size)
    yield from _check_degrees(args, layout)
    yield from _check_profile(args)
    if layout.device == "cpu":
        yield from _check_cpu(args)


def _check_ranges(args: Args) -> Iterable[Problem]:
    yield from at_least(
        args,
        1,
        "sequence_length",
        "global_batch_size",
        "micro_batch_size",
        "steps",
        "make_vocab_size_divisible_by",
        "checkpoint_keep",
        "log_every",
        *_DEGREES,
    )
    yield from at_least(
        args,
        0,
        "warmup_steps",
        "weight_decay",
        "grad_clip",
        "data_tokens",
        "num_workers",
        "validation_every",
        "checkpoint_every",
    )
    if args.validation_every and args.validation_batches < 1:
        yield Problem(f"{args.validation_batches} is less than 1", "validation_batches")
    yield from positive(args, "learning_rate")
    if not 0 <= args.min_learning_rate <= args.learning_rate:
        yield Problem(f"{args.min_learning_rate} is not between 0 and learning_rate", "min_learning_rate")
    for name in ("beta1", "beta2", "dropout"):
        if not 0 <= getattr(args, name) < 1:
            yield Problem(f"{getattr(args, name)} is not in [0, 1)", name)


_DEGREES = ("tensor_model_parallel_size", "pipeline_model_parallel_size", "context_parallel_size")


def _check_splits(args: Args, size: Size) -> Iterable[Problem]:
    """What is dealt out over ranks divides by their number."""
    if args.sequence_length > size.max_position_embeddings:
        what = (
            f"{args.sequence_length} is more than the {size.max_position_embeddings} tokens {args.model} was made for"
        )
        yield Problem(what, "sequence_length")
    tensor, pipeline = args.tensor_model_parallel_size, args.pipeline_model_parallel_size
    yield from splits("attention heads", size.num_attention_heads, "tensor_model_parallel_size", tensor)
    if size.num_query_groups != size.num_attention_heads:
        yield from splits("query groups", size.num_query_groups, "tensor_model_parallel_size", tensor)
    yield from splits("feed-forward columns", size.ffn_hidden_size, "tensor_model_parallel_size", tensor)
    yield from splits("layers", size.num_layers, "pipeline_model_parallel_size", pipeline)
    if args.sequence_parallel:
        yield from splits("tokens of a sequence", args.sequence_length, "tensor_model_parallel_size", tensor)
    if args.context_parallel_size > 1:  # each rank gets one part from the front and one from the back
        degree = 2 * args.context_parallel_size
        yield from splits("tokens of a sequence", args.sequence_length, "2 x context_parallel_size", degree)


def _check_degrees(args: Args, layout: Layout) -> Iterable[Problem]:
    degrees = {name: getattr(args, name) for name in _DEGREES}
    if min(degrees.values()) < 1:
        return
    wrong = list(degrees_divide(layout.world_size, **degrees))
    yield from wrong
    if not wrong:
        model = math.prod(degrees.values())
        yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size // model)
    if args.sequence_parallel and args.tensor_model_parallel_size == 1:
        yield Problem("there is no tensor parallelism whose ranks could share a sequence", "sequence_parallel")
    if args.overlap_param_gather and not (args.use_distributed_optimizer and args.overlap_grad_reduce):
        what = "Megatron wants use_distributed_optimizer and overlap_grad_reduce with it"
        yield Problem(what, "overlap_param_gather")


def _check_profile(args: Args) -> Iterable[Problem]:
    first, last = args.profile_step_start, args.profile_step_end
    if (first is None) != (last is None):
        yield Problem("a window has a start and an end", "profile_step_start, profile_step_end")
    elif first is not None and last is not None and not 0 <= first < last <= args.steps:
        yield Problem(f"{first} to {last} is no window within {args.steps} steps", "profile_step_start")


def _check_cpu(args: Args) -> Iterable[Problem]:
    """What needs kernels that a CPU does not have."""
    where = "runs on GPUs only"
    if args.sequence_parallel:
        yield Problem(f"{where}: torch's own LayerNorm does not know it", "sequence_parallel", "leave it off")
    if args.context_parallel_size > 1:
        what = f"{where}: only Transformer Engine's attention knows it"
        yield Problem(what, "context_parallel_size", "--set context_parallel_size=1")
    if args.precision == "fp16":
        what = f"{where}: on a CPU its range without fused kernels only costs time"
        yield Problem(what, "precision", "--set precision=bf16, or fp32")
    if args.profile_step_start is not None:
        yield Problem(f"{where}: Nsight Systems records CUDA", "profile_step_start", "leave it out")
    if args.source is not None:
        yield Problem(f"{where}: pretrain_gpt.py asks for CUDA", "source", "--set source=none runs our driver")


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


_P5 = "p5.48xlarge"
_LLAMA_TOKENIZER = "hf-internal-testing/llama-tokenizer"


def _tiny(name: str, title: str, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "model": "gpt-tiny",
        "sequence_length": 128,
        "global_batch_size": 8,
        "micro_batch_size": 2,
        "steps": 60,
        "learning_rate": 3e-3,
        "min_learning_rate": 3e-4,
        "warmup_steps": 6,
        "dataset": "stdlib",
        "data_tokens": 1_000_000,  # a second's work, and enough documents to keep some back for validation
        "split": "90,10,0",
        "num_workers": 0,
        "validation_every": 30,
        "validation_batches": 2,
        "precision": "fp32",
        "checkpoint_every": 20,
    }
    return Recipe(
        name=name,
        title=f"1.1 M parameters on this machine's Python sources, 2 CPU processes: {title}",
        args=Args(**settings | changes),
        processes_per_node=2,
        parameters=SIZES["gpt-tiny"].parameters(SIZES["gpt-tiny"].padded_vocabulary(128, 1)),
        # Bytes start at ln(384) = 5.9 nats; 60 steps reach about 3.
        expectations=Expectations(loss_decrease=2.0),
    )


def _gpt(name: str) -> Recipe:
    size, scale = SIZES[name], GPT_SCALES[name]
    args = Args(
        model=name,
        sequence_length=2048,
        global_batch_size=scale.global_batch_size,
        micro_batch_size=scale.micro_batch_size,
        steps=50,
        learning_rate=6e-5,
        min_learning_rate=6e-6,
        warmup_steps=5,
        tokenizer="openai-community/gpt2",
        data_tokens=_TOKENS,
        tensor_model_parallel_size=scale.tensor,
        pipeline_model_parallel_size=scale.pipeline,
        use_distributed_optimizer=True,
        recompute="full",
        checkpoint_every=50,
    )
    return _on_p5(name, args, size, scale.nodes)


def _llama(name: str, *, nodes: int, learning_rate: float, min_learning_rate: float, **changes: Any) -> Recipe:
    args = Args(
        model=name,
        sequence_length=4096,
        global_batch_size=2048,
        steps=50,
        learning_rate=learning_rate,
        min_learning_rate=min_learning_rate,
        warmup_steps=5,
        tokenizer=_LLAMA_TOKENIZER,
        data_tokens=_TOKENS,
        use_distributed_optimizer=True,
        checkpoint_every=50,
        **changes,
    )
    return _on_p5(name, args, SIZES[name], nodes)


def _on_p5(name: str, args: Args, size: Size, nodes: int) -> Recipe:
    vocabulary = size.padded_vocabulary(args.make_vocab_size_divisible_by, args.tensor_model_parallel_size)
    return Recipe(
        name=name,
        title=f"{name}, {args.sequence_length} tokens, {8 * nodes} GPUs",
        args=args,
        nodes=nodes,
        instance_type=_P5,
        parameters=size.parameters(vocabulary),
        # A bound of ours, from about ln(V) + 0.5: no curve was published.
        expectations=Expectations(loss_decrease=1.0),
    )


_TOKENS = 100_000_000
"""Tokens that a recipe for GPUs prepares: minutes of one process. For a long training use indexed: data."""
_OVERLAPPED = {"sequence_parallel": True, "overlap_grad_reduce": True, "overlap_param_gather": True}

RECIPES = (
    _tiny("tiny", "data parallel, distributed optimizer", use_distributed_optimizer=True),
    # Half the multiple times two ranks: the same padded vocabulary, and so the same model, as without.
    _tiny("tiny-tp2", "tensor parallel", tensor_model_parallel_size=2, make_vocab_size_divisible_by=64),
    _tiny("tiny-pp2", "pipeline of 2 stages", pipeline_model_parallel_size=2),
    _tiny("tiny-bf16", "data parallel, bf16", precision="bf16", use_distributed_optimizer=True),
    # Corrected against the published scripts: bf16, which needs no loss scale, instead of fp16; as many nodes and the
    # degrees of Megatron's own benchmark instead of TP 4 x PP 2 on 2 nodes for every size; checkpoints.
    *map(_gpt, GPT_SCALES),
    # Corrected: the true feed-forward widths; bf16; the distributed optimizer for 7B too, since 12 bytes of optimizer
    # state per parameter do not fit beside 6 of weights and gradients in 80 GB; 8 nodes for 70B, for the same reason.
    # Learning rates: arXiv:2307.09288, section 2.2.
    _llama("llama2-7b", nodes=2, learning_rate=3e-4, min_learning_rate=3e-5),
    _llama(
        "llama2-13b", nodes=2, learning_rate=3e-4, min_learning_rate=3e-5, tensor_model_parallel_size=2, **_OVERLAPPED
    ),
    _llama(
        "llama2-70b",
        nodes=8,
        learning_rate=1.5e-4,
        min_learning_rate=1.5e-5,
        tensor_model_parallel_size=4,
        pipeline_model_parallel_size=4,
        **_OVERLAPPED,
    ),
)

CASE = Case(
    name="megatron-lm",
    title="Pre-training of GPT and Llama 2 models with tensor, pipeline and data parallelism",
    framework=f"megatron-core {versions.FRAMEWORKS['megatron-core']}",
    environment="pytorch",
    pins=versions.pins("megatron-core"),
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.megatron_lm.train",
    log_reader="seatrial.cases.megatron_lm.log:Reader",
    requires=("torch", "numpy", "megatron.core", "psutil"),
    resumable=True,
    check=check,
    preflight=preflight,
    secrets=secrets,
    fidelity="real-core",
    fidelity_of=fidelity_of,
)
