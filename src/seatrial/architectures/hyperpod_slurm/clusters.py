"""The clusters that a HyperPod cluster yields, one for each group of workers."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import Group, cpus, gpus
from seatrial.architectures.hyperpod_slurm import CONTROLLER, LOGIN, USER, Params
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import MIB, instances


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each group."""
    for place, group in enumerate(params.workers):
        yield _cluster(facts.cluster(place, group.name), group, params, outputs)


def _cluster(name: str, group: Group, params: Params, outputs: Mapping[str, str]) -> Cluster:
    instance = instances.instance(group.instance_type)
    return Cluster(
        name=name,
        launcher="slurm",
        nodes=group.count,
        cpus_per_node=cpus(group),
        memory_per_node=instance.memory_mib * MIB,
        accelerators_per_node=instance.ranks,
        processes_per_node=instance.ranks or cpus(group),
        instance_type=f"ml.{instance.name}",
        shared="/fsx/seatrial",
        mounts=(Mount(source="/fsx", target="/fsx"),) if params.container_image else (),
        container="pyxis" if params.container_image else "none",
        image=params.container_image,
        python=params.python,
        options={
            "partition": group.name,
            "reach": f"ssh:{USER}@{outputs['ClusterName']}",
            "ssh_options": _ssh_options(params, outputs),
            **({"gpus": "none"} if instance.accelerators and not gpus(group) else {}),
            **({"auto_resume": True} if params.node_recovery == "Automatic" else {}),
        },
    )


def _ssh_options(params: Params, outputs: Mapping[str, str]) -> list[str]:
    # HyperPod replaces a node by another one with another key. Whom Systems Manager leads to is whom it means.
    known = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR"]
    return [part for option in (f"ProxyCommand={_session(params, outputs)}", *known) for part in ("-o", option)]


def _session(params: Params, outputs: Mapping[str, str]) -> str:
    """The command by which ssh reaches a node that takes no connection from outside, whichever it is by now.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-run-jobs-slurm-access-nodes.html
    """
    group = LOGIN if params.login_nodes else CONTROLLER
    place = f"--region {params.region}" + (f" --profile {shlex.quote(params.profile)}" if params.profile else "")
    running = f"[?InstanceGroupName==\\`{group}\\` && InstanceStatus.Status==\\`Running\\`]"
    # As JSON: of text, the command line asks the query of each page.
    node = f"aws sagemaker list-cluster-nodes {place} --cluster-name {outputs['ClusterName']} --output json"
    node += f' --query "ClusterNodeSummaries{running}|[0].InstanceId" | tr -d \\"'
    target = f"sagemaker-cluster:{outputs['ClusterArn'].rpartition('/')[2]}_{group}-$({node})"
    document = "--document-name AWS-StartSSHSession --parameters portNumber=%p"
    return "sh -c " + shlex.quote(f'exec aws ssm start-session {place} --target "{target}" {document}')
