"""What a job needs in its environment: a table, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from seatrial.hardware.instances import Instance
from seatrial.network.site import (
    SHM_COPY_ENGINE,
    Fact,
    Site,
    VersionTexts,
    all_of,
    at_least,
    no,
    parse_versions,
)
from seatrial.network.sources import (
    EFA_CHEATSHEET,
    ISSUE_MEMOPS,
    NEURON_MULTI_NODE,
    PLUGIN_CHEATSHEET,
    PLUGIN_PLATFORM,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable's value, and why it is set."""

    value: str
    reason: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A variable that some jobs need."""

    variable: str
    value: str
    when: str
    """For people: what `needed` computes."""
    needed: Callable[[Site], Fact]
    vital: bool = False
    """A job that needs it and does not set it stops, computes with wrong data, or leaves EFA or its RDMA unused."""
    if_unknown: str = ""
    """What follows from setting it although a version is not known, where that harms nothing. Empty: then it is not
    set."""
    reason: str
    source: str


def _efa_gpu(site: Site) -> Fact:
    return all_of(site.efa, site.gpu)


def _device_rdma(site: Site) -> Fact:
    modern = all_of(at_least(site.versions.libfabric, 1, 18), at_least(site.versions.aws_ofi_nccl, 1, 7))
    return all_of(site.efa, site.gpudirect, no(modern))


def _old_plugin(site: Site) -> Fact:
    """1.5.0 and older. Nothing was released between 1.5.0 and 1.6.0, which the published presets leave out; a build
    from in between lacks what came with 1.6.0, so it counts as old."""
    return all_of(_efa_gpu(site), no(at_least(site.versions.aws_ofi_nccl, 1, 6)))


def _sync_memops(site: Site) -> Fact:
    broken = no(at_least(site.versions.efa_installer, 1, 29, 1))
    removed = bool(at_least(site.versions.libfabric, 1, 20))  # unknown: what the installer brings, which is older
    return all_of(_efa_gpu(site), at_least(site.versions.nccl, 2, 19), broken, not removed)


def _host_network(site: Site) -> Fact:
    return all_of(site.instance is not None and site.instance.name in NAMED_EN, no(site.pod_network))


def _copy_engine(site: Site) -> Fact:
    return all_of(site.within(SHM_COPY_ENGINE), site.several_gpus, no(at_least(site.versions.nccl, 2, 30, 7)))


def _efa_neuron(site: Site) -> Fact:
    return all_of(site.efa, site.neuron)


def _old_kernel_neuron(site: Site) -> Fact:
    return all_of(_efa_neuron(site), no(at_least(site.versions.kernel, 5, 15)))


NAMED_EN = frozenset({"p4d.24xlarge", "p4de.24xlarge", "p5.48xlarge"})
"""Instance types whose host interfaces are published to begin with ``en``. Where they do not, NCCL would find none."""

PRESETS = (
    Preset(
        variable="FI_EFA_USE_HUGE_PAGE",
        value="0",
        when="NVIDIA GPUs with EFA",
        needed=_efa_gpu,
        reason="data loaders fork: with libfabric's huge pages fork() ends in 'OSError: Cannot allocate memory'",
        source=EFA_CHEATSHEET,
    ),
    Preset(
        variable="FI_EFA_USE_DEVICE_RDMA",
        value="1",
        when="p4, p5 and p6 with libfabric before 1.18 or aws-ofi-nccl before 1.7",
        needed=_device_rdma,
        vital=True,
        if_unknown="harmless where libfabric and the plugin are new enough to do it on their own",
        reason="without it these versions copy GPU memory through the host (no GPUDirect RDMA)",
        source=PLUGIN_CHEATSHEET,
    ),
    Preset(
        variable="FI_PROVIDER",
        value="efa",
        when="NVIDIA GPUs with EFA and aws-ofi-nccl before 1.6",
        needed=_old_plugin,
        vital=True,
        if_unknown="harmless where the plugin selects EFA itself; one before 1.6 needs NCCL_PROTO=simple as well",
        reason="this plugin does not select EFA by itself",
        source=PLUGIN_CHEATSHEET,
    ),
    Preset(
        variable="NCCL_PROTO",
        value="simple",
        when="NVIDIA GPUs with EFA and aws-ofi-nccl before 1.6",
        needed=_old_plugin,
        vital=True,
        reason="LL and LL128 need data in order, which EFA does not promise; this plugin does not turn them off",
        source=PLUGIN_CHEATSHEET,
    ),
    Preset(
        variable="FI_EFA_SET_CUDA_SYNC_MEMOPS",
        value="0",
        when="NVIDIA GPUs with EFA installer before 1.29.1 and NCCL from 2.19",
        needed=_sync_memops,
        vital=True,
        reason="else NCCL stops with 'Unable to register memory ... RC: -22, Error: Invalid argument'",
        source=ISSUE_MEMOPS,
    ),
    Preset(
        variable="NCCL_SOCKET_IFNAME",
        value="en",
        when="p4d, p4de and p5.48xlarge, unless pods have a network of their own",
        needed=_host_network,
        reason="NCCL finds its peers over the host's own interface, not over one of containers",
        source=EFA_CHEATSHEET,
    ),
    Preset(
        variable="NCCL_SHM_USE_CUDA_MEMCPY",
        value="1",
        when="g5 and g6 with several GPUs and NCCL before 2.30.7",
        needed=_copy_engine,
        if_unknown="NCCL from 2.30.7 ignores it",
        reason="twice the speed between GPUs that talk through host memory; if a job hangs, leave it out first "
        "(https://github.com/NVIDIA/nccl/issues/803)",
        source=EFA_CHEATSHEET,
    ),
    Preset(
        variable="FI_PROVIDER",
        value="efa",
        when="Trainium with EFA",
        needed=_efa_neuron,
        vital=True,
        reason="Neuron's collectives find EFA by it",
        source=NEURON_MULTI_NODE,
    ),
    Preset(
        variable="FI_EFA_USE_DEVICE_RDMA",
        value="1",
        when="Trainium with EFA",
        needed=_efa_neuron,
        vital=True,
        reason="EFA reads and writes the memory of the Trainium chips directly",
        source=NEURON_MULTI_NODE,
    ),
    Preset(
        variable="FI_EFA_FORK_SAFE",
        value="1",
        when="Trainium with EFA and a kernel before 5.15, such as Amazon Linux 2's",
        needed=_old_kernel_neuron,
        vital=True,
        if_unknown="newer kernels ignore it",
        reason="on these kernels a fork() of a process that uses EFA is not safe, and on Trainium no plugin sets it",
        source=f"{NEURON_MULTI_NODE}; {PLUGIN_PLATFORM}",
    ),
)


def environment(
    instance: Instance, *, pod_network: bool = False, **versions: Unpack[VersionTexts]
) -> dict[str, Setting]:
    """The variables that a job on this instance type needs, and no others.

    A version that is None is unknown, unless it follows from the EFA installer: then what may be needed is set if it
    is harmless on every version, else left out; its reason says so. `pod_network`: the job runs in pods with a network
    of their own, whose interfaces have other names. Raises UserError for a version that cannot be read.
    """
    return settings(Site(instance=instance, versions=parse_versions(versions), pod_network=pod_network))


def settings(site: Site) -> dict[str, Setting]:
    """`environment`, of a site."""
    found = {}
    for preset in PRESETS:
        needed = preset.needed(site)
        if needed:
            found[preset.variable] = Setting(preset.value, preset.reason, preset.source)
        elif needed is None and preset.if_unknown and site.instance:
            reason = f"{preset.reason}. A version is unknown: {preset.if_unknown}"
            found[preset.variable] = Setting(preset.value, reason, preset.source)
    return found
