"""Volumes and times against what a few lines of arithmetic give."""

import dataclasses

import numpy as np
import pytest

from seatrial.forecast.traffic import LINK_SHARE, Place, traffic
from seatrial.models import LLAMA
from seatrial.workload import FP32_ADAM, Degrees, Workload

PLACE = Place(accelerator="H100 SXM", domain=8, inside=400e9, outside=50e9, inside_latency=0.0, outside_latency=0.0)
MODEL = LLAMA["llama3.1-8b"]


def job(**changes):
    degrees = {name: changes.pop(name) for name in list(changes) if name in Degrees.__dataclass_fields__}
    fields = {
        "model": MODEL, "parameters": MODEL.parameters(), "global_batch_size": 64, "micro_batch_size": 1,
        "sequence_length": 8192, "degrees": Degrees(**degrees), "compute": "bf16", "states": FP32_ADAM,
    }  # fmt: skip
    return Workload(**{**fields, **changes})


def sent(workload, place=PLACE, held=1e9):
    return traffic(workload, place, tokens=8192, layers=32, mixtures=0, held=held, kv=1024)


def test_inside_a_domain_a_rank_has_its_own_links_and_across_domains_those_of_its_neighbours():
    assert PLACE.seconds(400e9 * LINK_SHARE, 8) == pytest.approx(1)
    assert PLACE.seconds(400e9 * LINK_SHARE, 64) == pytest.approx(1)  # eight cards of 50 GB/s
    assert PLACE.seconds(50e9 * LINK_SHARE, 8, stride=8) == pytest.approx(1)  # one of each node
    assert PLACE.seconds(1e9, 1) == 0


def test_a_token_crosses_to_each_domain_once():
    token = 1e9
    inside = PLACE.exchange_seconds(token, 8, taken=8)
    assert inside == pytest.approx(8 * (1 - (7 / 8) ** 8) * 7 / 8 * token / 400e9 / LINK_SHARE)
    across = PLACE.exchange_seconds(token, 16, taken=8)
    assert across == pytest.approx(2 * (1 - 0.5**8) * 0.5 * token / 50e9 / LINK_SHARE)
    assert PLACE.exchange_seconds(token, 1, taken=8) == 0


def test_tensor_parallel_ranks_reduce_activations_four_times_a_layer():
    volume = 32 * 4 * 2 * 7 / 8 * 2 * 8192 * 4096
    assert sent(job(tensor=8)).tensor == pytest.approx(volume / 400e9 / LINK_SHARE)


def test_sharded_parameters_are_gathered_in_each_micro_batch_and_zero_1_waits_for_the_step():
    sharded = sent(job(data=8, shard=8, sharded=("parameters", "gradients", "optimizer")))
    assert sharded.gathered == pytest.approx(7 / 8 * 1e9 * (2 + 2 + 4) / 400e9 / LINK_SHARE)
    assert sharded.step == 0
    zero = sent(job(data=8, shard=8, sharded=("optimizer",)))
    assert zero.gathered == 0
    assert zero.step == pytest.approx(7 / 8 * 1e9 * (2 + 4) / 400e9 / LINK_SHARE)


def test_copies_of_what_is_sharded_reduce_their_part_once_a_step():
    found = sent(job(data=64, shard=8, sharded=("parameters", "gradients", "optimizer")))
    assert found.step == pytest.approx(2 * 7 / 8 * 1e9 / 8 * 4 / 50e9 / LINK_SHARE)  # one card of each of eight nodes


def test_behind_a_pipeline_parameters_are_gathered_once():
    found = sent(job(data=8, shard=8, pipeline=2, sharded=("parameters", "gradients", "optimizer")))
    assert found.gathered == 0
    assert found.step >= sent(job(data=8, shard=8, pipeline=2, sharded=("optimizer",))).step


def test_the_ring_of_keys_and_values_grows_with_context_ranks():
    assert sent(job(context=2)).context == pytest.approx(32 * 3 * 2 * 2 * 8192 * 1024 / 400e9 / LINK_SHARE)
    assert sent(job(context=8)).context > sent(job(context=4)).context > 0
    assert sent(job(context=1)).context == 0


def test_experts_of_a_latent_width_receive_less():
    plain = dataclasses.replace(MODEL, num_experts=8, experts_per_token=2)
    workload = job(model=plain, expert=8)
    found = traffic(workload, PLACE, tokens=8192, layers=32, mixtures=32, held=1e9, kv=1024)
    copies = 8 * (1 - (7 / 8) ** 2) * 7 / 8
    assert found.expert == pytest.approx(32 * 4 * 2 * 8192 * 4096 * copies / 400e9 / LINK_SHARE)


def test_degrees_may_be_arrays():
    tensor = np.array([1, 2, 8])
    together = sent(job(tensor=tensor)).tensor
    assert together.tolist() == pytest.approx([float(sent(job(tensor=int(one))).tensor) for one in tensor])


def test_without_an_architecture_nothing_is_said():
    with pytest.raises(ValueError, match="no model"):
        sent(job(model=None))


def test_small_collectives_take_as_long_as_their_fabric_answers():
    slow, fast = (dataclasses.replace(PLACE, fabric=name, outside_latency=None) for name in ("efa", "infiniband"))
    assert slow.seconds(8, 16) == pytest.approx(360e-6, rel=0.01)
    assert fast.seconds(8, 16, messages=2) == pytest.approx(80e-6, rel=0.01)
