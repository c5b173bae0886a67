"""Pre-training of GPT and Llama 2 models with Megatron: tensor, pipeline and data parallelism together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from seatrial import versions
from seatrial.arguments import AdamWArgs, Count, NotNegative, Positive, SequenceArgs, Share, ValidationArgs, WholeNumber
from seatrial.cases.megatron_lm.rules import check, fidelity_of, preflight, secrets, workload
from seatrial.cases.megatron_lm.sizes import GPT_SCALES, padded
from seatrial.spec import Case, Expectations, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, ValidationArgs, SequenceArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in cases/megatron_lm/sizes.py."""
    source: str | None = None
    """Folder of a Megatron-LM checkout whose pretrain_gpt.py is run with the same flags; none: our driver."""
    learning_rate: Positive = 1.5e-4
    """Peak learning rate."""
    min_learning_rate: float = 1e-5
    """Learning rate at the last step of a linear or cosine schedule."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after the warm-up."""
    weight_decay: NotNegative = 0.1
    """Adam's decoupled weight decay, on matrices only."""
    grad_clip: NotNegative = 1.0
    """Largest global L2 norm of the gradients; 0 does not clip, and then Megatron tells no norm."""
    dropout: Share = 0.0
    """Share of activations and attention weights that are dropped."""
    seed: int = 1234
    """Decides the initial weights and the order of the data."""
    dataset: str = "hf:allenai/c4/en"
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | synthetic, made into .bin and .idx once; or indexed:PREFIX of such."""
    data_tokens: WholeNumber = 0
    """Tokens to prepare; 0: as many as the steps take and a tenth more. More steps than that read them again."""
    tokenizer: str = "bytes"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub."""
    make_vocab_size_divisible_by: Count = 128
    """The embedding is padded to a multiple of this times tensor_parallel."""
    split: str = "98,2,0"
    """Shares of the documents for training, validation and test."""
    num_workers: WholeNumber = 2
    """Processes per rank that read data; 0: the rank itself."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """What the model computes in; gradients are reduced, and master weights kept, in fp32."""
    tensor_parallel: Count = 1
    """Ranks that share each layer: keep it within a node."""
    pipeline_parallel: Count = 1
    """Stages that the layers are dealt out to."""
    context_parallel: Count = 1
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
    checkpoint_keep: Count = 2
    """Newest checkpoints that our driver keeps; pretrain_gpt.py keeps all."""
    log_every: Count = 1
    """Steps between lines of the log."""


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
    args = Args(**settings | changes)
    return Recipe(
        name=name,
        title=f"1.1 M parameters on this machine's Python sources, 2 CPU processes: {title}",
        args=args,
        processes_per_node=2,
        parameters=padded(args).parameters(),
        # Bytes start at ln(384) = 5.9 nats; 60 steps reach about 3.
        expectations=Expectations(loss_decrease=2.0),
    )


def _gpt(name: str) -> Recipe:
    scale = GPT_SCALES[name]
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
        tensor_parallel=scale.tensor,
        pipeline_parallel=scale.pipeline,
        use_distributed_optimizer=True,
        recompute="full",
        checkpoint_every=50,
    )
    return _on_p5(name, args, scale.nodes)


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
    return _on_p5(name, args, nodes)


def _on_p5(name: str, args: Args, nodes: int) -> Recipe:
    return Recipe(
        name=name,
        title=f"{name}, {args.sequence_length} tokens, {8 * nodes} GPUs",
        args=args,
        nodes=nodes,
        instance_type=_P5,
        parameters=padded(args).parameters(),
        # A bound of ours, from about ln(V) + 0.5: no curve was published.
        expectations=Expectations(loss_decrease=1.0),
    )


_TOKENS = 100_000_000
"""Tokens that a recipe for GPUs prepares: minutes of one process. For a long training use indexed: data."""
_OVERLAPPED = {"sequence_parallel": True, "overlap_grad_reduce": True, "overlap_param_gather": True}

RECIPES = (
    _tiny("tiny", "data parallel, distributed optimizer", use_distributed_optimizer=True),
    # Half the multiple times two ranks: the same padded vocabulary, and so the same model, as without.
    _tiny("tiny-tp2", "tensor parallel", tensor_parallel=2, make_vocab_size_divisible_by=64),
    _tiny("tiny-pp2", "pipeline of 2 stages", pipeline_parallel=2),
    _tiny("tiny-bf16", "data parallel, bf16", precision="bf16", use_distributed_optimizer=True),
    # Corrected against the published scripts: bf16, which needs no loss scale, instead of fp16; as many nodes and the
    # degrees of Megatron's own benchmark instead of TP 4 x PP 2 on 2 nodes for every size; checkpoints.
    *map(_gpt, GPT_SCALES),
    # Corrected: the true feed-forward widths; bf16; the distributed optimizer for 7B too, since 12 bytes of optimizer
    # state per parameter do not fit beside 6 of weights and gradients in 80 GB; 8 nodes for 70B, for the same reason.
    # Learning rates: arXiv:2307.09288, section 2.2.
    _llama("llama2-7b", nodes=2, learning_rate=3e-4, min_learning_rate=3e-5),
    _llama("llama2-13b", nodes=2, learning_rate=3e-4, min_learning_rate=3e-5, tensor_parallel=2, **_OVERLAPPED),
    _llama(
        "llama2-70b",
        nodes=8,
        learning_rate=1.5e-4,
        min_learning_rate=1.5e-5,
        tensor_parallel=4,
        pipeline_parallel=4,
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
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity_of=fidelity_of,
)
