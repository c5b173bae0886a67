"""The whole run of a target: what its forecast, the case's arguments and what the user says of the cluster come to."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.forecast.job import Forecast
    from seatrial.forecast.run import Kind, Rate, Run
    from seatrial.forecast.saves import Save

DETECTION = 600.0
"""Seconds until a rank that hangs is noticed: torch.distributed's time-out of a collective with NCCL (2.13)."""
GB = 1e9


def run_of(
    args: Any, found: Forecast, where: Cluster, nodes: int, *, storage: float | None, start: float | None,
    today: datetime.date,
) -> tuple[Run, Save] | None:  # fmt: skip
    """The run and its checkpoints; None where the time of a step or the number of steps is not known, and on CPUs, of
    whose failures nobody has published anything.

    `storage`: GB a second that the file system gives all ranks together; `start`: seconds from launch to first step.
    """
    from seatrial.forecast import run
    from seatrial.forecast.failures import PRIOR
    from seatrial.forecast.interval import Interval
    from seatrial.forecast.saves import Storage, save
    from seatrial.hardware import accelerators, fabrics, instances

    steps = getattr(args, "steps", None)
    if found.pace is None or steps is None or where.instance_type is None:
        return None
    instance = instances.instance(where.instance_type)
    if instance.accelerator is None:
        return None
    bytes_a_second = None if storage is None else storage * GB
    kept = save(
        found.workload,
        Storage(write=bytes_a_second, read=bytes_a_second),
        ranks_per_node=instance.ranks,
        to_host=fabrics.host_link(instance),
        in_background=getattr(args, "checkpoint_async", False),
    )
    rate, tokens = found.pace.tokens_per_second, float(found.pace.step.tokens / found.pace.step.accelerators)
    restart = None if start is None or kept.read is None else start + kept.read
    plan = run.Plan(
        step=Interval(tokens / rate.high, tokens / rate.expected, tokens / rate.low),
        steps=steps,
        nodes=nodes,
        accelerators=round(float(found.pace.step.accelerators)),
        rate=PRIOR,
        start=start,
        stall=kept.stall,
        restart=restart,
        detection=DETECTION,
        watts=accelerators.accelerator(instance.accelerator).watts,
    )
    try:
        return run.forecast(plan, [*_rates(where)], today=today), kept
    except ValueError as error:
        remedy = "shorter steps, a quicker start, faster storage or fewer nodes"
        raise UserError(Problem(f"the run never ends: {error}", f"{nodes} nodes", remedy)) from None


def _rates(where: Cluster) -> Iterator[Rate]:
    """What its instances cost, as far as it is known; spot changes by the hour, and nobody promises it."""
    from seatrial.forecast.run import Rate

    region = getattr(where.options, "region", None) or os.environ.get("AWS_REGION")
    if region is None or where.instance_type is None:
        return
    from seatrial.prices import price  # with bills and architectures

    kinds: dict[Kind, str] = {"on demand": "ec2", "capacity block": "capacity-block"}
    for kind, item in kinds.items():
        if one := price(f"{item}/{where.instance_type}", region):
            year, *rest = (int(part) for part in one.date.split("-"))
            date = datetime.date(year, *[*rest, 1, 1][:2])
            yield Rate(kind=kind, usd=one.hourly, source=one.source, date=date)
