"""What is put into the cluster when its stack stands."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.architectures import _kubernetes
from seatrial.architectures._architecture import Facts
from seatrial.architectures.eks import Params
from seatrial.plan import Plan


def installs(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Plan:
    """Operators, queues, device plugins and the volume of the file system; for HyperPod what its nodes find there."""
    inside = _kubernetes.Inside(
        cluster=outputs["ClusterName"],
        region=params.region,
        profile=params.profile,
        groups=tuple(
            _kubernetes.Group(name=one.name, instance_type=one.instance_type, at_most=one.at_most)
            for one in params.groups
        ),
        kind=params.kind,
        lustre=lustre(facts, outputs),
        agent=params.agent,
    )
    if params.hyperpod:
        return _kubernetes.dependencies(inside)
    return _kubernetes.installs(inside) if params.groups else Plan()  # without groups there is nothing to run


def lustre(facts: Facts, outputs: Mapping[str, str]) -> _kubernetes.Lustre | None:
    """The file system of jobs, if there is one."""
    if "storage" not in facts.needs:
        return None
    return _kubernetes.Lustre(
        id=outputs["LustreId"],
        dns_name=outputs["LustreDnsName"],
        mount_name=outputs["LustreMountName"],
        gib=facts.needs["storage"].params.lustre_gib,
    )
