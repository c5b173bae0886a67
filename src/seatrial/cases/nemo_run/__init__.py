"""NeMo 2 launched by NeMo-Run: pre-training and LoRA fine-tuning of Llama 3.1, Mixtral and DeepSeek-V3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from seatrial import versions
from seatrial.arguments import AdamWArgs, Count, Positive, SequenceArgs, ValidationArgs, WholeNumber
from seatrial.cases.nemo_run.models import MODELS
from seatrial.cases.nemo_run.rules import check, fidelity_of, preflight, secrets, workload
from seatrial.spec import Case, Expectations, Published, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, ValidationArgs, SequenceArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in cases/nemo_run/models.py."""
    engine: Literal["nemo", "megatron-core"] = "nemo"
    """What the ranks train with: NeMo's own recipe, or megatron-core under the driver of the case megatron-lm."""
    python: str | None = None
    """Python of the ranks, which NeMo-Run's own may differ from; none: the same."""
    task: Literal["pretrain", "lora", "sft"] = "pretrain"
    """Pre-training, or fine-tuning of low-rank adapters or of all weights."""
    restore: str | None = None
    """Folder of a NeMo checkpoint to fine-tune; none: what NeMo's recipe imports from the Hugging Face hub."""
    learning_rate: Positive = 3e-4
    """Peak learning rate."""
    min_learning_rate: float = 3e-5
    """Learning rate at the last step of a cosine."""
    seed: int = 1234
    """Decides the order of the data, and megatron-core's initial weights; NeMo has a seed of its own for them."""
    dataset: str = "synthetic"
    """synthetic (NeMo's mock data) | stdlib | text:GLOB | hf:NAME[/CONFIG] | indexed:PREFIX of a .bin and an .idx; for
    fine-tuning squad, or folder:PATH of training.jsonl and validation.jsonl."""
    data_tokens: WholeNumber = 0
    """Tokens to prepare; 0: as many as the steps take and a tenth more."""
    tokenizer: str = "bytes"
    """What the data is prepared with: bytes, the path of a tokenizer.json, or a name on the hub."""
    split: str = "98,2,0"
    """Shares of the documents for training, validation and test."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """What the model computes in."""
    tensor_parallel: Count = 1
    """Ranks that share each layer: keep it within a node."""
    pipeline_parallel: Count = 1
    """Stages that the layers are dealt out to."""
    virtual_pipeline: Count = 1
    """Parts of each stage, taken in turn: the interleaved schedule."""
    context_parallel: Count = 1
    """Ranks that share each sequence; needs Transformer Engine."""
    expert_parallel: Count = 1
    """Ranks that the experts of a layer are dealt out to."""
    sequence_parallel: bool = False
    """Split the activations between tensor-parallel regions along the sequence; needs a fused norm, so a GPU."""
    async_checkpoints: bool = False
    """Write checkpoints while training goes on."""


def _tiny(name: str, title: str, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "model": "llama-tiny",
        "engine": "megatron-core",
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
        "precision": "fp32",
        "validation_every": 30,
        "validation_batches": 2,
        "checkpoint_every": 20,
    }
    return Recipe(
        name=name,
        title=f"0.9 M parameters on this machine's Python sources, 2 CPU processes: {title}",
        args=Args(**settings | changes),
        processes_per_node=2,
        parameters=MODELS["llama-tiny"].padded.parameters(),
        # Bytes start at ln(384) = 5.9 nats; 60 steps reach about 3.
        expectations=Expectations(loss_decrease=2.0),
    )


def _layout(
    name: str,
    model: str,
    instance_type: str,
    gpus: int,
    *,
    published: tuple[Published, ...] = (),
    processes_per_node: int | None = None,
    nodes: int | None = None,
    **settings: Any,
) -> Recipe:
    chosen: dict[str, Any] = {"steps": 50, "warmup_steps": 5, "checkpoint_every": 50, "async_checkpoints": True}
    args = Args(model=model, **chosen | settings)
    what = {"pretrain": "pre-training", "lora": "LoRA fine-tuning", "sft": "fine-tuning of all weights"}[args.task]
    return Recipe(
        name=name,
        title=f"{MODELS[model].title}, {what}, {args.sequence_length} tokens, {gpus} GPUs",
        args=args,
        nodes=nodes or gpus // 8,
        processes_per_node=processes_per_node,
        instance_type=instance_type,
        parameters=MODELS[model].padded.parameters(),
        # Mock data has nothing to learn but its range of tokens; a bound of ours, no curve was published.
        expectations=Expectations(loss_decrease=0.5 if args.task == "pretrain" else None),
        published=published,
    )


# GPUs, batches, lengths and degrees are those of the table of configurations (PERFORMANCE.md) that was published with
# the nemo-run test case for H100 and B200, where they are called Llama 3; it holds no measured figure. Learning rates
# are those of NeMo's recipes.
_H100, _B200 = "p5.48xlarge", "p6-b200.48xlarge"
_8K: dict[str, Any] = {"sequence_length": 8192}
_8K_SHARED: dict[str, Any] = _8K | {"sequence_parallel": True}
_SFT: dict[str, Any] = {"task": "sft", "dataset": "squad", "learning_rate": 5e-6, "min_learning_rate": 0.0}

# 512 sequences x 1024 tokens / 47.0 s / 4 GPUs.
_L40S = Published(
    metric="tokens/s per accelerator",
    value=2789,
    instance_type="g6e.24xlarge",
    nodes=1,
    source="46.8 to 47.2 s for a step of 512 x 1024 tokens on 4 L40S: README of the nemo-run test case, 2025",
)

RECIPES = (
    _tiny("tiny", "data parallel, distributed optimizer"),
    _tiny("tiny-tp2", "tensor parallel", tensor_parallel=2),
    _tiny("tiny-nemo", "NeMo's own llm.pretrain, tensor parallel", engine="nemo", tensor_parallel=2),
    # Published as Llama 8B, whose model it replaces.
    _layout(
        "llama3.1-180m",
        "llama3.1-180m",
        "g6e.24xlarge",
        4,
        nodes=1,
        processes_per_node=4,
        sequence_length=1024,
        global_batch_size=512,
        validation_every=10,
        validation_batches=2,
        published=(_L40S,),
    ),
    _layout("llama3.1-8b", "llama3.1-8b", _H100, 8, global_batch_size=128, context_parallel=2, **_8K),
    _layout("llama3.1-8b-b200", "llama3.1-8b", _B200, 8, global_batch_size=128, micro_batch_size=2, **_8K),
    _layout(
        "llama3.1-70b",
        "llama3.1-70b",
        _H100,
        64,
        global_batch_size=128,
        tensor_parallel=4,
        pipeline_parallel=8,
        virtual_pipeline=5,
        **_8K_SHARED,
    ),
    _layout(
        "llama3.1-70b-b200",
        "llama3.1-70b",
        _B200,
        64,
        global_batch_size=128,
        tensor_parallel=2,
        pipeline_parallel=4,
        context_parallel=2,
        virtual_pipeline=5,
        **_8K_SHARED,
    ),
    _layout(
        "llama3.1-405b",
        "llama3.1-405b",
        _H100,
        128,
        global_batch_size=64,
        tensor_parallel=8,
        pipeline_parallel=8,
        context_parallel=2,
        virtual_pipeline=8,
        **_8K_SHARED,
    ),
    _layout(
        "mixtral-8x7b",
        "mixtral-8x7b",
        _B200,
        64,
        sequence_length=4096,
        global_batch_size=256,
        micro_batch_size=2,
        expert_parallel=8,
    ),
    _layout(
        "deepseek-v3",
        "deepseek-v3",
        _B200,
        256,
        sequence_length=4096,
        global_batch_size=2048,
        tensor_parallel=2,
        sequence_parallel=True,
        pipeline_parallel=16,
        expert_parallel=8,
    ),
    _layout("llama3.1-8b-sft", "llama3.1-8b", _B200, 8, sequence_length=16_384, global_batch_size=8, **_SFT),
    _layout(
        "llama3.1-70b-sft",
        "llama3.1-70b",
        _B200,
        32,
        sequence_length=4096,
        global_batch_size=32,
        tensor_parallel=2,
        sequence_parallel=True,
        pipeline_parallel=4,
        virtual_pipeline=5,
        **_SFT,
    ),
    _layout(
        "llama3.1-70b-lora",
        "llama3.1-70b",
        _B200,
        8,
        task="lora",
        dataset="squad",
        sequence_length=4096,
        global_batch_size=32,
        learning_rate=1e-4,
        min_learning_rate=0.0,
        pipeline_parallel=4,
        virtual_pipeline=20,
    ),
)

CASE = Case(
    name="nemo-run",
    title="Llama 3.1, Mixtral and DeepSeek-V3 with NeMo 2, launched by NeMo-Run: pre-training and LoRA",
    framework=f"NeMo-Run {versions.FRAMEWORKS['nemo-run']}",
    environment="nemo-run",
    pins=versions.pins("nemo-run"),
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.nemo_run.train",
    log_reader="seatrial.cases.nemo_run.log:Reader",
    peak_memory=None,  # of NeMo's lines
    requires=("torch", "numpy", "nemo_run", "megatron.core", "psutil"),
    launch="node",
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity_of=fidelity_of,
)
