"""The time of a step: its parts add up, and each cause moves it the way that it must."""

import dataclasses

import numpy as np
import pytest

from seatrial.forecast.fitted import FITTED
from seatrial.forecast.layers import layers_of
from seatrial.forecast.links import joined
from seatrial.forecast.nccl import INFINIBAND_HOP
from seatrial.forecast.published import PUBLISHED
from seatrial.forecast.rates import attention_rates
from seatrial.forecast.step import COMPONENTS, step
from seatrial.forecast.traffic import Place
from seatrial.models import DEEPSEEK, ESM, Decoder
from seatrial.workload import Degrees, States, Workload

PLACE = Place(
    accelerator="H100 SXM", links=joined("H100 SXM", domain=8, between=50e9, hop=INFINIBAND_HOP), fabric="infiniband"
)
ALL = ("parameters", "gradients", "optimizer")


def job(name="llama3.1-8b", **changes):
    model = PUBLISHED[name]
    degrees = {field: changes.pop(field) for field in list(changes) if field in Degrees.__dataclass_fields__}
    fields = {
        "model": model, "parameters": model.parameters(), "global_batch_size": 128, "micro_batch_size": 1,
        "sequence_length": 8192, "degrees": Degrees(**{"data": 8, "shard": 8, **degrees}), "compute": "bf16",
        "states": States(parameters=2, gradients=4, optimizer=12), "sharded": ("optimizer",), "compiled": True,
    }  # fmt: skip
    return Workload(**{**fields, **changes})


def speed(workload, place=PLACE):
    return float(step(workload, place).tokens_per_second)


def test_components_add_up_and_none_is_negative():
    found = step(job(tensor=2, pipeline=2, context=2, data=8), PLACE)
    parts = [float(getattr(found, name)) for name in COMPONENTS]
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(float(found.seconds))


def test_both_conventions_of_mfu_follow_from_the_speed():
    found = step(job(), PLACE)
    for convention, flops in job().flops_per_token().items():
        expected = float(found.tokens_per_second) * flops / 989.4e12
        assert float(found.mfu(convention)) == pytest.approx(expected)
    assert 0.4 < float(found.mfu("causal")) < 0.7
    assert float(found.mfu("full")) > float(found.mfu("causal"))


def test_the_bubble_is_that_of_the_schedule():
    def found(**changes):
        # 126 layers, embedding and head divide evenly among stages.
        return step(job("llama3.1-405b", tensor=8, pipeline=4, data=2, shard=2, **changes), PLACE)

    one = found(global_batch_size=2)
    work = sum(float(getattr(one, name)) for name in ("products", "attention", "memory", "tensor", "pipeline"))
    assert float(one.bubble) == pytest.approx(3 * work, rel=0.01)  # one micro-batch: (p - 1) / m
    assert float(found(virtual_stages=4).bubble) == pytest.approx(float(found().bubble) / 4, rel=0.1)
    assert float(found(global_batch_size=64).bubble) == pytest.approx(float(one.bubble))


def test_frozen_weights_cost_two_of_three_products():
    trained = step(job(), PLACE)
    frozen = step(job(parameters=10**7, frozen=PUBLISHED["llama3.1-8b"].parameters()), PLACE)
    assert float(frozen.products / trained.products) == pytest.approx(2 / 3, rel=0.03)
    assert float(frozen.optimizer) == 0
    assert float(frozen.computed / trained.computed) == pytest.approx(2 / 3)


def test_recomputation_raises_what_is_computed_and_not_what_counts():
    plain, again = step(job(), PLACE), step(job(recompute="full"), PLACE)
    assert 1.2 < float(again.products / plain.products) < 1.4
    assert float(again.computed / plain.computed) == pytest.approx(4 / 3)
    assert float(again.mfu("causal")) < float(plain.mfu("causal"))
    assert float(again.hfu) > float(again.mfu("causal"))


def test_attention_takes_two_products_forward_and_five_backward():
    found = step(job(global_batch_size=8), PLACE)  # one sequence a rank
    forward, backward = attention_rates("H100 SXM")
    flops = 32 * 2 * 4096 * 8192**2  # layers, queries and values, half of the positions, two products of 2 FLOPs
    assert float(found.attention) == pytest.approx(FITTED.attention * flops * (1 / forward + 2.5 / backward))


def test_samples_that_share_a_sequence_attend_to_themselves_alone():
    whole, packed = step(job(), PLACE), step(job(sample_length=256), PLACE)
    assert float(packed.attention) < 0.1 * float(whole.attention)
    assert float(packed.products) == float(whole.products)


def test_memory_is_passed_over_for_gradients_adapters_and_logits():
    model = PUBLISHED["llama3.1-8b"]
    trained, frozen = (
        step(job(global_batch_size=8, parameters=count, frozen=model.parameters() - count), PLACE)
        for count in (model.parameters(), 0)
    )
    gradients = 8 * model.parameters() / 3.35e12
    adapters = FITTED.passes * 4 * 8192 * layers_of(model).cast_numbers / 3.35e12
    assert float(trained.memory - frozen.memory) == pytest.approx(gradients - adapters)
    twice = dataclasses.replace(model, vocab_size=2 * model.vocab_size)
    more = step(job(global_batch_size=8, model=twice), PLACE).memory - trained.memory
    logits = FITTED.passes * 24 * 8192 * model.vocab_size / 3.35e12
    assert float(more) == pytest.approx(logits)


@pytest.mark.parametrize(
    "workload",
    [
        job(tensor=8, data=8),
        job(context=4, data=8),
        job(data=64, shard=64, sharded=ALL),
        job(data=64, shard=64),
        job("qwen3-30b-a3b", expert=16, data=16, shard=16, expert_tensor=1),
        job(pipeline=4, data=8),
    ],
    ids=["tensor", "context", "sharded", "zero", "experts", "pipeline"],
)
def test_slower_links_never_make_a_job_faster(workload):
    known = PLACE.links
    speeds = [
        speed(
            workload,
            dataclasses.replace(
                PLACE, links=dataclasses.replace(known, inside=known.inside / slow, between=known.between / slow)
            ),
        )
        for slow in (1, 2, 4, 16, 64)
    ]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > speeds[-1]


def test_overlap_and_compilation_make_a_job_faster():
    assert speed(job(tensor=8, tensor_overlap=True)) > speed(job(tensor=8))
    assert speed(job()) > speed(job(compiled=False))


def test_low_precision_is_faster_and_mx_scaling_costs_a_pass():
    assert speed(job(compute="fp8")) > 1.2 * speed(job())
    assert speed(job(compute="fp8", scaling="mx")) < speed(job(compute="fp8"))


def test_a_clamp_and_the_biases_of_experts_are_passes_of_their_own_unless_the_step_is_one_graph():
    plain = dataclasses.replace(PUBLISHED["gpt-oss-120b"], clamped=False, bias=False)
    for graphs, extra, model in (
        ("none", (18 + 32) * 2880, PUBLISHED["gpt-oss-120b"]),
        ("none", 18 * 2880, dataclasses.replace(plain, clamped=True)),
        ("none", 32 * 2880, dataclasses.replace(plain, bias=True)),
        ("step", 0, PUBLISHED["gpt-oss-120b"]),
    ):
        ours, others = (
            step(job(model=one, expert=8, expert_tensor=1, global_batch_size=8, graphs=graphs), PLACE)
            for one in (model, plain)
        )
        numbers = 8192 * 36 * 4 * extra
        assert float(ours.memory - others.memory) == pytest.approx(2 * FITTED.passes * numbers / 3.35e12)
        assert float(ours.launch) >= float(others.launch)


def test_the_host_starts_a_product_for_each_expert_and_adds_its_bias():
    model = PUBLISHED["gpt-oss-120b"]
    with_biases, without, fewer = (
        float(step(job(model=one, expert=expert, data=64, expert_tensor=1, global_batch_size=64), PLACE).launch)
        for one, expert in ((model, 16), (dataclasses.replace(model, bias=False), 16), (model, 64))
    )
    each = 36 * FITTED.waited * FITTED.launch
    assert with_biases - without == pytest.approx(each * 8 * 8 * 7 / 8)
    assert fewer < with_biases


def test_forward_the_device_waits_for_the_host_and_backward_the_host_runs_ahead():
    short, long = (
        step(
            job("qwen3-30b-a3b", expert=8, data=8, expert_tensor=1, global_batch_size=8, sequence_length=length), PLACE
        )
        for length in (256, 32_768)
    )
    host = 48 * (1 - 1 / 16) * (FITTED.mixture_launch + 6 * 16 * FITTED.launch)
    assert float(long.launch) == pytest.approx(FITTED.waited * host)
    dense = 24 * 60 * FITTED.launch
    busy = float(short.products + short.attention + short.memory + short.expert)
    # The head and its loss follow all layers; they hide nothing.
    assert host + dense - busy < float(short.launch) < host + dense


def test_the_optimizer_deals_experts_out_to_the_ranks_that_hold_the_same():
    model = PUBLISHED["qwen3-30b-a3b"]
    experts = model.expert_parameters()
    for tensor, shard, copies in ((1, 64, 8), (2, 32, 8), (1, 4, 1)):
        degrees = {"expert": 8, "expert_tensor": 1, "tensor": tensor, "data": 64 // tensor, "shard": shard}
        own = (model.parameters() - experts) / tensor / shard + experts / 8 / copies
        assert float(step(job("qwen3-30b-a3b", **degrees), PLACE).optimizer) == pytest.approx(30 * own / 3.35e12)


def test_a_mixture_waits_for_the_host_whatever_its_batch_and_graphs_help():
    small = job("qwen3-30b-a3b", expert=8, data=8, expert_tensor=1, sequence_length=512)
    waits = {
        graphs: float(step(dataclasses.replace(small, graphs=graphs), PLACE).launch)
        for graphs in ("none", "layers", "step")
    }
    assert waits["none"] > waits["layers"] > waits["step"] == 0
    assert waits["none"] > 0.5 * float(step(small, PLACE).seconds)
    long = dataclasses.replace(small, sequence_length=8192)
    assert float(step(long, PLACE).launch) == pytest.approx(waits["none"], rel=0.3)


def test_a_dense_job_waits_for_the_host_only_where_kernels_are_short():
    assert float(step(job("mpt-125m", sequence_length=128), PLACE).launch) > 0
    assert float(step(job(), PLACE).launch) == 0


def test_overlap_hides_a_part_of_what_goes_to_experts():
    plain = job("qwen3-30b-a3b", expert=8, data=8, expert_tensor=1)
    hidden = dataclasses.replace(plain, expert_overlap=True)
    assert float(step(hidden, PLACE).expert / step(plain, PLACE).expert) == pytest.approx(
        FITTED.expert_overlapped / FITTED.expert
    )


def test_layouts_may_be_arrays():
    tensor, micro = np.array([1, 2, 4, 8]), np.array([1, 2, 1, 2])
    together = step(job(tensor=tensor, micro_batch_size=micro), PLACE).each(4)
    for index, (t, m) in enumerate(zip(tensor.tolist(), micro.tolist(), strict=True)):
        alone = step(job(tensor=t, micro_batch_size=m), PLACE)
        assert together[index].seconds == pytest.approx(float(alone.seconds))


def test_a_latent_decoder_is_a_hybrid_of_as_many_parameters_and_flops():
    """Norms are left out of a hybrid: a ten-thousandth."""
    model = DEEPSEEK["deepseek-v3"]
    hybrid = PUBLISHED["deepseek-v3-no-mtp"]
    assert layers_of(model) == layers_of(hybrid)
    assert hybrid.parameters() == pytest.approx(model.parameters(), rel=1e-4)
    assert hybrid.expert_parameters() == model.expert_parameters()
    for convention, flops in model.flops_per_token(4096).items():
        assert hybrid.flops_per_token(4096)[convention] == pytest.approx(flops, rel=1e-3)


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(ValueError, match="no architecture"):
        step(job(model=None), PLACE)
    with pytest.raises(ValueError, match="no fp8 rate"):
        step(job(compute="fp8"), dataclasses.replace(PLACE, accelerator="A100 80GB"))


def test_an_encoder_is_a_decoder_without_a_mask():
    encoder = ESM["esm2-650m"]
    shape = {name: getattr(encoder, name) for name in ("vocab_size", "hidden_size", "intermediate_size", "num_layers",
             "num_heads", "max_context")}  # fmt: skip
    decoder = Decoder(**shape, num_kv_heads=encoder.num_heads, gated=False, tie_embeddings=True)
    one, other = step(job(model=encoder), PLACE), step(job(model=decoder), PLACE)
    assert float(one.attention) == pytest.approx(2 * float(other.attention))
    assert float(one.products) == pytest.approx(float(other.products))
    assert float(one.hfu) == pytest.approx(float(one.mfu("full")))


def test_a_rank_with_one_expert_does_not_wait_to_sort():
    many, one = (job("grok1-314b", expert=expert, data=8, tensor=4, expert_tensor=1) for expert in (1, 8))
    assert float(step(many, PLACE).launch) > 0
    assert float(step(one, PLACE).launch) == 0
