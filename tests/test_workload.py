"""What a rank must hold, by hand."""

from __future__ import annotations

from dataclasses import replace

from seatrial.models import LLAMA
from seatrial.workload import FP32_ADAM, Degrees, States, Workload

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


def test_fully_sharded_states_are_dealt_out_among_all_ranks() -> None:
    held = WHOLE.states_per_rank()
    assert (held.parameters, held.gradients, held.optimizer) == (4 * B / 32, 4 * B / 32, 8 * B / 32)
    assert held.total == 16 * B / 32


def test_copies_hold_everything() -> None:
    assert replace(WHOLE, degrees=Degrees(data=32, shard=8)).states_per_rank().total == 16 * B / 8
    assert replace(WHOLE, sharded=()).states_per_rank().total == 16 * B


def test_megatron_s_count_with_the_distributed_optimizer() -> None:
    """6 + 12 / DP bytes of each parameter that tensor and pipeline parallelism leave to a rank."""
    degrees = Degrees(tensor=4, pipeline=4, context=2, data=4, shard=8)
    mixed = States(parameters=2, gradients=4, optimizer=12)
    held = replace(WHOLE, degrees=degrees, states=mixed, sharded=("optimizer",)).states_per_rank()
    assert held.total == B / 16 * (6 + 12 / 8)


def test_experts_are_divided_by_their_own_degree() -> None:
    model = LLAMA["mixtral-8x7b"]
    experts = 32 * 8 * 3 * 4096 * 14_336
    assert model.expert_parameters() == experts
    mixture = replace(WHOLE, model=model, parameters=model.parameters(), sharded=(), degrees=Degrees(data=8, expert=8))
    dense = model.parameters() - experts
    assert mixture.states_per_rank().total == 16 * (dense + experts / 8)
    sharded = replace(mixture, degrees=Degrees(data=8, expert=8, shard=8), sharded=("optimizer",))
    assert sharded.states_per_rank().optimizer == 8 * model.parameters() / 8, "out of the same ranks"


def test_what_is_not_a_decoder_has_parameters_all_the_same() -> None:
    assert replace(WHOLE, model=None, parameters=1000, sharded=()).states_per_rank().total == 16_000
