"""The time of a training step, by component: what a model says that knows the layout and the machine.

Each number of a Workload may be an array of numpy, one element for each layout: then so is each component.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from seatrial.forecast.fitted import FITTED, Fitted
from seatrial.forecast.rates import Numbers
from seatrial.forecast.stage import Stage
from seatrial.forecast.traffic import Place
from seatrial.hardware import accelerators
from seatrial.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Seconds of one optimizer step on the slowest rank, and what follows from them."""

    products: Numbers
    """Matrix products, at the rate that their shapes allow."""
    attention: Numbers
    memory: Numbers
    """Passes over memory: norms, residuals, activations, loss, quantisation, gradients that are added up."""
    launch: Numbers
    """What the host needs beyond that to start all kernels."""
    tensor: Numbers
    """Exposed tensor-parallel communication; the next ones likewise."""
    context: Numbers
    expert: Numbers
    pipeline: Numbers
    shard: Numbers
    data: Numbers
    bubble: Numbers
    """Pipeline stages that wait for the first micro-batch and the last."""
    optimizer: Numbers
    host: Numbers
    tokens: Numbers
    """Tokens of the global batch."""
    accelerators: Numbers
    flops: dict[str, Numbers]
    """Model FLOPs of the global batch, by convention (seatrial.metrics)."""
    computed: Numbers
    """FLOPs of the global batch that the hardware computes: recomputation counted, frozen weights' gradients not."""
    peak: float
    """Dense peak FLOP/s of an accelerator in the dtype of the products; NaN on CPUs, which have none that holds."""

    @property
    def seconds(self) -> Numbers:
        """All of it."""
        return sum(getattr(self, name) for name in COMPONENTS)

    def each(self, count: int) -> list[Step]:
        """The steps of `count` layouts, one by one."""
        values = {
            field.name: _each(getattr(self, field.name), count) for field in fields(self) if field.name != "flops"
        }
        flops = {name: _each(value, count) for name, value in self.flops.items()}
        return [
            Step(
                **{name: value[index] for name, value in values.items()},
                flops={name: value[index] for name, value in flops.items()},
            )
            for index in range(count)
        ]

    @property
    def tokens_per_second(self) -> Numbers:
        """Of one accelerator."""
        return self.tokens / self.seconds / self.accelerators

    def flops_per_second(self, convention: str) -> Numbers:
        """Model FLOP/s of one accelerator."""
        return self.flops[convention] / self.seconds / self.accelerators

    def mfu(self, convention: str) -> Numbers:
        """Share of the peak (seatrial.metrics)."""
        return self.flops_per_second(convention) / self.peak

    @property
    def hfu(self) -> Numbers:
        """Share of the peak that the hardware computes, with what it computes twice."""
        return self.computed / self.seconds / self.accelerators / self.peak


COMPONENTS = (
    "products", "attention", "memory", "launch", "tensor", "context", "expert", "pipeline", "shard", "data",
    "bubble", "optimizer", "host",
)  # fmt: skip
"""The parts of a step, in order. They add up to its seconds."""


def _each(value: Numbers, count: int) -> list[float]:
    return list(np.broadcast_to(np.asarray(value, float), count).tolist())


def step(workload: Workload, place: Place, fitted: Fitted = FITTED) -> Step:
    """The step of that workload there. ValueError, with what is not known: no architecture, no rate, no bandwidth."""
    if workload.model is None or workload.sequence_length is None:
        raise ValueError("no architecture is known")
    return _whole(Stage(workload, place, fitted))


def _whole(stage: Stage) -> Step:
    """All micro-batches on all stages, and what there is once a step."""
    fitted, workload, count, stages = stage.fitted, stage.workload, stage.micro_batches, stage.stages
    layers, last = stage.products(stage.layers.blocks()), stage.products(stage.layers.head(), low=False)
    attention, memory, loss = stage.attention(), stage.memory(), stage.loss()
    sent = stage.traffic()
    exposed = stage.exposed(sent)
    device = (layers + attention + memory) / stages
    waited, ahead = stage.launch()
    launch = waited + np.maximum(ahead - device - sum(exposed.values()), 0.0)
    # Blocks and head together divide evenly where the count of blocks was chosen for it; else the last stage has the
    # head in addition (arXiv:2407.21783 takes a layer from the first and last stage for that reason).
    even = (np.mod(stage.layers.count, stages) != 0) | (stages == 1)
    on_last = np.where(even, 1 / stages, 1.0)
    on_average = device + (last + loss) / stages + launch + sum(exposed.values())
    unhidden = fitted.unhidden * sent.step
    tokens = np.asarray(workload.global_batch_size, float) * stage.length
    dtype = "bf16" if workload.compute == "fp16" else workload.compute
    return Step(
        products=count * (layers / stages + on_last * last),
        attention=count * attention / stages,
        memory=count * (memory / stages + on_last * loss),
        launch=count * launch,
        **{name: count * seconds for name, seconds in exposed.items()},
        shard=count * stage.hidden(sent.gathered, device),
        data=unhidden + np.maximum(sent.step - unhidden - device, 0.0),
        bubble=(stages - 1) / workload.virtual_stages * on_average,
        optimizer=stage.optimizer(),
        host=fitted.host + 0.0 * tokens,
        tokens=tokens,
        accelerators=stage.ranks * stage.tensor * stages,
        flops={name: tokens * flops for name, flops in workload.flops_per_token().items()},
        computed=tokens * stage.computed_per_token(),
        peak=accelerators.accelerator(stage.place.accelerator).peak_flops[dtype],
    )
