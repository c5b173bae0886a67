"""Volumes and times against what a few lines of arithmetic give, at sizes beside which latencies are nothing."""

import dataclasses

import numpy as np
import pytest

from seatrial.forecast.collectives import FITTED, exchange, quickest
from seatrial.forecast.links import Links
from seatrial.forecast.places import place
from seatrial.forecast.published import PUBLISHED
from seatrial.forecast.traffic import Place, traffic
from seatrial.models import DEEPSEEK, LLAMA
from seatrial.workload import FP32_ADAM, Degrees, Workload

LINKS = Links(domain=8, medium="nvlink", inside=400e9, nvls=0.0, between=50e9, hop=0.0)
PLACE = Place(accelerator="H100 SXM", links=LINKS)
INSIDE, CARD = 400e9 * FITTED.inside, 50e9 * FITTED.between
"""What a rank reaches within its node, and through its own card."""
MODEL = LLAMA["llama3.1-8b"]
TOKENS, HELD = 2**23, 1e13


def job(**changes):
    degrees = {name: changes.pop(name) for name in list(changes) if name in Degrees.__dataclass_fields__}
    fields = {
        "model": MODEL, "parameters": MODEL.parameters(), "global_batch_size": 64, "micro_batch_size": 1,
        "sequence_length": 8192, "degrees": Degrees(**degrees), "compute": "bf16", "states": FP32_ADAM,
    }  # fmt: skip
    return Workload(**{**fields, **changes})


def sent(workload, place=PLACE, tokens=TOKENS, held=HELD):
    return traffic(workload, place, tokens=tokens, layers=32, mixtures=0, held=held, kv=1024)


def near(seconds):
    return pytest.approx(seconds, rel=2e-3)


def test_inside_a_domain_a_rank_has_its_own_links_and_across_domains_those_of_its_neighbours():
    assert PLACE.seconds("all_gather", INSIDE, 8) == near(7 / 8)
    assert PLACE.seconds("all_gather", 8 * CARD, 64) == near(63 / 64)  # eight cards
    assert PLACE.seconds("all_gather", CARD, 8, stride=8) == near(7 / 8)  # one of each node
    assert PLACE.seconds("all_gather", CARD, 16, stride=4) == near(15 / 16 / 2)  # two of each node
    assert PLACE.seconds("all_gather", 1e9, 1) == 0


def test_it_takes_as_long_as_the_quickest_way_that_collectives_have():
    found = place("p5.48xlarge")
    assert found.seconds("all_reduce", 2**20, 16) == quickest("all_reduce", 2**20, 16, 8, found.links)
    assert found.seconds("all_reduce", 2**20, 4, stride=16) == quickest("all_reduce", 2**20, 4, 1, found.links)


def test_a_token_crosses_to_each_domain_once():
    token = 1e12
    assert exchange(token, 8, 8, LINKS) == near(7 * (1 - (7 / 8) ** 8) * token / INSIDE)
    assert exchange(token, 16, 8, LINKS) == near((1 - 0.5**8) * token / CARD)
    assert exchange(token, 1, 8, LINKS) == 0
    assert exchange(0, 16, 8, LINKS) == pytest.approx(8.4e-6 + 3.4e-6 + 14e-6 + 3e-6)


def test_a_token_that_chooses_groups_of_experts_first_crosses_to_fewer_domains():
    token = 1e12
    assert exchange(token, 64, 8, LINKS, (8, 4)) == near(3.5 * token / CARD)  # each node is a group
    assert exchange(token, 8, 8, LINKS, (8, 4)) == near(3.5 * token / INSIDE)
    assert exchange(token, 16, 8, LINKS, (8, 4)) == near((1 - 24 / 1680) * token / CARD)  # of eight, four in a node
    rack = dataclasses.replace(LINKS, domain=64)
    assert exchange(token, 64, 8, rack, (8, 4)) == near(4 * 8 * (1 - (7 / 8) ** 2) * 63 / 64 * token / INSIDE)
    assert exchange(token, 64, 8, LINKS, (1, 1)) == exchange(token, 64, 8, LINKS)
    assert exchange(token, 64, 8, LINKS, (8, 8)) > exchange(token, 64, 8, LINKS)  # one of each


def test_tensor_parallel_ranks_reduce_activations_four_times_a_layer():
    volume = 32 * 4 * 2 * 7 / 8 * 2 * TOKENS * 4096
    assert sent(job(tensor=8)).tensor == near(volume / INSIDE)
    assert sent(job(tensor=8, sequence_parallel=False)).tensor == near(volume / INSIDE)


def test_where_switches_add_up_an_all_reduce_takes_less_than_a_gather_and_a_scatter():
    switched = dataclasses.replace(PLACE, links=dataclasses.replace(LINKS, nvls=0.85))
    together, apart = (sent(job(tensor=8, sequence_parallel=one), switched).tensor for one in (False, True))
    assert together / apart == pytest.approx(1 / 0.85 / (7 / 8) / (2 * 7 / 8), rel=0.01)


def test_sharded_parameters_are_gathered_in_each_micro_batch_and_zero_1_waits_for_the_step():
    sharded = sent(job(data=8, shard=8, sharded=("parameters", "gradients", "optimizer")))
    assert sharded.gathered == near(7 / 8 * HELD * (2 + 2 + 4) / INSIDE)
    assert sharded.step == 0
    zero = sent(job(data=8, shard=8, sharded=("optimizer",)))
    assert zero.gathered == 0
    assert zero.step == near(7 / 8 * HELD * (2 + 4) / INSIDE)


def test_copies_of_what_is_sharded_reduce_their_part_once_a_step():
    found = sent(job(data=64, shard=8, sharded=("parameters", "gradients", "optimizer")))
    assert found.step == near(2 * 7 / 8 * HELD / 8 * 4 / CARD)  # one card of each of eight nodes


def test_behind_a_pipeline_parameters_are_gathered_once():
    found = sent(job(data=8, shard=8, pipeline=2, sharded=("parameters", "gradients", "optimizer")))
    assert found.gathered == 0
    assert found.step == sent(job(data=8, shard=8, pipeline=2, sharded=("optimizer",))).step > 0


def test_the_ring_of_keys_and_values_grows_with_context_ranks():
    volume = 32 * 3 * 2 * 2 * TOKENS * 1024
    assert sent(job(context=2)).context == near(volume / INSIDE)
    assert sent(job(context=8)).context == near(7 * volume / INSIDE)
    assert sent(job(context=2, tensor=8)).context == near(volume / 8 / CARD)  # the next rank is in the next node
    assert sent(job(context=1)).context == 0


def test_a_stage_sends_what_passes_its_border_to_the_next_forward_and_backward():
    found = sent(job(tensor=8, pipeline=4, virtual_stages=2)).pipeline
    assert found == near(2 * 2 * 2 * TOKENS * 4096 / 8 / CARD)
    assert sent(job(tensor=2, pipeline=4)).pipeline == near(2 * 2 * TOKENS * 4096 / 2 / INSIDE)
    assert sent(job(tensor=8)).pipeline == 0


def test_experts_of_a_latent_width_receive_less():
    plain = dataclasses.replace(MODEL, num_experts=8, experts_per_token=2)
    workload = job(model=plain, expert=8)
    found = traffic(workload, PLACE, tokens=TOKENS, layers=32, mixtures=32, held=HELD, kv=1024)
    copies = 7 * (1 - (7 / 8) ** 2)
    assert found.expert == near(32 * 4 * 2 * TOKENS * 4096 * copies / INSIDE)


@pytest.mark.parametrize("model", [DEEPSEEK["deepseek-v3"], PUBLISHED["deepseek-v3"]], ids=["latent", "hybrid"])
def test_tokens_of_deepseek_go_to_half_of_the_groups(model):
    found = traffic(job(model=model, expert=8), PLACE, tokens=TOKENS, layers=58, mixtures=58, held=HELD, kv=1024)
    assert found.expert == near(58 * 4 * 2 * TOKENS * 7168 * 3.5 / INSIDE)


def test_small_collectives_wait_for_each_hop():
    small = {"tokens": 1, "held": 32.0}
    for found in (sent(job(tensor=8), **small).tensor / 8, sent(job(data=8, shard=8), **small).step / 2):
        assert found == pytest.approx(32 * (6.6e-6 + 7 * 0.6e-6), rel=0.01)
    slow = dataclasses.replace(PLACE, links=dataclasses.replace(LINKS, hop=20e-6))
    more = sent(job(data=16, shard=16), slow, **small).step - sent(job(data=16, shard=16), **small).step
    assert more == pytest.approx(2 * 32 * 20e-6, rel=0.01)


def test_degrees_may_be_arrays():
    tensor, data = np.array([1, 2, 8]), np.array([8, 16, 1])
    together = sent(job(tensor=tensor, data=data))
    for name in ("tensor", "step"):
        alone = [sent(job(tensor=int(t), data=int(d))) for t, d in zip(tensor, data, strict=True)]
        assert getattr(together, name).tolist() == pytest.approx([float(getattr(one, name)) for one in alone])


def test_without_an_architecture_nothing_is_said():
    with pytest.raises(ValueError, match="no model"):
        sent(job(model=None))
