"""Fully sharded data-parallel pre-training of a Llama-family model on PyTorch's FSDP2."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from seatrial.arguments import (
    AdamWArgs,
    Count,
    NotNegative,
    Positive,
    SequenceArgs,
    ValidationArgs,
    WholeNumber,
    batch_divides,
    fits_context,
)
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import check_tokenizer, gated
from seatrial.errors import Problem, unknown
from seatrial.models import LLAMA
from seatrial.spec import Case, Expectations, Layout, Recipe
from seatrial.workload import FP32_ADAM, UNIT_BYTES, Degrees, States, Workload, accumulates_whole


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, ValidationArgs, SequenceArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in seatrial/models/llama.py."""
    learning_rate: Positive = 1e-4
    """Peak learning rate."""
    min_learning_rate: float = 1e-5
    """Learning rate at the last step of a linear or cosine schedule."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after the warm-up."""
    weight_decay: NotNegative = 0.2
    """AdamW's weight decay, on matrices only."""
    seed: int = 12345
    """Decides the initial weights and the order of the data."""
    dataset: str = "hf:allenai/c4/en"
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | synthetic."""
    tokenizer: str = "bytes"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What parameters are gathered and computed in; they are stored, and gradients reduced, in fp32."""
    shard_size: WholeNumber = 0
    """Ranks that share one copy of the weights (hybrid sharding); 0: all ranks (full sharding)."""
    reshard_after_forward: bool = True
    """Free gathered weights between forward and backward: less memory, one more all-gather per block."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Activation checkpointing: keep all, keep matrix products and attention, or keep only block inputs."""
    cpu_offload: bool = False
    """Keep parameters and optimizer state in host memory."""
    compile: bool = False
    """torch.compile each block."""
    checkpoint_async: bool = False
    """Write checkpoints in the background."""
    log_every: Count = 1
    """Steps between step events; each reads the loss, which makes a GPU wait."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    model = LLAMA.get(args.model)
    if model is None:
        yield unknown("model", args.model, LLAMA, "model")
    else:
        yield from fits_context(args.sequence_length, args.model, model)
    world = layout.world_size
    yield from batch_divides(args.global_batch_size, args.micro_batch_size, world)
    if args.shard_size > 0 and world % args.shard_size:
        yield Problem(f"{world} ranks do not divide into groups of {args.shard_size}", "shard_size")
    if args.cpu_offload and layout.device == "cpu":
        yield Problem("parameters are in host memory already", "cpu_offload", "--set cpu_offload=false on a CPU")


def workload(args: Args, layout: Layout) -> Workload:
    """Everything is sharded over the ranks that share one copy; parameters are stored in fp32."""
    model = LLAMA[args.model]
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(data=layout.world_size, shard=args.shard_size or layout.world_size),
        compute=args.precision,
        recompute=args.recompute,
        states=States(parameters=0, gradients=0, optimizer=0) if args.cpu_offload else FP32_ADAM,
        sharded=("parameters", "gradients", "optimizer"),
        gathered=4.0 if args.precision == "fp32" else 2.0,
        compiled=args.compile,
        reshard_after_forward=args.reshard_after_forward,
        accumulate_whole=accumulates_whole(model.parameters()),
        unit_bytes=UNIT_BYTES,
        fused_norm=layout.device != "cpu",
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains."""
    yield from check_source(args.dataset, validation=args.validation_every > 0)
    if args.dataset != "synthetic":
        yield from check_tokenizer(args.tokenizer, LLAMA[args.model].vocab_size)
    if args.compile:
        yield from _check_compiler()


def _check_compiler() -> Iterable[Problem]:
    """torch.compile builds C++ (and on GPUs a launcher for Triton) while it trains."""
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++"))):
        yield Problem("there is no C++ compiler", "compile", "apt-get install g++, or --set compile=false")
    torch = importlib.util.find_spec("torch")
    if torch is not None and " " in str(torch.origin):
        what = f"torch cannot link what it compiles: there is a space in its own path, {torch.origin}"
        yield Problem(what, "compile", "install it elsewhere, or --set compile=false")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    return ("HF_TOKEN",) if args.dataset != "synthetic" and gated(args.tokenizer) else ()


_LLAMA2_TOKENIZER = "hf-internal-testing/llama-tokenizer"
_P5 = "p5.48xlarge"


def _published(
    name: str,
    parameters: int,
    *,
    sequence_length: int,
    steps: int,
    validation_every: int,
    checkpoint_every: int,
    tokenizer: str,
    per_rank: int = 1,
    loss_decrease: float | None = 1.0,
) -> Recipe:
    """A recipe on 4 x p5.48xlarge, 32 ranks, as the system that Seatrial replaces documents it."""
    args = Args(
        model=name,
        sequence_length=sequence_length,
        global_batch_size=32 * per_rank,
        steps=steps,
        # 0.0032 of the steps, the published fraction, is less than one step at these lengths; 10 % instead.
        warmup_steps=max(1, steps // 10),
        tokenizer=tokenizer,
        validation_every=validation_every,
        checkpoint_every=checkpoint_every,
        checkpoint_async=True,
        recompute="full",
        log_every=5,
    )
    return Recipe(
        name=name,
        title=f"{name}, {sequence_length} tokens, 32 GPUs",
        args=args,
        nodes=4,
        instance_type=_P5,
        parameters=parameters,
        expectations=Expectations(loss_decrease=loss_decrease),
    )


RECIPES = (
    Recipe(
        name="tiny",
        title="0.9 M parameters on this machine's Python sources, 2 CPU processes",
        args=Args(
            model="tiny",
            sequence_length=256,
            global_batch_size=8,
            micro_batch_size=2,
            steps=100,
            learning_rate=3e-3,
            min_learning_rate=3e-4,
            warmup_steps=10,
            weight_decay=0.1,
            dataset="stdlib",
            validation_every=50,
            validation_batches=4,
            precision="fp32",
            checkpoint_every=25,
        ),
        processes_per_node=2,
        parameters=LLAMA["tiny"].parameters(),
        # Bytes start at ln(320) = 5.8 nats; 100 steps reach about 2.5.
        expectations=Expectations(loss_decrease=2.0),
    ),
    # Corrected against the published table: true vocabularies, KV heads, tied embeddings and RoPE; Llama 3 with its
    # own tokenizer instead of Llama 2's; the context length is the length of the sequences, which were 4096 tokens
    # whatever the table said; activation offloading, which cost a multiple of its use, is left out. The loss is
    # expected to fall by a nat (from about ln V + 0.5) where there are at least 50 steps: a bound of ours, since no
    # curve was published. Below that no figure can be justified, so that finding stays UNKNOWN.
    _published(
        "llama2-7b",
        6_738_415_616,
        sequence_length=4096,
        steps=100,
        validation_every=100,
        checkpoint_every=50,
        tokenizer=_LLAMA2_TOKENIZER,
    ),
    _published(
        "llama2-13b",
        13_015_864_320,
        sequence_length=4096,
        steps=100,
        validation_every=25,
        checkpoint_every=50,
        tokenizer=_LLAMA2_TOKENIZER,
    ),
    _published(
        "llama2-70b",
        68_976_648_192,
        sequence_length=4096,
        steps=30,
        validation_every=10,
        checkpoint_every=15,
        tokenizer=_LLAMA2_TOKENIZER,
        loss_decrease=None,
    ),
    _published(
        "mathstral-7b",
        7_248_023_552,
        sequence_length=32_768,
        steps=200,
        validation_every=100,
        checkpoint_every=50,
        tokenizer="mistralai/mathstral-7B-v0.1",
    ),
    # The table's batch of 4 sequences per GPU is kept by accumulation: 4 x 32768 tokens at once do not fit.
    _published(
        "mixtral-8x7b",
        46_702_792_704,
        sequence_length=32_768,
        steps=200,
        validation_every=0,
        checkpoint_every=0,
        tokenizer="mistralai/Mixtral-8x7B-v0.1",
        per_rank=4,
    ),
    _published(
        "llama3.1-8b",
        8_030_261_248,
        sequence_length=8192,
        steps=50,
        validation_every=25,
        checkpoint_every=50,
        tokenizer="meta-llama/Llama-3.1-8B",
    ),
    # The table saves every 1000 steps of 30, that is never; 15 as for the other 70B model.
    _published(
        "llama3.1-70b",
        70_553_706_496,
        sequence_length=8192,
        steps=30,
        validation_every=10,
        checkpoint_every=15,
        tokenizer="meta-llama/Llama-3.1-70B",
        loss_decrease=None,
    ),
    _published(
        "llama3.2-1b",
        1_235_814_400,
        sequence_length=8192,
        steps=100,
        validation_every=100,
        checkpoint_every=50,
        tokenizer="meta-llama/Llama-3.2-1B",
    ),
    _published(
        "llama3.2-3b",
        3_212_749_824,
        sequence_length=8192,
        steps=100,
        validation_every=100,
        checkpoint_every=50,
        tokenizer="meta-llama/Llama-3.2-3B",
    ),
)

CASE = Case(
    name="fsdp",
    title="Fully sharded data-parallel pre-training of Llama-family models",
    framework="PyTorch FSDP2 (fully_shard)",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.fsdp.train",
    requires=("torch", "numpy"),
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity="real",
    fidelity_note="the same program and torch code as on GPUs; gloo instead of NCCL, CPU kernels instead of CUDA's",
)
