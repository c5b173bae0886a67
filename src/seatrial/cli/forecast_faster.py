"""What would make a job faster: each argument of its case that could be another one, by the model of the step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from seatrial.expected import Faster
    from seatrial.forecast.traffic import Place
    from seatrial.spec import Case, Layout
    from seatrial.workload import Workload

NUMBERS = (
    "micro_batch_size", "tensor_parallel", "pipeline_parallel", "virtual_pipeline", "context_parallel",
    "expert_parallel", "data_parallel_replicate", "shard_size",
)  # fmt: skip
"""Arguments that are doubled, and halved."""
CHOICES = (
    "recompute", "precision", "float8", "compile", "reshard_after_forward", "sequence_parallel",
    "async_tensor_parallel", "flash_attention", "use_distributed_optimizer", "reduce_in_bf16",
)  # fmt: skip
"""Arguments of few values, of which all others are tried."""
LEAST = 0.05
"""Gain from which on a change is told: a bound of ours. Less is within the error of two forecasts of one job."""
SAME = 0.01
"""Share by which the parameters of one training may differ, padding of a vocabulary."""
MOST = 4
"""Changes that are told."""


def faster(case: Case, args: Any, layout: Layout, place: Place, available: float) -> tuple[Faster, ...]:
    """The best of each argument that gains LEAST or more, and fits into `available` bytes of a rank on a GPU.

    It is the same training on the same ranks: a change that touches the global batch or the model is none. ValueError:
    the time of a step is not known.
    """
    from seatrial.expected import Faster
    from seatrial.forecast.fitting import fit
    from seatrial.forecast.step import step

    now = case.workload(args, layout)
    if now is None:
        return ()
    seconds, need = float(step(now, place).seconds), fit(now, available).bytes.expected
    found: dict[str, Faster] = {}
    for name, value in _others(args):
        changed = _changed(case, replace(args, **{name: value}), layout)
        if changed is None or changed == now or not _same_training(changed, now):
            continue
        room = fit(changed, available)
        if room.verdict != "fits" and (room.verdict != "tight" or room.bytes.expected > need):
            continue
        try:
            gain = seconds / float(step(changed, place).seconds) - 1
        except ValueError:  # such as a dtype that these accelerators lack
            continue
        if gain >= max(LEAST, found[name].gain if name in found else 0.0):
            found[name] = Faster(setting=f"{name}={_text(value)}", gain=gain)
    return tuple(sorted(found.values(), key=lambda one: -one.gain)[:MOST])


def _others(args: Any) -> Iterator[tuple[str, Any]]:
    """Arguments with another value each."""
    hints = get_type_hints(type(args))
    for name in (name for name in NUMBERS if hints.get(name) is int):
        value = getattr(args, name)
        yield name, 2 * value
        if value % 2 == 0 and value:
            yield name, value // 2
    for name in (name for name in CHOICES if name in hints):
        values = get_args(hints[name]) if get_origin(hints[name]) is Literal else (False, True)
        yield from ((name, value) for value in values if value != getattr(args, name))


def _changed(case: Case, args: Any, layout: Layout) -> Workload | None:
    """What such a job computes; None where the case refuses it."""
    return None if [*args.problems(), *case.check(args, layout)] else case.workload(args, layout)


def _same_training(one: Workload, other: Workload) -> bool:
    """A vocabulary may be padded for other degrees, which changes a model by less than SAME."""
    same = (one.global_batch_size, one.sequence_length) == (other.global_batch_size, other.sequence_length)
    return same and abs(one.parameters / other.parameters - 1) < SAME and bool(one.frozen) == bool(other.frozen)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
