"""Data- and model-parallel pre-training of a Llama-family model in JAX: one program over an explicit mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from seatrial import versions
from seatrial.arguments import AdamWArgs, Count, NotNegative, Positive, SequenceArgs, ValidationArgs, WholeNumber
from seatrial.cases.jax.models import MODELS
from seatrial.cases.jax.rules import check, preflight, secrets, workload
from seatrial.spec import Case, Expectations, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, ValidationArgs, SequenceArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in models.py."""
    ici_data: WholeNumber = 1
    """Copies of the weights among the devices of a node. Of the three ici_ one may be 0: what the others leave."""
    ici_fsdp: WholeNumber = 0
    """Parts that a node's devices deal out weights, gradients and optimizer in."""
    ici_tensor: WholeNumber = 1
    """Devices of a node that share each matrix product."""
    dcn_data: WholeNumber = 1
    """Copies of the weights among the nodes. Of the two dcn_ one may be 0: what the other leaves."""
    dcn_fsdp: WholeNumber = 0
    """Parts that the nodes deal out weights, gradients and optimizer in."""
    learning_rate: Positive = 1e-4
    """Peak learning rate."""
    min_learning_rate: float = 1e-5
    """Learning rate at the last step."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after the warm-up."""
    weight_decay: NotNegative = 0.1
    """AdamW's weight decay, on matrices only."""
    seed: int = 12345
    """Decides the initial weights and the order of the data."""
    dataset: str = "hf:allenai/c4/en"
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | synthetic."""
    tokenizer: str = "bytes"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What matrix products are computed in. Parameters are stored, and gradients summed, in fp32."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Rematerialisation: keep all, keep matrix products, or keep only block inputs."""
    checkpoint_async: bool = False
    """Write checkpoints in the background."""
    log_every: Count = 1
    """Steps between step events; each reads the loss, which makes a GPU wait."""


_TINY = Args(
    model="tiny",
    sequence_length=128,
    global_batch_size=8,
    micro_batch_size=2,
    steps=100,
    learning_rate=3e-3,
    min_learning_rate=3e-4,
    warmup_steps=10,
    dataset="stdlib",
    validation_every=50,
    validation_batches=4,
    precision="fp32",
    checkpoint_every=25,
)


def _tiny(name: str, how: str, args: Args) -> Recipe:
    return Recipe(
        name=name,
        title=f"0.9 M parameters on this machine's Python sources, 2 CPU processes, {how}",
        args=args,
        processes_per_node=2,
        parameters=MODELS["tiny"].parameters(),
        # Bytes start at ln(320) = 5.8 nats; 100 steps reach about 2.5.
        expectations=Expectations(loss_decrease=2.0),
    )


RECIPES = (
    _tiny("tiny", "fully sharded", _TINY),
    _tiny("tiny-dp2", "data parallel", replace(_TINY, ici_data=2, ici_fsdp=1)),
    _tiny("tiny-tp2", "tensor parallel", replace(_TINY, ici_fsdp=1, ici_tensor=2)),
    # LmCloudSpmd2BLimitSteps as the system that Seatrial replaces starts it: 384 processes, 32 sequences each, all in
    # one fsdp axis. It names no instance type; p5 is ours. Its warm-up of 4000 steps is longer than its 300 steps.
    Recipe(
        name="2b",
        title="2 billion parameters, 1024 tokens, 384 GPUs, random tokens",
        args=Args(
            model="2b",
            sequence_length=1024,
            global_batch_size=384 * 32,
            micro_batch_size=32,
            steps=300,
            learning_rate=2.5e-4,
            min_learning_rate=2.5e-5,
            warmup_steps=30,
            weight_decay=1e-3,
            beta2=0.99,
            grad_clip=5.0,
            dataset="synthetic",
            recompute="full",
            log_every=10,
        ),
        nodes=48,
        instance_type="p5.48xlarge",
        parameters=2_136_849_408,
        # Random tokens teach nothing but their range, so that no fall can be stated.
    ),
    # Layouts and batches of the next two are ours.
    Recipe(
        name="llama3.1-8b",
        title="Llama 3.1 8B, 8192 tokens, 32 GPUs: sharded in a node, copied over the nodes",
        args=Args(
            model="llama3.1-8b",
            sequence_length=8192,
            global_batch_size=64,
            micro_batch_size=1,
            steps=100,
            warmup_steps=10,
            dcn_data=0,
            dcn_fsdp=1,
            tokenizer="meta-llama/Llama-3.1-8B",
            validation_every=50,
            checkpoint_every=50,
            checkpoint_async=True,
            recompute="full",
            log_every=5,
        ),
        nodes=4,
        instance_type="p5.48xlarge",
        parameters=8_030_261_248,
        expectations=Expectations(loss_decrease=1.0),
    ),
    Recipe(
        name="llama3.1-70b",
        title="Llama 3.1 70B, 8192 tokens, 64 GPUs: tensor parallel in a node, sharded over the nodes",
        args=Args(
            model="llama3.1-70b",
            sequence_length=8192,
            global_batch_size=64,
            micro_batch_size=1,
            steps=100,
            warmup_steps=10,
            ici_fsdp=1,
            ici_tensor=8,
            tokenizer="meta-llama/Llama-3.1-70B",
            validation_every=50,
            checkpoint_every=50,
            checkpoint_async=True,
            recompute="full",
            log_every=5,
        ),
        nodes=8,
        instance_type="p5.48xlarge",
        parameters=70_553_706_496,
        expectations=Expectations(loss_decrease=1.0),
    ),
)

CASE = Case(
    name="jax",
    title="Data- and model-parallel pre-training of a Llama-family model in JAX",
    framework="JAX (jit over a mesh), Flax NNX, Optax, Orbax",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.jax.train",
    requires=("jax", "flax", "optax", "orbax.checkpoint", "numpy"),
    environment="jax",
    pins=versions.JAX,
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity="real",
    fidelity_note="the same program and compiler as on GPUs; gloo instead of NCCL, XLA's CPU kernels instead of CUDA's",
)
