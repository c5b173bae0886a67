"""Values that stop a job, corrupt its data, or keep it from EFA."""

from __future__ import annotations

from seatrial.findings import Verdict
from seatrial.network import sources as at
from seatrial.network.rule import Rule, on_efa, several_nodes
from seatrial.network.site import SHM_COPY_ENGINE, WITHOUT_RDMA_READ, Fact, Site, all_of, any_of, no
from seatrial.network.values import (
    allows_ll,
    avoids_efa,
    excludes,
    is_loopback,
    keeps_docker,
    off,
    on,
    one_of,
    only,
)


def _rdma_capable(site: Site) -> Fact:
    return any_of(site.gpudirect, all_of(site.efa, site.neuron))


def _no_rdma_read(site: Site) -> Fact:
    return all_of(site.within(WITHOUT_RDMA_READ), site.efa)


def _no_efa(site: Site) -> Fact:
    return no(site.efa)


def _in_pods(site: Site) -> Fact:
    return site.pod_network


def _on_hosts(site: Site) -> Fact:
    return no(site.pod_network)


def _on_hosts_of_ec2(site: Site) -> Fact:
    """Unknown at best: Amazon Linux 2 calls them eth0."""
    return None if site.instance and site.pod_network is False else False


def _linked(site: Site) -> Fact:
    """Not where GPUs reach each other through host memory anyway."""
    return no(any_of(site.within(SHM_COPY_ENGINE) or False, site.context.by_choice))


RULES = (
    Rule(
        name="rdma-abort",
        kind="harmful",
        variables=("FI_EFA_USE_DEVICE_RDMA",),
        value=on,
        broken=_no_rdma_read,
        verdict=Verdict.FAIL,
        expected="not set",
        why="libfabric aborts where the device has no RDMA read",
        source=at.LIBFABRIC_RDMA,
        bad="FI_EFA_USE_DEVICE_RDMA=1",
        on="g5.48xlarge",
    ),
    Rule(
        name="rdma-off",
        kind="harmful",
        variables=("FI_EFA_USE_DEVICE_RDMA",),
        value=off,
        broken=_rdma_capable,
        depends="the instance type",
        verdict=Verdict.FAIL,
        expected="not set",
        why="0 keeps EFA from the accelerators' memory, and newer plugins then refuse to start",
        source=f"{at.LIBFABRIC_EFA}; {at.PLUGIN_NOTES}",
        bad="FI_EFA_USE_DEVICE_RDMA=0",
    ),
    Rule(
        name="rdma-core-fork",
        kind="harmful",
        variables=("RDMAV_FORK_SAFE", "IBV_FORK_SAFE", "RDMAV_HUGEPAGES_SAFE"),
        broken=on_efa,
        verdict=Verdict.FAIL,
        expected="not set",
        why="rdma-core's own fork support breaks EFA on newer kernels, and with huge pages it does not open at all",
        remedy="leave it out; on a kernel before 5.15 FI_EFA_FORK_SAFE=1 does the same",
        source=at.PLUGIN_CHEATSHEET,
        bad="RDMAV_FORK_SAFE=1",
    ),
    Rule(
        name="rdma-core",
        kind="harmful",
        variables=("RDMAV_*",),
        broken=on_efa,
        expected="not set",
        why="libfabric, not rdma-core, is what is configured on EFA",
        source=at.PLUGIN_CHEATSHEET,
        bad="RDMAV_ALLOW_DISASSOC_DESTROY=1",
    ),
    Rule(
        name="unordered-data",
        kind="harmful",
        variables=("NCCL_PROTO",),
        value=allows_ll,
        broken=on_efa,
        verdict=Verdict.FAIL,
        expected="not set",
        why="LL and LL128 corrupt data where EFA delivers out of order; aws-ofi-nccl knows where",
        source=at.PLUGIN_PLATFORM,
        good="NCCL_PROTO=^LL,LL128",
        bad="NCCL_PROTO=LL128",
    ),
    Rule(
        name="not-efa",
        kind="harmful",
        variables=("FI_PROVIDER",),
        value=avoids_efa,
        broken=on_efa,
        verdict=Verdict.FAIL,
        expected="efa, or not set",
        why="any other provider leaves EFA unused",
        source=at.PLUGIN_PLATFORM,
        good="FI_PROVIDER=efa",
        bad="FI_PROVIDER=tcp",
    ),
    Rule(
        name="no-efa-there",
        kind="harmful",
        variables=("FI_PROVIDER",),
        value=one_of("efa"),
        broken=_no_efa,
        verdict=Verdict.FAIL,
        expected="not set",
        why="this instance type has no EFA, so no provider is found",
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html",
        bad="FI_PROVIDER=efa",
        on="m5.8xlarge",
    ),
    Rule(
        name="sockets-instead",
        kind="harmful",
        variables=("NCCL_NET",),
        value=one_of("socket", "ib"),
        broken=on_efa,
        verdict=Verdict.FAIL,
        expected="not set",
        why="NCCL then does not use EFA",
        source=at.NCCL_ENVIRONMENT,
        good="NCCL_NET=AWS Libfabric",
        bad="NCCL_NET=Socket",
    ),
    Rule(
        name="no-plugin",
        kind="harmful",
        variables=("NCCL_NET_PLUGIN",),
        value=one_of("none"),
        broken=on_efa,
        verdict=Verdict.FAIL,
        expected="not set",
        why="without aws-ofi-nccl NCCL does not use EFA",
        source=at.NCCL_ENVIRONMENT,
        bad="NCCL_NET_PLUGIN=none",
    ),
    Rule(
        name="transport-off",
        kind="harmful",
        variables=("NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE"),
        value=on,
        broken=_linked,
        expected="not set",
        why="it is for debugging, and sends data between GPUs of one node a slower way",
        source=at.NCCL_ENVIRONMENT,
        good="NCCL_P2P_DISABLE=0",
        bad="NCCL_P2P_DISABLE=1",
    ),
    Rule(
        name="gdr-unchecked",
        kind="harmful",
        variables=("OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK",),
        value=on,
        expected="not set",
        why="a node whose GPUDirect RDMA is broken then runs on, much slower, instead of failing",
        remedy="leave it out, and repair the node",
        source=at.PLUGIN_NOTES,
        bad="OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK=1",
    ),
    Rule(
        name="loopback",
        kind="harmful",
        variables=("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "CCOM_SOCKET_IFNAME"),
        value=is_loopback,
        broken=several_nodes,
        expected="an interface that reaches other nodes",
        why="lo is right only for a job on one node",
        source=at.NCCL_ENVIRONMENT,
        good="GLOO_SOCKET_IFNAME=ens5",
        bad="GLOO_SOCKET_IFNAME=lo",
    ),
    Rule(
        name="docker-not-excluded",
        kind="harmful",
        variables=("NCCL_SOCKET_IFNAME",),
        value=keeps_docker,
        broken=_on_hosts,
        expected="not set",
        why="a list of your own replaces NCCL's, which passes over lo and docker; now docker0 counts, "
        "which is the same address on every node",
        remedy="leave it out, or begin it with ^docker,lo",
        source=at.NCCL_ENVIRONMENT,
        good="NCCL_SOCKET_IFNAME=^docker,lo,veth",
        bad="NCCL_SOCKET_IFNAME=^lo",
    ),
    Rule(
        name="excludes-eth",
        kind="harmful",
        variables=("NCCL_SOCKET_IFNAME",),
        value=excludes("eth0"),
        broken=_in_pods,
        verdict=Verdict.FAIL,
        expected="not set",
        why="in a pod with its own network eth0 is the only interface",
        source=at.IFNAME_ON_HOSTS,
        good="NCCL_SOCKET_IFNAME=^docker,lo,veth",
        bad="NCCL_SOCKET_IFNAME=^docker,lo,veth,eth",
    ),
    Rule(
        name="host-interface",
        kind="harmful",
        variables=("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"),
        value=only("en"),
        broken=_in_pods,
        verdict=Verdict.FAIL,
        expected="not set",
        why="a pod with its own network has eth0: NCCL stops with 'no socket interface found', gloo with 'Unable to "
        "find address'",
        source=at.IFNAME_ON_HOSTS,
        good="NCCL_SOCKET_IFNAME=eth0",
        bad="NCCL_SOCKET_IFNAME=ens",
    ),
    Rule(
        name="pod-interface",
        kind="harmful",
        variables=("NCCL_SOCKET_IFNAME",),
        value=only("eth"),
        broken=_on_hosts_of_ec2,
        depends="the names of the node's interfaces: only pods and Amazon Linux 2 have eth0",
        verdict=Verdict.FAIL,
        expected="not set",
        why="most EC2 hosts have ens5 or enp71s0, and NCCL stops with 'no socket interface found'",
        source=at.IFNAME_ON_HOSTS,
        good="NCCL_SOCKET_IFNAME=ens5",
        bad="NCCL_SOCKET_IFNAME==eth0",
    ),
    Rule(
        name="gloo-list",
        kind="harmful",
        variables=("GLOO_SOCKET_IFNAME",),
        value=lambda value: value.startswith(("^", "=")),
        verdict=Verdict.FAIL,
        expected="the name of an interface",
        why="gloo knows no ^ and no =, and stops with 'Unable to find address'",
        remedy="leave it out, or name the interface that `ip route get` shows",
        source=at.GLOO_INTERFACE,
        good="GLOO_SOCKET_IFNAME=ens5",
        bad="GLOO_SOCKET_IFNAME=^lo",
    ),
)
