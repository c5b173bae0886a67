"""The clusters that a queue of Batch yields, one for each of its shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.architectures._architecture import Facts
from seatrial.architectures.batch import FSX, Params
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import MIB, instances


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """Named like the deployment, and like their share where there are several."""
    for share in params.shares or [None]:
        name = facts.deployment if len(params.shares) < 2 else f"{facts.deployment}-{share}"
        yield _cluster(name, params, outputs, _options(params, outputs, share))


def _cluster(name: str, params: Params, outputs: Mapping[str, str], options: dict[str, Any]) -> Cluster:
    instance = instances.instance(params.instance_type)
    return Cluster(
        name=name,
        launcher="batch",
        nodes=params.at_most,
        cpus_per_node=instance.vcpus,
        memory_per_node=instance.memory_mib * MIB,
        accelerators_per_node=instance.ranks,
        processes_per_node=instance.ranks or instance.vcpus,
        instance_type=instance.name,
        shared=f"{FSX}/seatrial" if params.storage else None,
        mounts=(Mount(source=FSX, target=FSX),) if params.storage else (),
        container="docker",
        image=params.image or f"{outputs['Repository']}:1",
        options=options,
    )


def _options(params: Params, outputs: Mapping[str, str], share: str | None) -> dict[str, Any]:
    found = {
        "queue": outputs["Queue"],
        "region": params.region,
        "profile": params.profile,
        "job_role_arn": outputs["JobRoleArn"],
        "execution_role_arn": outputs["ExecutionRoleArn"],
        "log_group": outputs["LogGroup"],
        "secret_arns": dict(params.secrets),
        "share_identifier": share,
    }
    return {name: value for name, value in found.items() if value}
