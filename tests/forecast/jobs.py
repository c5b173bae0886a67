"""Jobs of every kind of model, for properties that hold for all of them."""

from __future__ import annotations

from hypothesis import strategies as st

from seatrial.forecast.links import joined
from seatrial.forecast.nccl import EFA_HOP, INFINIBAND_HOP
from seatrial.forecast.published import PUBLISHED
from seatrial.forecast.traffic import Place
from seatrial.models import DEEPSEEK, ESM, GPT, LLAMA, Decoder, Encoder
from seatrial.workload import FP32_ADAM, Degrees, Kind, States, Workload

MODELS: dict[str, Decoder | Encoder] = {
    **{name: LLAMA[name] for name in ("llama3.1-8b", "llama3.1-70b", "mixtral-8x7b")},
    **{name: PUBLISHED[name] for name in ("nemotron-3-nano", "nemotron-h-8b", "qwen3-next-80b-a3b", "gpt-oss-20b")},
    **DEEPSEEK,
    "esm2-650m": ESM["esm2-650m"],
    "gpt-76.1b": GPT["gpt-76.1b"],
}
SHARDED: tuple[tuple[Kind, ...], ...] = ((), ("optimizer",), ("parameters", "gradients", "optimizer"))


@st.composite
def jobs(draw: st.DrawFn, *, data: tuple[int, ...] = (8, 16, 64)) -> Workload:
    """Any layout and precision; one in four trains adapters alone."""
    model = MODELS[draw(st.sampled_from(sorted(MODELS)))]
    experts, sharded = model.experts_per_token > 0, draw(st.sampled_from(SHARDED))
    ranks, micro, adapters = draw(st.sampled_from(data)), draw(st.sampled_from((1, 2, 4))), draw(st.integers(0, 3)) == 0
    return Workload(
        model=model,
        parameters=10**7 if adapters else model.parameters(),
        frozen=model.parameters() if adapters else 0,
        global_batch_size=micro * ranks * draw(st.sampled_from((1, 4, 32))),
        micro_batch_size=micro,
        sequence_length=draw(st.sampled_from((256, 2048, 8192))),
        degrees=Degrees(
            tensor=draw(st.sampled_from((1, 2, 8))),
            pipeline=draw(st.sampled_from((1, 2, 4, 8))),
            context=draw(st.sampled_from((1, 2))),
            expert=8 if experts else 1,
            data=ranks,
            shard=ranks if sharded else 1,
        ),
        compute=draw(st.sampled_from(("bf16", "fp32"))),
        recompute=draw(st.sampled_from(("none", "selective", "full"))),
        states=draw(st.sampled_from((FP32_ADAM, States(parameters=2, gradients=4, optimizer=12)))),
        sharded=sharded,
        framework=draw(st.sampled_from(("", "torchtitan", "Megatron-LM", "megatron-bridge"))),
        virtual_stages=draw(st.sampled_from((1, 2))),
        compiled=draw(st.booleans()),
        fused_norm=draw(st.booleans()),
        dropout=draw(st.booleans()),
        sequence_parallel=draw(st.booleans()),
        accumulate_whole=draw(st.booleans()),
        expert_tensor=draw(st.sampled_from((None, 1))) if experts else None,
    )


HOPS = {"efa": EFA_HOP["p5"], "infiniband": INFINIBAND_HOP}
PLACES = st.builds(
    lambda accelerator, domain, between, fabric: Place(
        accelerator=accelerator,
        links=joined(accelerator, domain=domain, between=between, hop=HOPS[fabric]),
        fabric=fabric,
    ),
    st.sampled_from(("A100 80GB", "H100 SXM", "B200")),
    st.sampled_from((8, 72)),
    st.sampled_from((6e9, 25e9, 50e9, 100e9)),
    st.sampled_from(sorted(HOPS)),
)
