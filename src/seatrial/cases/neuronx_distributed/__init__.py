"""Pre-training of Llama 3 on Trainium with neuronx_distributed: tensor, pipeline and data parallel, ZeRO-1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from seatrial.arguments import AdamWArgs, Count, NotNegative, Positive, SequenceArgs
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.cases.neuronx_distributed.rules import check, fidelity_of, preflight, secrets, workload
from seatrial.spec import Case, Expectations, Published, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, SequenceArgs):
    """Everything that decides a training run of this case. The learning rate falls along a cosine after the warm-up."""

    model: str
    """Architecture: a name in models.py."""
    learning_rate: Positive = 1.5e-4
    """Peak learning rate."""
    min_learning_rate: float = 0.0
    """Learning rate at the last step."""
    grad_clip: NotNegative = 1.0
    """Largest global L2 norm of the gradients; 0 does not clip, and tells no norm."""
    tensor_parallel: Count = 1
    """Ranks that share each matrix."""
    pipeline_parallel: Count = 1
    """Ranks that share the layers. Data parallelism takes what these two leave of the ranks."""
    kv_replicator: Count = 1
    """Copies of each key/value head, where there are more tensor-parallel ranks than such heads."""
    sequence_parallel: bool = False
    """Share what lies between the split matrices along the sequence, among the tensor-parallel ranks."""
    zero1: bool = True
    """ZeRO-1: replicas share the optimizer's states, and fp32 weights beside those in bf16."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Activation checkpointing: nothing; attention, from 8192 tokens on the feed-forward network too; whole layers."""
    flash_attention: bool = False
    """Neuron's flash attention kernel."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What parameters are kept and computed in."""
    seed: int = 1234
    """Decides the initial weights, the texts that are tokenised, and the order of the sequences."""
    dataset: str = "hf:allenai/c4/en"
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | synthetic."""
    tokenizer: str = "meta-llama/Meta-Llama-3-8B"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub; all sizes of Llama 3 share one."""
    sequences: Count = 94_025
    """Sequences that are tokenised before the first step; when they are used up, they come again in another order."""
    weights: str | None = None
    """Folder of a sharded checkpoint to go on from; none: from scratch. convert.py makes one."""


_TINY = Args(
    model="tiny",
    sequence_length=128,
    global_batch_size=8,
    micro_batch_size=4,
    steps=80,
    learning_rate=3e-3,
    min_learning_rate=3e-4,
    warmup_steps=8,
    tensor_parallel=2,
    sequence_parallel=True,
    precision="fp32",
    dataset="stdlib",
    tokenizer="bytes",
    sequences=2048,
    checkpoint_every=20,
)


def _tiny(name: str, how: str, args: Args, processes: int = 2) -> Recipe:
    return Recipe(
        name=name,
        title=f"0.9 M parameters on this machine's Python sources, {processes} CPU processes, {how}",
        args=args,
        processes_per_node=processes,
        parameters=MODELS["tiny"].parameters(),
        # Bytes start at ln(320) = 5.8 nats; 80 steps reach about 2.6.
        expectations=Expectations(loss_decrease=2.0),
    )


# Learning rate, decay and layout of the package's examples/training/llama, and the batch of the published log. A trial
# ends after 30 of its 30,000 steps, in the warm-up, where from scratch the loss says little: none is expected.
_70B = Args(
    model="llama3-70b",
    sequence_length=8192,
    global_batch_size=1024,
    micro_batch_size=1,
    steps=30,
    learning_rate=1.5e-5,
    min_learning_rate=1e-6,
    warmup_steps=2000,
    tensor_parallel=32,
    pipeline_parallel=8,
    kv_replicator=4,
    sequence_parallel=True,
    recompute="selective",
    flash_attention=True,
    checkpoint_every=30,
)
_8B = Args(
    model="llama3-8b",
    sequence_length=8192,
    global_batch_size=16,
    micro_batch_size=1,
    steps=100,
    learning_rate=1.5e-4,
    warmup_steps=100,
    weight_decay=0.01,
    beta2=0.999,
    tensor_parallel=32,
    kv_replicator=4,
    sequence_parallel=True,
    recompute="selective",
    flash_attention=True,
    checkpoint_every=100,
)
# From ln(128256) = 11.8 nats; the warm-up alone takes several off.
_FALLS = Expectations(loss_decrease=1.0)
# 4.03 sequences/s x 8192 tokens over 16 x 16 chips. A chip has two ranks. The log is a moving window of steps 1 to 5;
# 1024 sequences in 244.3 s, without the wait for data, would be 134.
_PUBLISHED = Published(
    metric="tokens/s per accelerator",
    value=129.0,
    instance_type="trn1.32xlarge",
    nodes=16,
    source="aws-samples/awsome-distributed-training, neuronx-distributed on Slurm, Neuron SDK 2.21, June 2025",
)

RECIPES = (
    _tiny("tiny", "tensor and sequence parallel", _TINY),
    _tiny("tiny-dp2", "data parallel with ZeRO-1", replace(_TINY, tensor_parallel=1, sequence_parallel=False)),
    _tiny(
        "tiny-kv2",
        "tensor parallel, two copies of each key/value head",
        replace(_TINY, tensor_parallel=4, kv_replicator=2),
        4,
    ),
    Recipe(
        name="llama3-8b",
        title="Llama 3 8B, 8192 tokens, TP 32 on one node",
        args=_8B,
        instance_type="trn1.32xlarge",
        parameters=8_030_261_248,
        expectations=_FALLS,
    ),
    Recipe(
        name="llama3-70b",
        title="Llama 3 70B, 8192 tokens, TP 32 x PP 8 x DP 2, ZeRO-1",
        args=_70B,
        nodes=16,
        instance_type="trn1.32xlarge",
        parameters=70_553_706_496,
        published=(_PUBLISHED,),
    ),
    # On trn2 a rank is two physical cores with 24 GiB. These layouts are ours.
    Recipe(
        name="llama3-8b-trn2",
        title="Llama 3 8B, 8192 tokens, TP 8 x DP 8 on one node, ZeRO-1",
        args=replace(_8B, tensor_parallel=8, kv_replicator=1, global_batch_size=64),
        instance_type="trn2.48xlarge",
        parameters=8_030_261_248,
        expectations=_FALLS,
    ),
    Recipe(
        name="llama3-70b-trn2",
        title="Llama 3 70B, 8192 tokens, TP 32 x PP 4 x DP 2 on four nodes, ZeRO-1",
        args=replace(_70B, pipeline_parallel=4, global_batch_size=256),
        nodes=4,
        instance_type="trn2.48xlarge",
        parameters=70_553_706_496,
    ),
)

CASE = Case(
    name="neuronx-distributed",
    title="Llama 3 on Trainium: tensor, sequence, pipeline and data parallel",
    framework="neuronx_distributed (AWS Neuron) on torch_xla; on a CPU its stand-in over gloo",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.neuronx_distributed.train",
    log_reader="seatrial.cases.neuronx_distributed.log:Reader",
    requires=("torch", "numpy"),
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity_of=fidelity_of,
)
