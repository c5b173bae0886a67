"""What is put into the cluster when its stack stands."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.architectures import _kubernetes
from seatrial.architectures._architecture import Facts
from seatrial.architectures.eks import Params
from seatrial.plan import Plan


def installs(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Plan:
    """Operators, queues, device plugins and the volume of the file system. Without groups there is nothing to run."""
    if not params.groups:
        return Plan()
    lustre = None
    if "storage" in facts.needs:
        lustre = _kubernetes.Lustre(
            id=outputs["LustreId"],
            dns_name=outputs["LustreDnsName"],
            mount_name=outputs["LustreMountName"],
            gib=facts.needs["storage"].params.lustre_gib,
        )
    inside = _kubernetes.Inside(
        cluster=outputs["ClusterName"],
        region=params.region,
        profile=params.profile,
        groups=tuple(
            _kubernetes.Group(name=one.name, instance_type=one.instance_type, at_most=one.at_most)
            for one in params.groups
        ),
        kind=params.kind,
        lustre=lustre,
        agent=params.agent,
    )
    return _kubernetes.installs(inside)
