"""Memory by hand, by properties, and against published peaks."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.forecast import activations, memory, stages
from seatrial.forecast.hybrid import as_hybrid
from seatrial.forecast.mixtures import MIXTURES
from seatrial.forecast.published import PUBLISHED
from seatrial.models import DEEPSEEK, ESM, GPT, LLAMA, MPT, Decoder
from seatrial.workload import FP32_ADAM, Degrees, States, Workload
from tests.forecast.published_memory import GPT_7B, ROWS, Row

B = 70_553_706_496
"""Parameters of Llama 3.1 70B."""
WHOLE = Workload(
    model=LLAMA["llama3.1-70b"],
    parameters=B,
    global_batch_size=32,
    micro_batch_size=1,
    sequence_length=8192,
    degrees=Degrees(data=32, shard=32),
    compute="bf16",
    states=FP32_ADAM,
    sharded=("parameters", "gradients", "optimizer"),
)
MEGATRON = replace(
    WHOLE,
    degrees=Degrees(tensor=4, pipeline=4, context=2, data=4, shard=8),
    states=States(parameters=2, gradients=4, optimizer=12),
    sharded=("optimizer",),
    framework="Megatron-LM",
    compiled=True,
    logit_bytes=8.0,
)


def test_fully_sharded_states_are_dealt_out_among_all_ranks() -> None:
    held = memory.floor(WHOLE)
    assert (held.parameters, held.gradients, held.optimizer) == (4 * B / 32, 4 * B / 32, 8 * B / 32)
    assert held.states == 16 * B / 32


def test_copies_hold_everything() -> None:
    assert memory.floor(replace(WHOLE, degrees=Degrees(data=32, shard=8))).states == 16 * B / 8
    assert memory.floor(replace(WHOLE, sharded=())).states == 16 * B


def test_megatron_s_count_with_the_distributed_optimizer() -> None:
    """6 + 12 / DP bytes of each parameter that tensor and pipeline parallelism leave to a rank."""
    assert memory.floor(MEGATRON).states == pytest.approx(B / 16 * (6 + 12 / 8))


def test_experts_are_divided_by_their_own_degree() -> None:
    model = LLAMA["mixtral-8x7b"]
    experts = 32 * 8 * 3 * 4096 * 14_336
    mixture = replace(WHOLE, model=model, parameters=model.parameters(), sharded=(), degrees=Degrees(data=8, expert=8))
    dense = model.parameters() - experts
    assert memory.floor(mixture).states == 16 * (dense + experts / 8)
    sharded = replace(mixture, degrees=Degrees(data=8, expert=8, shard=8), sharded=("optimizer",))
    assert memory.floor(sharded).optimizer == 8 * model.parameters() / 8, "out of the same ranks"
    alone = replace(mixture, degrees=Degrees(data=4, tensor=2, expert=8), expert_tensor=1)
    together = replace(alone, degrees=Degrees(data=4, tensor=2, expert=4), expert_tensor=2)
    assert memory.floor(alone).states == 16 * (dense / 2 + experts / 8) == memory.floor(together).states


def test_what_is_not_a_decoder_has_parameters_all_the_same() -> None:
    unknown = replace(WHOLE, model=None, parameters=1000, sharded=())
    assert memory.floor(unknown).states == 16_000
    _, found = memory.fullest(unknown, on_gpu=False)
    assert found.total == 16_000


@pytest.mark.parametrize("name", sorted({**LLAMA, **GPT, **MPT, **ESM, **DEEPSEEK}))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_stages_hold_every_parameter_once_and_copy_what_is_tied(name: str, count: int) -> None:
    model = {**LLAMA, **GPT, **MPT, **ESM, **DEEPSEEK}[name]
    workload = replace(WHOLE, model=model, degrees=Degrees(pipeline=count))
    parts = [stages.held(model, stages.stage(workload, model, index)).total for index in range(count)]
    matrix = model.vocab_size * model.hidden_size
    tied = model.tie_embeddings if isinstance(model, Decoder) else True
    assert sum(parts) == model.parameters() + (matrix if tied and count > 1 else 0)


def test_layers_by_korthikanti() -> None:
    """arXiv:2205.05198, table 2: without scores, s b h (10 + 24 / t) bytes, or 34 / t with sequence parallelism."""
    gpt = replace(LLAMA["llama2-7b"], gated=False, intermediate_size=4 * 4096)  # GELU, and as many keys as queries
    sums = 4 * 32  # of attention's rows, which the paper does not count
    job = replace(MEGATRON, model=gpt, dropout=True, sequence_parallel=False)

    def per_token(tensor: int, sequence_parallel: bool) -> float:
        shape = replace(job, degrees=Degrees(tensor=tensor), sequence_parallel=sequence_parallel)
        return activations.per_token(shape, gpt, mixture=False, keep="everything") - sums / tensor

    assert per_token(1, False) == 34 * 4096
    assert per_token(8, False) == (10 + 24 / 8) * 4096
    assert per_token(8, True) == 34 / 8 * 4096


def test_passes_under_way() -> None:
    """1F1B: p - i; interleaved in the first stage: 1 + (p - 1) / (p v) times all layers (arXiv:2205.05198, 4.2.3)."""
    model = LLAMA["llama3.1-70b"]

    def under_way(index: int, **changes: object) -> float:
        return stages.stage(replace(replace(MEGATRON, global_batch_size=512), **changes), model, index).under_way

    assert [under_way(index) for index in range(4)] == [4, 3, 2, 1]
    assert under_way(0, virtual_stages=5) * 20 == 80 * (1 + 3 / (4 * 5))
    assert under_way(0, global_batch_size=8) == 2, "never more than there are micro-batches"


def test_uneven_stages() -> None:
    job = replace(MEGATRON, degrees=Degrees(pipeline=4), stage_layers=(17, 21, 21, 21), global_batch_size=64)
    assert [stages.stage(job, job.model, index).layers for index in range(4)] == [17, 21, 21, 21]
    deciding, found = memory.fullest(job)
    every = memory.by_stage(job)
    assert found == every[deciding] == max(every, key=lambda stage: stage.total)
    assert deciding == 1, "the first has four layers less, the later ones fewer passes under way"


def test_gradients_that_are_accumulated_whole_are_certain() -> None:
    """PyTorch's FSDP2 keeps them unsharded, as wide as they are reduced, until it may reduce them."""
    accumulating = replace(WHOLE, degrees=Degrees(data=16, shard=16), accumulate_whole=True)
    assert memory.floor(accumulating).gathered == 4 * B
    assert memory.floor(replace(accumulating, global_batch_size=16)).gathered == 0


def test_adapters_have_states_and_what_is_frozen_has_not() -> None:
    full, few = MEGATRON, 40_000_000
    adapted = replace(MEGATRON, parameters=few, frozen=B)
    (_, whole), (_, small) = memory.fullest(full), memory.fullest(adapted)
    assert small.parameters == pytest.approx(whole.parameters, rel=0.01), "2 bytes of each frozen parameter"
    assert small.optimizer < whole.optimizer / 1000 and small.gradients < whole.gradients / 1000


def test_what_is_frozen_is_certain_as_well() -> None:
    """Experts, too, though adapters are fewer than they; nothing of it is gathered whole as a gradient."""
    model = LLAMA["mixtral-8x7b"]
    job = replace(MEGATRON, model=model, parameters=10**7, frozen=model.parameters(), degrees=Degrees(data=8, expert=8))
    held, experts = memory.floor(job), model.expert_parameters()
    assert held.parameters == 2 * 10**7 + 2 * (model.parameters() - experts + experts / 8)
    assert (held.gradients, held.optimizer) == (4 * 10**7, 12 * 10**7)
    sharded = replace(job, sharded=WHOLE.sharded, degrees=Degrees(data=8, shard=8), accumulate_whole=True)
    assert memory.floor(sharded).gathered == 0


def test_a_hundred_thousand_layouts_are_one_call() -> None:
    random = np.random.default_rng(0)
    tensor, pipeline, data, batch = (2 ** random.integers(0, 4, 1000) for _ in range(4))
    degrees = Degrees(tensor=tensor, pipeline=pipeline, data=data, shard=data)
    for job in (WHOLE, replace(MEGATRON, virtual_stages=2), replace(WHOLE, model=LLAMA["mixtral-8x7b"])):
        many = replace(job, degrees=degrees, micro_batch_size=batch, global_batch_size=512)
        deciding, found = memory.fullest(many)
        for index in range(0, 1000, 50):
            one = replace(
                many,
                degrees=Degrees(**{field.name: _at(getattr(degrees, field.name), index) for field in fields(degrees)}),
                micro_batch_size=int(batch[index]),
            )
            alone = memory.fullest(one)
            assert deciding[index] == alone[0]
            assert found.total[index] == pytest.approx(alone[1].total)


def _at(degree: object, index: int) -> int:
    return int(degree[index]) if isinstance(degree, np.ndarray) else degree


JOBS = st.builds(
    lambda job, tensor, pipeline, data, micro, length, accumulate: replace(
        job,
        degrees=Degrees(tensor=tensor, pipeline=pipeline, data=data, shard=data),
        micro_batch_size=micro,
        global_batch_size=64 * data,
        sequence_length=length,
        accumulate_whole=accumulate,
    ),
    st.sampled_from([WHOLE, MEGATRON, replace(WHOLE, model=LLAMA["mixtral-8x7b"]), replace(MEGATRON, model=GPT_7B)]),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from([1, 8, 64]),
    st.sampled_from([1, 2, 16]),
    st.sampled_from([256, 4096, 32768]),
    st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(JOBS, st.sampled_from(["micro_batch_size", "sequence_length"]))
def test_a_larger_micro_batch_or_a_longer_sequence_never_needs_less(job: Workload, name: str) -> None:
    larger = replace(job, **{name: 2 * getattr(job, name)}, global_batch_size=2 * job.global_batch_size)
    assert memory.fullest(larger)[1].total >= memory.fullest(job)[1].total


@settings(deadline=None, max_examples=60)
@given(JOBS)
def test_nothing_is_negative_and_the_floor_is_one(job: Workload) -> None:
    for found in memory.by_stage(job):
        assert all(getattr(found, field.name) >= 0 for field in fields(found))
    assert memory.floor(job).states <= 1.0001 * max(stage.states for stage in _with_gradients(job))


def _with_gradients(job: Workload) -> list[memory.Memory]:
    return [memory._resting(job, job.model, stages.stage(job, job.model, i)) for i in range(job.degrees.pipeline)]


def _forecast(row: Row) -> float:
    found = memory.fullest(row.workload)[1] if row.stage is None else memory.of_stage(row.workload, row.stage)
    return float(getattr(found, row.of))


OUTSIDE = {
    # Its own two other layouts contradict it: halving the activations by TP 8 saves 3 GB there, by count 11.
    "Megatron-Bridge 70B, TP 4, PP 8",
    # Overlaps tensor parallelism's communication, whose buffers are not in the forecast.
    "Megatron-LM 15B, TP 4, PP 2",
}


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind == "dense"], ids=lambda row: row.name)
def test_published_peaks_of_dense_models(row: Row) -> None:
    error = abs(_forecast(row) / row.measured - 1)
    assert (error <= 0.1) is (row.name not in OUTSIDE), f"{error:.1%}"
    assert error <= 0.16


def test_published_peaks_of_mixtures() -> None:
    errors = sorted(abs(_forecast(row) / row.measured - 1) for row in ROWS if row.kind == "mixture")
    assert len(errors) == 11
    assert errors[-2] <= 0.06, "all but one, which its own twin contradicts by as much"


def test_published_peaks_of_hybrids() -> None:
    """Too high rather than too low: a dispatcher that returns tokens in the experts' order keeps one copy of two."""
    errors = [_forecast(row) / row.measured - 1 for row in ROWS if row.kind == "hybrid"]
    assert len(errors) == 3
    assert min(errors) > -0.05 and max(errors) < 0.125


@pytest.mark.parametrize("name", ["llama3.1-8b", "mixtral-8x7b", "deepseek-v3"])
def test_a_hybrid_whose_layers_are_alike_is_any_other_decoder(name: str) -> None:
    model = {**LLAMA, **DEEPSEEK}[name]
    for framework, recompute in product(("torchtitan", "Megatron-LM", ""), ("none", "selective", "full")):
        for job in (WHOLE, MEGATRON):
            plain = replace(
                job, model=model, parameters=model.parameters(), framework=framework, recompute=recompute, dropout=True
            )
            hybrid = replace(plain, model=as_hybrid(model))
            for one, other in zip(memory.by_stage(plain), memory.by_stage(hybrid), strict=True):
                assert other.total == pytest.approx(one.total, rel=1e-3), "norms' parameters are left out"
                assert other.activations == pytest.approx(one.activations, rel=1e-9)


def test_a_recurrence_by_hand() -> None:
    """Nemotron-H 8B, 24 layers of Mamba-2: 8192 values and gates, 1024 keys and queries, in 16 bits."""
    model = PUBLISHED["nemotron-h-8b"]
    job = replace(MEGATRON, model=model, parameters=model.parameters(), degrees=Degrees(tensor=2), dropout=False)
    recurrence = 2 * (2 * 8192 + 2 * 1024) + 2 * 8192 + 2 * 8192
    attention = 2 * (4096 + 4096 + 2 * 1024) + 4 * 32
    network = 21_504 * (2 + 2)
    norms = 52 * 4 * 4096
    assert activations.kept(job, model, stages.stage(job, model, 0)) == pytest.approx(
        8192 * (24 * recurrence + 4 * attention + 24 * network + norms) / 2
    )


@pytest.mark.parametrize("name", sorted(MIXTURES))
@pytest.mark.parametrize("count", [1, 2, 5])
def test_stages_of_hybrids_hold_every_parameter_once(name: str, count: int) -> None:
    model = replace(MIXTURES[name], predicted=0)
    workload = replace(WHOLE, model=model, degrees=Degrees(pipeline=count))
    parts = [stages.held(model, stages.stage(workload, model, index)).total for index in range(count)]
    assert sum(parts) == pytest.approx(model.parameters())
    whole = replace(workload, degrees=Degrees())
    assert stages.held(model, stages.stage(whole, model, 0)).experts == pytest.approx(model.expert_parameters())
