"""Pre-training with NeMo 1: a tree of configurations, composed by Hydra, and stages that run one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from seatrial import versions
from seatrial.arguments import Count, SequenceArgs, ValidationArgs, WholeNumber
from seatrial.cases.nemo_launcher.overrides import taken
from seatrial.cases.nemo_launcher.rules import check, fidelity_of, preflight, secrets, untold, workload
from seatrial.spec import Case, Expectations, Published, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(ValidationArgs, SequenceArgs):
    """What more than NeMo must know. All else stands in the tree, cases/nemo_launcher/conf, and in `overrides`."""

    training: str
    """Model: a file of conf/training, such as gpt3/5b."""
    stages: str = "data_preparation,training"
    """Of data_preparation, training, conversion, evaluation: those that run, one after the other in this order."""
    overrides: str = ""
    """Other keys of the tree, in Hydra's syntax: "training.model.optim.lr=1e-4 +training.model.rotary_base=500000"."""
    source: str | None = "/opt/NeMo"
    """Folder of NeMo where the ranks are, on GPUs, as its container has it; none: our driver on megatron-core."""
    benchmark: bool = False
    """Measure: no validation, no checkpoints, and the result in a file with the time in its name."""
    warmup_steps: WholeNumber = 0
    """Steps in which the learning rate rises to its peak, which is in the tree."""
    seed: int = 1234
    """Decides the initial weights and the order of the data."""
    dataset: str = "mock"
    """mock | stdlib | text:GLOB | hf:NAME[/CONFIG], made into .bin and .idx once; or indexed:PREFIX of such."""
    data_tokens: WholeNumber = 0
    """Tokens to prepare; 0: as many as the steps take and a tenth more. More steps than that read them again."""
    tokenizer: str = "openai-community/gpt2"
    """bytes, or a name on the Hugging Face hub."""
    vocab_size: Count = 50_257
    """Tokens that the tokenizer knows."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """What the model computes in."""
    tensor_parallel: Count = 1
    """Ranks that share each layer: keep it within a node."""
    pipeline_parallel: Count = 1
    """Stages that the layers are dealt out to."""
    context_parallel: Count = 1
    """Ranks that share each sequence; needs Transformer Engine."""
    sequence_parallel: bool = False
    """Split the activations between tensor-parallel regions along the sequence; needs a fused norm, so a GPU."""

    def __post_init__(self) -> None:
        """An override of a key that is an argument becomes that argument; a benchmark has no validations and saves."""
        settings, rest = taken(self.overrides)
        if self.benchmark:
            settings |= {"validation_every": 0, "checkpoint_every": 0}
        for name, value in {**settings, "overrides": rest}.items():
            object.__setattr__(self, name, value)


_P4DE = "p4de.24xlarge"
_LLAMA_TOKENIZER = "hf-internal-testing/llama-tokenizer"
_README = "README of 3.test_cases/pytorch/nemo-launcher, awsome-distributed-training: a log of 2023-09-11, 40 steps"


def _tiny(name: str, title: str, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "training": "gpt3/tiny",
        "sequence_length": 128,
        "global_batch_size": 8,
        "micro_batch_size": 2,
        "steps": 60,
        "warmup_steps": 6,
        "dataset": "stdlib",
        "data_tokens": 1_000_000,  # a second's work, and enough documents to keep some back for validation
        "tokenizer": "bytes",
        "vocab_size": 257,
        "validation_every": 30,
        "validation_batches": 2,
        "precision": "fp32",
        "checkpoint_every": 20,
    }
    args = Args(**settings | changes)
    return Recipe(
        name=name,
        title=f"GPT of 1.1 M parameters on this machine's Python sources, 2 CPU processes: {title}",
        args=args,
        processes_per_node=2,
        parameters=1_104_640,
        # Bytes start at ln(384) = 5.9 nats; 60 steps reach about 3.
        expectations=Expectations(loss_decrease=2.0),
    )


def _benchmark(
    name: str, training: str, *, nodes: int, parameters: int, published: tuple[Published, ...] = (), **changes: Any
) -> Recipe:
    settings: dict[str, Any] = {
        "training": training,
        "stages": "training",
        "benchmark": True,
        "sequence_length": 2048,
        "global_batch_size": 2048,
        "warmup_steps": 2,
    }
    args = Args(**settings | changes)
    return Recipe(
        name=name,
        title=f"{name}, {args.sequence_length} tokens, {8 * nodes} GPUs: mock data, {args.steps} steps",
        args=args,
        nodes=nodes,
        instance_type=_P4DE,
        parameters=parameters,
        published=published,
    )


# 1.27 steps/s x 256 sequences x 2048 tokens / 16 GPUs. What the same documents say of 5B, 1.9 s for 640 sequences on 2
# nodes, is four times what an A100 can do at most, so that it is attached to nothing.
_PUBLISHED_126M = Published(
    metric="tokens/s per accelerator", value=41_615, instance_type=_P4DE, nodes=2, source=_README
)
_LLAMA: dict[str, Any] = {"sequence_length": 4096, "tokenizer": _LLAMA_TOKENIZER, "vocab_size": 32_000}

RECIPES = (
    _tiny("tiny", "data preparation, then training with the distributed optimizer"),
    # Half the multiple times two ranks: the same padded vocabulary, and so the same model, as without.
    _tiny(
        "tiny-tp2",
        "tensor parallel",
        tensor_parallel=2,
        overrides="training.model.make_vocab_size_divisible_by=64",
    ),
    _tiny("tiny-pp2", "pipeline of 2 stages", pipeline_parallel=2),
    _tiny("tiny-stages", "with the weights converted into one file", stages="data_preparation,training,conversion"),
    # As published by AWS's launch scripts: mock data, nodes, steps and batches; degrees of the launcher's own files.
    _benchmark(
        "gpt3-126m",
        "gpt3/126m",
        nodes=2,
        parameters=125_262_336,
        published=(_PUBLISHED_126M,),
        steps=100,
        global_batch_size=256,
        micro_batch_size=4,
    ),
    _benchmark("gpt3-5b", "gpt3/5b", nodes=2, parameters=5_047_558_144, steps=30, micro_batch_size=2),
    _benchmark(
        "gpt3-40b", "gpt3/40b", nodes=2, parameters=39_096_041_472, steps=5, tensor_parallel=8, sequence_parallel=True
    ),
    _benchmark(
        "gpt3-175b",
        "gpt3/175b",
        nodes=16,
        parameters=174_609_555_456,
        steps=5,
        tensor_parallel=4,
        pipeline_parallel=8,
        sequence_parallel=True,
    ),
    _benchmark("llama2-7b", "llama/llama2_7b", nodes=2, parameters=6_738_415_616, steps=30, **_LLAMA),
    _benchmark(
        "llama2-70b",
        "llama/llama2_70b",
        nodes=16,
        parameters=68_980_842_496,
        steps=5,
        tensor_parallel=4,
        pipeline_parallel=4,
        sequence_parallel=True,
        **_LLAMA,
    ),
)

CASE = Case(
    name="nemo-launcher",
    title="Pre-training with NeMo 1: Hydra's tree of configurations, stages one after the other",
    framework=f"NeMo 1 ({versions.BASES['nemo-launcher'].tagged}), hydra-core {versions.FRAMEWORKS['hydra-core']}",
    environment="pytorch",
    pins=versions.pins("hydra-core", "omegaconf"),
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.nemo_launcher.train",
    untold=untold,
    log_reader="seatrial.cases.nemo_launcher.log:Reader",
    peak_memory=None,  # of NeMo's lines
    requires=("torch", "numpy", "megatron.core", "hydra", "omegaconf", "psutil"),
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    secrets=secrets,
    fidelity_of=fidelity_of,
)
