"""What a job costs on a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.cluster import Cluster
from seatrial.prices.bills import dollars, no_price
from seatrial.prices.entry import Price
from seatrial.prices.table import price


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCost:
    """On-demand price of the nodes that a job holds. Storage, network and the cluster's other nodes come on top."""

    nodes: int
    instance_type: str | None
    hours: float | None
    """How long it runs; None: not known."""
    price: Price | None
    """Of one node; None: unknown."""
    why: str = ""
    """Why it is unknown."""

    @property
    def hourly(self) -> float | None:
        """USD an hour; None: unknown."""
        return None if self.price is None else self.nodes * self.price.hourly

    @property
    def total(self) -> float | None:
        """USD for its hours; None: unknown."""
        return None if self.hourly is None or self.hours is None else self.hourly * self.hours

    def __str__(self) -> str:
        """``2 x p5.48xlarge: $110.08/h, $220.16 for 2 h (on demand, as of 2026-01-19)``"""
        if self.price is None or self.hourly is None:
            return f"unknown: {self.why}"
        total = "" if self.total is None else f", {dollars(self.total)} for {self.hours:g} h"
        dated = f"(on demand, as of {self.price.date})"
        return f"{self.nodes} x {self.instance_type}: {dollars(self.hourly)}/h{total} {dated}"


def run_cost(cluster: Cluster, nodes: int, hours: float | None = None, *, region: str | None = None) -> RunCost:
    """That of a job on so many nodes; `region` where the cluster's options name none."""
    kind, where = cluster.instance_type, getattr(cluster.options, "region", None) or region
    found, why = None, ""
    if kind is None:
        why = f"cluster {cluster.name} has no instance_type"
    elif where is None:
        why = f"which region cluster {cluster.name} is in is not known: set AWS_REGION"
    else:
        item = f"sagemaker/{kind}" if kind.startswith("ml.") else f"ec2/{kind}"
        found = price(item, where)
        why = "" if found else no_price(item, where)
    return RunCost(nodes=nodes, instance_type=kind, hours=hours, price=found, why=why)
