"""What ranks send each other in a step, by kind of parallelism, and how long it takes on links that are free.

What of it is exposed depends on what runs beside it: seatrial.forecast.step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seatrial.forecast.collectives import exchange, quickest
from seatrial.forecast.links import Links
from seatrial.forecast.rates import Numbers
from seatrial.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a job runs."""

    accelerator: str
    """By its name in seatrial.hardware."""
    links: Links
    fabric: str = "infiniband"
    """What joins domains: efa, ethernet, or infiniband, which RoCE of the same cards is counted as."""
    watts: float | None = None
    """What an accelerator may take; None: what its data sheet says."""

    def seconds(self, operation: str, size: Numbers, ranks: Numbers, stride: Numbers = 1) -> Numbers:
        """Of a collective on so many bytes, of `ranks` that are every `stride`-th accelerator: see collectives."""
        inner = np.clip(self.links.domain // np.asarray(stride), 1, np.maximum(ranks, 1))
        return quickest(operation, size, ranks, inner, self.links)


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
    tensor = np.asarray(degrees.tensor)
    activations = 2.0 * tokens * model.hidden_size
    width = getattr(model, "latent_size", 0) or model.hidden_size
    routed = tokens if workload.expert_tensor is None else tokens / tensor
    groups = getattr(model, "expert_groups", 1), getattr(model, "groups_per_token", 1)
    copies = exchange(2.0 * routed * width, degrees.expert, max(model.experts_per_token, 1), place.links, groups)
    keys_and_values = 2 * 2.0 * tokens * kv / tensor
    around = (np.asarray(degrees.context) - 1) * place.seconds("sendrecv", keys_and_values, degrees.context, tensor)
    ranks = np.asarray(degrees.data) * degrees.context
    passed = place.seconds("sendrecv", activations / tensor, degrees.pipeline, ranks * tensor)
    # Behind a pipeline, gathered parameters stay until the last micro-batch: to gather them each time would cost more
    # than it saves (torchtitan's default, arXiv:2407.21783 section 3.3).
    sharded = ("parameters" in workload.sharded) & (np.asarray(degrees.pipeline) == 1)
    layer = held / layers
    return Traffic(
        tensor=4 * layers * _halves(workload, place, activations),
        context=3 * layers * around,
        expert=4 * mixtures * copies,
        pipeline=2 * workload.virtual_stages * passed,
        gathered=np.where(sharded, layers * _shards(workload, place, layer), 0.0) if np.any(sharded) else 0.0,
        step=layers * np.where(sharded, _copies(workload, place, layer), _once(workload, place, layer)),
    )


def _halves(workload: Workload, place: Place, activations: Numbers) -> Numbers:
    """What tensor-parallel ranks do for attention, and again for the network."""
    degree = workload.degrees.tensor
    if not workload.sequence_parallel:
        return place.seconds("all_reduce", activations, degree)
    return place.seconds("all_gather", activations, degree) + place.seconds("reduce_scatter", activations, degree)


def _shards(workload: Workload, place: Place, layer: Numbers) -> Numbers:
    """Of a layer with so many parameters: gathered twice, and its gradients reduced, where ranks deal it out."""
    degrees = workload.degrees
    gathered = place.seconds("all_gather", workload.gathered * layer, degrees.shard, degrees.tensor)
    return 2 * gathered + place.seconds("reduce_scatter", workload.reduced * layer, degrees.shard, degrees.tensor)


def _copies(workload: Workload, place: Place, layer: Numbers) -> Numbers:
    """Copies of what is dealt out (HSDP, arXiv:2304.11277) reduce their part of the gradients among them."""
    degrees, shard = workload.degrees, np.asarray(workload.degrees.shard)
    copies = np.asarray(degrees.data) * degrees.context / shard
    return place.seconds("all_reduce", workload.reduced * layer / shard, copies, degrees.tensor * shard)


def _once(workload: Workload, place: Place, layer: Numbers) -> Numbers:
    """Gradients of a layer reduced and its parameters gathered, among all ranks that hold it."""
    degrees = workload.degrees
    ranks = np.asarray(degrees.data) * degrees.context
    reduced = place.seconds("reduce_scatter", workload.reduced * layer, ranks, degrees.tensor)
    return reduced + place.seconds("all_gather", workload.gathered * layer, ranks, degrees.tensor)
