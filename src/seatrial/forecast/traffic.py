"""What ranks send each other in a step, by kind of parallelism, and how long it takes on links that are free.

What of it is exposed depends on what runs beside it: seatrial.forecast.step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seatrial.forecast.rates import Numbers
from seatrial.workload import Workload

LINK_SHARE = 0.8
"""Of a link's bandwidth that a large collective reaches: NCCL's own model has 0.85 on Hopper's and 0.74 on Blackwell's
NVLink (src/graph/tuning.cc, 2026-06); the published bus bandwidth of EFA lies between 0.7 and 0.9 of the cards'."""

LATENCY: Mapping[str, float] = {"efa": 360e-6, "infiniband": 40e-6}
"""Fabric -> seconds that a collective across domains takes at least. EFA: all-reduces of 128 to 512 KiB on 4
p6-b200.48xlarge take 360 to 560 us (stas00/ml-engineering, network/README.md, 2026-08). InfiniBand: NCCL's network ring
of 8 nodes, 14 hops of 2.7 us (src/graph/tuning.cc)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a job runs."""

    accelerator: str
    """By its name in seatrial.hardware."""
    domain: int = 8
    """Accelerators that NVLink joins: those of a node, or of a rack."""
    inside: float
    """Bytes a second and accelerator to others of the domain, in one direction."""
    outside: float
    """Bytes a second and accelerator to other domains, in one direction."""
    fabric: str = "infiniband"
    """What joins domains: efa, or infiniband, which RoCE of the same cards is counted as."""
    watts: float | None = None
    """What an accelerator may take; None: what its data sheet says."""
    inside_latency: float = 10e-6
    """Seconds that a collective takes at least, inside a domain."""
    outside_latency: float | None = None
    """The same, across domains; None: that of its fabric."""

    def _across(self) -> float:
        return LATENCY[self.fabric] if self.outside_latency is None else self.outside_latency

    def seconds(self, sent: Numbers, ranks: Numbers, stride: Numbers = 1, messages: Numbers = 1) -> Numbers:
        """Seconds in which each of `ranks`, every `stride`-th accelerator, sends so many bytes.

        Collectives use all cards of a node: across domains, those ranks that share one add up their cards.
        """
        together = np.clip(self.domain / np.asarray(stride, float), 1, np.maximum(ranks, 1))
        inside = np.asarray(ranks) * np.asarray(stride) <= self.domain
        across = np.minimum(self.inside or np.inf, together * self.outside)
        speed = LINK_SHARE * np.where(inside, self.inside or self.outside, across)
        latency = np.where(inside, self.inside_latency, self._across())
        return np.where(np.asarray(ranks) > 1, sent / speed + messages * latency, 0.0)

    def exchange_seconds(self, token: Numbers, ranks: Numbers, taken: int, messages: Numbers = 1) -> Numbers:
        """Seconds of an all-to-all in which each token goes to the ranks that hold its experts, `taken` by chance.

        `token` is the bytes of one such copy, of all tokens of a rank. A copy crosses to each domain once and is
        spread inside it (DeepEP's and HybridEP's dispatch).
        """
        ranks = np.maximum(np.asarray(ranks, float), 1.0)
        domains = np.maximum(np.ceil(ranks / self.domain), 1.0)

        def reached(places: Numbers) -> Numbers:
            return places * (1 - (1 - 1 / places) ** taken)

        near = reached(ranks) * (1 - 1 / ranks)
        far = reached(domains) * (1 - 1 / domains)
        slowest = np.maximum(near / (self.inside or self.outside), far / self.outside)
        latency = np.where(domains > 1, self._across(), self.inside_latency)
        return np.where(ranks > 1, token * slowest / LINK_SHARE + messages * latency, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Seconds of communication on free links; of one micro-batch and pipeline stage, where not said otherwise."""

    tensor: Numbers
    context: Numbers
    expert: Numbers
    pipeline: Numbers
    gathered: Numbers
    """Parameters that are sharded are gathered, twice, and their gradients reduced."""
    step: Numbers
    """Gradients that are reduced and parameters that are gathered once a step."""


def traffic(
    workload: Workload, place: Place, *, tokens: Numbers, layers: Numbers, mixtures: Numbers, held: Numbers, kv: Numbers
) -> Traffic:
    """All of it. `tokens`, `layers` and `mixtures` are those of a rank's stage and micro-batch, `held` the parameters
    that it works with, `kv` the width of keys and values. In 16 bits where the workload says nothing else.

    Tensor: an all-reduce, or a gather and a scatter, after attention and network, forward and backward
    (arXiv:2205.05198). Context: keys and values go round, forward and twice backward (arXiv:2310.01889). Experts: each
    token is sent to each rank that holds one of its experts, and back, forward and backward (arXiv:2112.10684, DeepEP).
    Sharded: two gathers and a scatter per micro-batch (arXiv:2304.11277); ZeRO-1: one of each per step
    (arXiv:1910.02054). Pipeline: what passes a stage's border (arXiv:2104.04473).
    """
    model, degrees = workload.model, workload.degrees
    if model is None:
        raise ValueError("no model")
    tensor, expert = np.asarray(degrees.tensor), np.asarray(degrees.expert)
    activations = 2.0 * tokens * model.hidden_size
    all_reduced = 2 * (tensor - 1) / tensor * activations
    around = (np.asarray(degrees.context) - 1) * 2 * 2.0 * tokens * kv / tensor
    taken = max(model.experts_per_token, 1)
    width = getattr(model, "latent_size", 0) or model.hidden_size
    routed = tokens if workload.expert_tensor is None else tokens / tensor
    copy = 2.0 * routed * width
    chunks = workload.virtual_stages
    ranks = np.asarray(degrees.data) * degrees.context
    shard = np.asarray(degrees.shard)
    # Behind a pipeline, gathered parameters stay until the last micro-batch: to gather them each time would cost more
    # than it saves (torchtitan's default, arXiv:2407.21783 section 3.3).
    sharded = ("parameters" in workload.sharded) & (np.asarray(degrees.pipeline) == 1)
    stride = tensor
    per_pass = (shard - 1) / shard * held * (2 * workload.gathered + workload.reduced)
    once = (ranks - 1) / np.maximum(ranks, 1) * held * (workload.gathered + workload.reduced)
    # Copies of what is sharded (HSDP, arXiv:2304.11277) reduce their part of the gradients among them.
    copies = ranks / shard
    between = 2 * (copies - 1) / copies * held / shard * workload.reduced
    replicated = place.seconds(between, copies, stride=tensor * shard, messages=2 * layers)
    return Traffic(
        tensor=layers * place.seconds(4 * all_reduced, tensor, messages=8),
        context=layers * place.seconds(3 * around, degrees.context, stride=tensor, messages=3),
        expert=mixtures * place.exchange_seconds(4 * copy, expert, taken, messages=4),
        pipeline=place.seconds(
            2 * chunks * activations / tensor, degrees.pipeline, stride=ranks * tensor, messages=2 * chunks
        ),
        gathered=np.where(sharded, place.seconds(per_pass, shard, stride=stride, messages=3 * layers), 0.0),
        step=np.where(sharded, replicated, place.seconds(once, ranks, stride=stride, messages=2 * layers)),
    )
