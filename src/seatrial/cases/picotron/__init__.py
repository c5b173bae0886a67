"""Pre-training in four dimensions of parallelism: picotron itself from a checkout, or our own engine in its spirit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from seatrial.arguments import Count, Positive, SequenceArgs, WholeNumber
from seatrial.cases.picotron.models import MODELS
from seatrial.cases.picotron.rules import check, fidelity_of, preflight, secrets, workload
from seatrial.spec import Case, Expectations, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(SequenceArgs):
    """Everything that decides a training run of this case. As in picotron the learning rate is constant, the optimizer
    is AdamW with torch's defaults, and gradients are not clipped."""

    model: str
    """Architecture: a name in models.py."""
    learning_rate: Positive = 3e-4
    """AdamW's learning rate."""
    tensor_parallel: Count = 1
    """Ranks that share each matrix."""
    pipeline_parallel: Count = 1
    """Ranks that share the layers."""
    context_parallel: Count = 1
    """Ranks that share each sequence. Data parallelism takes what these three leave of the ranks."""
    pipeline_schedule: Literal["1f1b", "afab"] = "1f1b"
    """One forward, one backward; or all forward, all backward, which keeps more activations."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What matrix products are computed in. The engine keeps parameters and gradients in fp32."""
    seed: int = 42
    """Decides the initial weights and the order of the data."""
    dataset: str = "hf:roneneldan/TinyStories"
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | synthetic."""
    tokenizer: str = "HuggingFaceTB/SmolLM-1.7B"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub."""
    checkpoint_every: WholeNumber = 0
    """Steps between checkpoints; 0: none, with our engine but when asked to stop."""
    checkpoint_keep: Count = 2
    """Newest checkpoints that our engine keeps; picotron keeps all."""
    log_every: Count = 1
    """Steps between metric lines of our engine; picotron prints each step."""
    source: str | None = None
    """A checkout of picotron, which is then run itself; none: our own engine."""


_STORIES = "hf:roneneldan/TinyStories"
_LLAMA_TOKENIZER = "hf-internal-testing/llama-tokenizer"


_TINY = Args(
    model="tiny",
    sequence_length=128,
    global_batch_size=8,
    micro_batch_size=2,
    steps=60,
    learning_rate=3e-3,
    precision="fp32",
    dataset="stdlib",
    tokenizer="bytes",
    checkpoint_every=20,
)


def _tiny(name: str, how: str, args: Args, processes: int = 2) -> Recipe:
    return Recipe(
        name=name,
        title=f"0.9 M parameters on this machine's Python sources, {processes} CPU processes, {how}",
        args=args,
        processes_per_node=processes,
        parameters=MODELS["tiny"].config.parameters(),
        # Bytes start at ln(320) = 5.8 nats; 60 steps reach about 2.7.
        expectations=Expectations(loss_decrease=2.0),
    )


RECIPES = (
    _tiny("tiny", "data parallel", _TINY),
    _tiny("tiny-tp2", "tensor parallel", replace(_TINY, tensor_parallel=2)),
    _tiny("tiny-pp2", "pipeline parallel (1F1B)", replace(_TINY, pipeline_parallel=2)),
    _tiny("tiny-cp2", "context parallel (ring attention)", replace(_TINY, context_parallel=2)),
    _tiny("tiny-3d", "DP 2 x TP 2 x PP 2", replace(_TINY, tensor_parallel=2, pipeline_parallel=2), processes=8),
    # The demonstration of the system that Seatrial replaces, on its 8 A10G: DP 2 x TP 2 x PP 2, 2048 tokens a step.
    # It calls the model SmolLM-1.7B; it has 5 of the 24 layers. Its published log shows warm-up only: no figure.
    Recipe(
        name="smollm-1.7b-5layers",
        title="demonstration: 5 of SmolLM-1.7B's 24 layers, DP 2 x TP 2 x PP 2",
        args=Args(
            model="smollm-1.7b-5layers",
            sequence_length=128,
            global_batch_size=16,
            micro_batch_size=4,
            steps=300,
            tensor_parallel=2,
            pipeline_parallel=2,
            dataset=_STORIES,
            checkpoint_every=300,
        ),
        instance_type="g5.48xlarge",
        parameters=536_893_440,
        expectations=Expectations(loss_decrease=1.0),
    ),
    # The same on two nodes of one GPU each, as published for Slurm.
    Recipe(
        name="smollm-1.7b-5layers-tp2",
        title="demonstration: 5 of SmolLM-1.7B's 24 layers, TP 2 over two nodes",
        args=Args(
            model="smollm-1.7b-5layers",
            sequence_length=128,
            global_batch_size=8,
            micro_batch_size=4,
            steps=300,
            tensor_parallel=2,
            dataset=_STORIES,
            checkpoint_every=300,
        ),
        nodes=2,
        processes_per_node=1,
        instance_type="g5.8xlarge",
        parameters=536_893_440,
        expectations=Expectations(loss_decrease=1.0),
    ),
    # The whole model at the context it was made for. Layout and batch are ours.
    Recipe(
        name="smollm-1.7b",
        title="SmolLM-1.7B, all 24 layers, 2048 tokens, DP 2 x TP 2 x PP 2",
        args=Args(
            model="smollm-1.7b",
            sequence_length=2048,
            global_batch_size=64,
            micro_batch_size=4,
            steps=300,
            tensor_parallel=2,
            pipeline_parallel=2,
            dataset=_STORIES,
            checkpoint_every=100,
        ),
        instance_type="p5.48xlarge",
        parameters=1_711_376_384,
        expectations=Expectations(loss_decrease=1.0),
    ),
    Recipe(
        name="llama2-7b",
        title="Llama 2 7B, 4096 tokens, DP 2 x TP 2 x PP 2",
        args=Args(
            model="llama2-7b",
            sequence_length=4096,
            global_batch_size=64,
            micro_batch_size=1,
            steps=100,
            tensor_parallel=2,
            pipeline_parallel=2,
            dataset=_STORIES,
            tokenizer=_LLAMA_TOKENIZER,
            checkpoint_every=50,
        ),
        instance_type="p5.48xlarge",
        parameters=6_738_415_616,
        expectations=Expectations(loss_decrease=1.0),
    ),
)

CASE = Case(
    name="picotron",
    title="Four dimensions of parallelism: data, tensor, pipeline, context",
    framework="picotron (Hugging Face) from a checkout, else Seatrial's own 4-D engine",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.picotron.train",
    log_reader="seatrial.cases.picotron.log:Reader",
    requires=("torch", "numpy"),
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity_of=fidelity_of,
)
