"""What is put into the cluster when its stack stands."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.architectures import _kubernetes
from seatrial.architectures._architecture import Facts
from seatrial.architectures.eks.installs import lustre
from seatrial.architectures.hyperpod_eks import Params, kind
from seatrial.plan import Plan


def installs(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Plan:
    """Operators, queues, device plugins and the volume of the file system. Without groups there is nothing to run."""
    if not params.groups:
        return Plan()
    inside = _kubernetes.Inside(
        cluster=outputs["EksClusterName"],
        region=params.region,
        profile=params.profile,
        groups=tuple(
            _kubernetes.Group(name=one.name, instance_type=one.instance_type, at_most=one.count)
            for one in params.groups
        ),
        kind=kind(params),
        lustre=lustre(facts, outputs),
        hyperpod=True,
        brought=frozenset({"kueue"} if params.task_governance else ()),
        agent=params.agent,
        repair=params.repair,
    )
    return _kubernetes.installs(inside)
