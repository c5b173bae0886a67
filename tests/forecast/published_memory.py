"""Published peaks of memory, and the jobs that they are of. What a source leaves out is said beside the row.

Of 46 published rows 11 are not here: one is of a hybrid that computes its experts again, which no workload says; two
of models (Qwen3-Next, Gemma 4) whose layers keep what nobody says; six of Qwen3-30B do not say their batch; two have an
attention that keeps its scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from seatrial.forecast.hybrid import HybridDecoder
from seatrial.forecast.published import PUBLISHED
from seatrial.hardware import GIB, MIB
from seatrial.models import LLAMA, Decoder
from seatrial.models.deepseek import LatentDecoder
from seatrial.workload import FP32_ADAM, Degrees, States, Workload


@dataclass(frozen=True, kw_only=True)
class Row:
    """One published peak."""

    name: str
    measured: float
    """Bytes."""
    of: Literal["allocated", "reserved"]
    workload: Workload
    available: float
    """Bytes of the accelerator."""
    stage: int | None = None
    """The pipeline stage whose rank was measured; None: the greatest of all ranks."""

    @property
    def kind(self) -> Literal["dense", "mixture", "hybrid"]:
        """Of the model."""
        model = self.workload.model
        return "hybrid" if isinstance(model, HybridDecoder) else "mixture" if model.num_experts else "dense"


EVERY = ("parameters", "gradients", "optimizer")
MIXED = States(parameters=2, gradients=4, optimizer=12)
H100, H100_96, A100, GB200, H200 = 80 * GIB, 96 * GIB, 80 * GIB, 189471 * MIB, 141 * GIB

# pytorch/torchtitan, benchmarks/llama3_h100_202412_torchtitan.md (2024-12): GiB reserved, the greatest of all ranks.
# The loss was not compiled then; under tensor parallelism DTensor's vocabulary-parallel one keeps five copies in fp32.
TITAN = Workload(
    model=LLAMA["llama3.1-8b"],
    parameters=LLAMA["llama3.1-8b"].parameters(),
    global_batch_size=16,
    micro_batch_size=2,
    sequence_length=8192,
    degrees=Degrees(data=8, shard=8),
    compute="bf16",
    recompute="selective",
    states=FP32_ADAM,
    sharded=EVERY,
    framework="torchtitan",
)


def titan(name: str, gib: float, **changes: object) -> Row:
    return Row(
        name=f"torchtitan {name}",
        measured=gib * GIB,
        of="reserved",
        workload=replace(TITAN, **changes),
        available=H100_96,
    )


def of_size(name: str, **degrees: int) -> dict[str, object]:
    model = LLAMA[name]
    return {"model": model, "parameters": model.parameters(), "degrees": Degrees(**degrees)}


FULL_FP8 = {"recompute": "full", "compute": "fp8", "compiled": True}
PIPELINED = {"reshard_after_forward": False, "accumulate_whole": True, "logit_bytes": 20.0}
TITANS = [
    titan("8B on 8", 82.4),
    titan("8B on 8, compiled", 77.0, compiled=True),
    titan("8B on 128", 67.0, degrees=Degrees(data=128, shard=128), global_batch_size=256),
    titan("8B on 128, compiled", 62.0, degrees=Degrees(data=128, shard=128), global_batch_size=256, compiled=True),
    titan("8B, 32k tokens", 83.9, **FULL_FP8, sequence_length=32768, micro_batch_size=1, global_batch_size=8),
    titan(
        "8B, 128k tokens", 84.0, **FULL_FP8, sequence_length=131072, micro_batch_size=1, global_batch_size=2,
        degrees=Degrees(data=2, context=4, shard=8),
    ),
    titan(
        "70B, TP 8", 71.9, **FULL_FP8, **of_size("llama3.1-70b", data=32, shard=32, tensor=8), micro_batch_size=16,
        global_batch_size=512, logit_bytes=20.0,
    ),
    titan(
        "70B, TP 8, asynchronous", 67.6, **FULL_FP8, **of_size("llama3.1-70b", data=32, shard=32, tensor=8),
        micro_batch_size=16, global_batch_size=512, logit_bytes=20.0,
    ),
    titan(
        "405B, TP 8, PP 8", 75.3, **FULL_FP8, **PIPELINED,
        **of_size("llama3.1-405b", data=8, shard=8, tensor=8, pipeline=8),
        sequence_length=32768, micro_batch_size=1, global_batch_size=64,
    ),
    titan(
        "405B, TP 8, PP 8, CP 4", 77.1, **FULL_FP8, **PIPELINED,
        **of_size("llama3.1-405b", data=2, shard=8, tensor=8, pipeline=8, context=4),
        sequence_length=131072, micro_batch_size=1, global_batch_size=16,
    ),
    # llama3-8b_h200_202506_trainy-whitefiber.md (2025-06): by then the loss was compiled, too.
    replace(
        titan(
            "8B on 32 H200", 47.96, compute="fp8", compiled=True, degrees=Degrees(data=32, shard=32),
            global_batch_size=64, logit_bytes=4.0,
        ),
        available=H200,
    ),
]  # fmt: skip

# NVIDIA/Megatron-LM, tests/functional_tests/test_cases/*/*/model_config.yaml and golden values beside it (2026-08):
# GiB allocated, on the last rank, which writes TensorBoard's file (training/global_vars.py), so in the last stage.
# How many GPUs the releases take is not said; 256 and 128 follow from their step times, 64 for DeepSeek's proxy.
GPT_15B = Decoder(
    vocab_size=256_000,
    hidden_size=6144,
    intermediate_size=24_576,
    num_layers=32,
    num_heads=48,
    num_kv_heads=8,
    max_context=4096,
    norm="layer",
    gated=False,
)
GPT_7B = Decoder(
    vocab_size=131_072,
    hidden_size=4096,
    intermediate_size=16_384,
    num_layers=32,
    num_heads=32,
    num_kv_heads=8,
    max_context=8192,
    positions="learned",
    norm="layer",
    gated=False,
    bias=True,
)
MIXTRAL = replace(LLAMA["mixtral-8x7b"], vocab_size=256_000)
DEEPSEEK = LatentDecoder(
    vocab_size=258_560,  # 256000 tokens, padded to a multiple of 2 x 3232
    hidden_size=7168,
    intermediate_size=2048,
    num_layers=15,  # 14, and the one that predicts a second token
    num_heads=128,
    num_kv_heads=128,
    max_context=4096,
    num_experts=64,
    experts_per_token=8,
    query_rank=1536,
    kv_rank=512,
    rotary_width=64,
    plain_width=128,
    dense_layers=3,
    dense_intermediate_size=18_432,
    shared_experts=1,
)


def megatron(
    name: str, gib: float, model: Decoder, batch: tuple[int, int, int], degrees: Degrees, available: float,
    **changes: object,
) -> Row:  # fmt: skip
    of_all, of_micro, length = batch
    workload = Workload(
        model=model,
        parameters=model.parameters(),
        global_batch_size=of_all,
        micro_batch_size=of_micro,
        sequence_length=length,
        degrees=degrees,
        compute="bf16",
        states=MIXED,
        sharded=("optimizer",),
        framework="Megatron-LM",
        compiled=True,
        logit_bytes=8.0,
    )
    return Row(
        name=f"Megatron-LM {name}",
        measured=gib * GIB,
        of="allocated",
        workload=replace(workload, **changes),
        available=available,
        stage=degrees.pipeline - 1,
    )


WIDE = Degrees(tensor=8, data=32, shard=32)
DEEP = Degrees(tensor=4, pipeline=2, data=32, shard=32)
SEVEN = Degrees(tensor=4, data=2, shard=2)
MIXTURE = Degrees(tensor=2, pipeline=4, expert=4, data=16, shard=16)
PROXY = Degrees(tensor=2, pipeline=2, expert=8, data=16, shard=16)
WHOLE = {"sequence_parallel": False, "dropout": True}
MEGATRONS = [
    *(
        megatron(f"15B, TP 8, {where}", gib, GPT_15B, (384, 4, 4096), WIDE, available)
        for where, gib, available in (
            ("H100", 26.23, H100),
            ("A100", 26.44, A100),
            ("short, GB200", 26.18, GB200),
            ("short, H100", 26.23, H100),
            ("short, A100", 26.44, A100),
        )
    ),
    megatron("15B, TP 4, PP 2", 39.71, GPT_15B, (384, 4, 4096), DEEP, GB200, virtual_stages=2),
    *(
        megatron(f"7B, TP 4, {where}", gib, GPT_7B, (8, 2, 8192), SEVEN, available, **WHOLE)
        for where, gib, available in (("A100", 54.19, A100), ("GB200", 54.22, GB200), ("H100", 53.22, H100))
    ),
    *(
        megatron(f"Mixtral 8x7B, {where}", gib, MIXTRAL, (1024, 1, 4096), MIXTURE, available)
        for where, gib, available in (("H100", 24.68, H100), ("A100", 24.92, A100), ("short, H100", 25.74, H100))
    ),
    *(
        megatron(
            f"DeepSeek's proxy, {where}", gib, DEEPSEEK, (512, 4, 4096), PROXY, GB200, expert_tensor=1,
            stage_layers=(7, 8),
        )
        for where, gib in (("GB200", 93.95), ("short, GB200", 113.43))
    ),
]  # fmt: skip

# NVIDIA-NeMo/Megatron-Bridge, skills/*/card.yaml (2026-07, 2026-08): GB allocated. Its recipes reduce gradients in
# bf16; Moonlight's keeps the moments in bf16 too, and 4 bytes of each weight (recipes/moonlight/moonlight_16b.py).
MOONLIGHT = LatentDecoder(
    vocab_size=163_840,
    hidden_size=2048,
    intermediate_size=1408,
    num_layers=27,
    num_heads=16,
    num_kv_heads=16,
    max_context=8192,
    num_experts=64,
    experts_per_token=6,
    query_rank=0,  # it has none: queries are made of the hidden state, by a matrix that is not counted here
    kv_rank=512,
    rotary_width=64,
    plain_width=128,
    dense_layers=1,
    dense_intermediate_size=11_264,
    shared_experts=2,
)
SFT = megatron(
    "", 0, LLAMA["llama3.1-70b"], (32, 1, 4096), Degrees(tensor=4, pipeline=8), H100, compute="fp8", virtual_stages=5,
    states=States(parameters=2, gradients=2, optimizer=12), framework="Megatron-Bridge",
)  # fmt: skip
SMALL = megatron(
    "", 0, MOONLIGHT, (4, 1, 4096), Degrees(tensor=2, expert=8, data=4, shard=4), H100, expert_tensor=1,
    states=States(parameters=2, gradients=2, optimizer=8), framework="Megatron-Bridge",
)  # fmt: skip
BRIDGES = [
    replace(SFT, name="Megatron-Bridge 70B, TP 4, PP 8", measured=53.2e9, stage=None),
    *(
        replace(SMALL, name=f"Megatron-Bridge Moonlight, {again} again", measured=gb * 1e9)
        for again, gb in (
            ("nothing", 36.618),
            ("attention", 36.614),
            ("up-projections", 35.902),
            ("up-projections and MLP", 35.917),
            ("activations", 35.941),
            ("norms and activations", 35.949),
        )
    ),
]

# Hybrids with Mamba-2. Megatron-LM, test_cases/nemotron/nemotron3_super_release_gb200 and its twin _sm (2026-08), in
# MXFP8, whose weights are kept by rows and by columns: 64 GPUs follow from the step's time. Megatron-Bridge,
# examples/model_verification_cards/nemotron-3.5-lightning (2026-07): 8 GPUs; its two predictions share a block, which
# is counted twice here: 2.4 GiB.
SUPER = megatron(
    "", 0, PUBLISHED["nemotron-3-super"], (512, 1, 8192), Degrees(tensor=2, expert=64, data=32, shard=32), GB200,
    compute="fp8", expert_tensor=1, states=States(parameters=2, gradients=2, optimizer=12), reduced=2.0,
)  # fmt: skip
LIGHTNING = megatron(
    "", 0, replace(PUBLISHED["nemotron-3-nano"], predicted=2), (512, 2, 8192), Degrees(expert=8, data=8, shard=8),
    GB200, expert_tensor=1, states=SUPER.workload.states, reduced=2.0, framework="Megatron-Bridge",
)  # fmt: skip
HYBRIDS = [
    replace(SUPER, name="Megatron-LM Nemotron 3 Super", measured=116.74 * GIB),
    replace(SUPER, name="Megatron-LM Nemotron 3 Super, short", measured=105.70 * GIB),
    replace(LIGHTNING, name="Megatron-Bridge Nemotron 3.5 Lightning", measured=156.85 * GIB),
]

ROWS = [*TITANS, *MEGATRONS, *BRIDGES, *HYBRIDS]

OUT_OF_MEMORY = replace(SFT.workload, degrees=Degrees(tensor=4, pipeline=4, data=2, shard=2))
"""The same job with half as many stages ran out of an H100's memory, by fragmentation (memory-tuning/card.yaml)."""
