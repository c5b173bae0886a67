"""Variables that do nothing for a job, or that the plugin sets better by itself."""

from __future__ import annotations

from seatrial.network import sources as at
from seatrial.network.rule import Rule, on_efa
from seatrial.network.site import GPUDIRECT_RDMA, SHM_COPY_ENGINE, Fact, Site, all_of, any_of, at_least, no
from seatrial.network.values import on, one_of, pins


def _nvidia_or_new_kernel(site: Site) -> Fact:
    return any_of(site.gpu, at_least(site.versions.kernel, 5, 15))


def _modern_stack(site: Site) -> Fact:
    versions = site.versions
    modern = all_of(at_least(versions.libfabric, 1, 18), at_least(versions.aws_ofi_nccl, 1, 7))
    return all_of(modern, no(site.neuron))


def _plugin_selects(site: Site) -> Fact:
    return all_of(at_least(site.versions.aws_ofi_nccl, 1, 6), site.gpu)


def _plugin_chooses_protocol(site: Site) -> Fact:
    return all_of(at_least(site.versions.aws_ofi_nccl, 1, 6), site.efa)


def _memops_needless(site: Site) -> Fact:
    versions = site.versions
    needed = all_of(site.gpu, no(at_least(versions.efa_installer, 1, 29, 1)), at_least(versions.nccl, 2, 19))
    removed = bool(at_least(versions.libfabric, 1, 20))
    return any_of(removed, no(needed))


def _trains(site: Site) -> Fact:
    return not site.context.by_choice


def _free_to_choose(site: Site) -> Fact:
    return not site.context.by_choice and not site.context.bound


def _free_elsewhere(site: Site) -> Fact:
    return all_of(_free_to_choose(site), site.elsewhere)


def _free_off_efa(site: Site) -> Fact:
    return all_of(_free_to_choose(site), no(site.efa))


def _copy_engine_needless(site: Site) -> Fact:
    linked = site.within(GPUDIRECT_RDMA)  # their GPUs talk over NVLink
    useless = any_of(no(site.several_gpus), linked, at_least(site.versions.nccl, 2, 30, 7))
    return useless if useless or site.within(SHM_COPY_ENGINE) else None


RULES = (
    Rule(
        name="fork-safe",
        kind="needless",
        variables=("FI_EFA_FORK_SAFE",),
        value=on,
        broken=_nvidia_or_new_kernel,
        expected="not set",
        why="on NVIDIA GPUs aws-ofi-nccl sets it, and kernels from 5.15 ignore it",
        source=at.PLUGIN_CHEATSHEET,
        bad="FI_EFA_FORK_SAFE=1",
    ),
    Rule(
        name="device-rdma",
        kind="needless",
        variables=("FI_EFA_USE_DEVICE_RDMA",),
        value=on,
        broken=_modern_stack,
        expected="not set",
        why="libfabric from 1.18 with aws-ofi-nccl from 1.7 uses RDMA where the device has it",
        source=at.PLUGIN_CHEATSHEET,
        bad="FI_EFA_USE_DEVICE_RDMA=1",
    ),
    Rule(
        name="shm-transfer",
        kind="needless",
        variables=("FI_EFA_ENABLE_SHM_TRANSFER",),
        value=on,
        expected="not set",
        why="it is the default, and aws-ofi-nccl turns it off for itself",
        source=at.PLUGIN_CHEATSHEET,
        good="FI_EFA_ENABLE_SHM_TRANSFER=0",
        bad="FI_EFA_ENABLE_SHM_TRANSFER=1",
    ),
    Rule(
        name="sync-memops",
        kind="needless",
        variables=("FI_EFA_SET_CUDA_SYNC_MEMOPS",),
        broken=_memops_needless,
        expected="not set",
        why="it works around a bug of EFA installers before 1.29.1 with NCCL from 2.19, is no matter "
        "of speed, and libfabric after 1.19 no longer reads it",
        source=at.LIBFABRIC_MEMOPS,
        bad="FI_EFA_SET_CUDA_SYNC_MEMOPS=0",
    ),
    Rule(
        name="provider",
        kind="needless",
        variables=("FI_PROVIDER",),
        value=one_of("efa"),
        broken=_plugin_selects,
        expected="not set",
        why="aws-ofi-nccl from 1.6 selects EFA itself",
        source=at.PLUGIN_CHEATSHEET,
        bad="FI_PROVIDER=efa",
    ),
    Rule(
        name="protocol",
        kind="needless",
        variables=("NCCL_PROTO",),
        value=one_of("simple"),
        broken=_plugin_chooses_protocol,
        expected="not set",
        why="aws-ofi-nccl from 1.6 turns LL and LL128 off where EFA cannot carry them, and elsewhere "
        "they are faster for small messages",
        source=at.PLUGIN_PLATFORM,
        good="NCCL_PROTO=^LL,LL128",
        bad="NCCL_PROTO=simple",
    ),
    Rule(
        name="socket-threads",
        kind="needless",
        variables=("NCCL_SOCKET_NTHREADS", "NCCL_NSOCKS_PERTHREAD"),
        broken=on_efa,
        expected="not set",
        why="it tunes NCCL's TCP sockets, which carry no data on EFA",
        source=at.PLUGIN_CHEATSHEET,
        good="NCCL_SOCKET_IFNAME=en",
        bad="NCCL_SOCKET_NTHREADS=4",
    ),
    Rule(
        name="channels",
        kind="needless",
        variables=("NCCL_MIN_NCHANNELS", "NCCL_MIN_CTAS"),
        broken=on_efa,
        expected="not set",
        why="more channels than NCCL chooses mean smaller messages, which starve EFA",
        source=at.PLUGIN_CHEATSHEET,
        bad="NCCL_MIN_NCHANNELS=16",
    ),
    Rule(
        name="plugin-tunes",
        kind="needless",
        variables=(
            "NCCL_BUFFSIZE",
            "NCCL_P2P_NET_CHUNKSIZE",
            "NCCL_NVLSTREE_MAX_CHUNKSIZE",
            "NCCL_NVLS_CHUNKSIZE",
            "NCCL_NET_FORCE_FLUSH",
            "NCCL_TUNER_PLUGIN",
        ),
        broken=on_efa,
        expected="not set",
        why="aws-ofi-nccl chooses it for each instance type, and a value of yours wins over that",
        source=f"{at.NCCL_TESTS_REVIEW}; {at.PLUGIN_PLATFORM}",
        bad="NCCL_BUFFSIZE=8388608",
    ),
    Rule(
        name="debug",
        kind="needless",
        variables=("NCCL_DEBUG", "FI_LOG_LEVEL"),
        value=one_of("info", "debug", "trace"),
        broken=_trains,
        expected="not set, or WARN",
        why="it is for debugging, and every rank prints",
        remedy="leave it out once the problem is found",
        source=at.NCCL_ENVIRONMENT,
        good="NCCL_DEBUG=WARN",
        bad="NCCL_DEBUG=INFO",
    ),
    Rule(
        name="shm-copy-engine",
        kind="needless",
        variables=("NCCL_SHM_USE_CUDA_MEMCPY",),
        value=on,
        broken=_copy_engine_needless,
        expected="only on g5 and g6 with several GPUs, and NCCL before 2.30.7",
        why="elsewhere GPUs do not talk through host memory, or NCCL no longer reads it",
        source=at.EFA_CHEATSHEET,
        bad="NCCL_SHM_USE_CUDA_MEMCPY=1",
        on="p4d.24xlarge",
    ),
    Rule(
        name="one-algorithm",
        kind="needless",
        variables=("NCCL_ALGO",),
        value=pins(),
        broken=_free_to_choose,
        expected="not set, or only what is to be left out: ^NVLS",
        why="one algorithm for all collectives and sizes takes the others from NCCL and from its tuner, which choose "
        "by size and number of nodes: Tree for small messages, NVLS and NVLSTree over NVSwitch, Ring for large ones",
        remedy="leave it out; if one algorithm fails, exclude that one, or name it for one collective: allreduce:ring",
        source=at.NCCL_TUNING,
        good="NCCL_ALGO=^NVLS",
        bad="NCCL_ALGO=Ring",
    ),
    Rule(
        name="one-protocol",
        kind="needless",
        variables=("NCCL_PROTO",),
        value=pins("simple"),
        broken=_free_elsewhere,
        expected="not set",
        why="without LL and LL128 small messages take several times as long, and nothing but an old plugin of EFA "
        "needs that",
        source=at.NCCL_TUNING,
        good="NCCL_PROTO=^LL128\nNCCL_IB_HCA=mlx5",
        bad="NCCL_PROTO=Simple\nNCCL_IB_HCA=mlx5",
        on="",
    ),
    Rule(
        name="low-latency-alone",
        kind="needless",
        variables=("NCCL_PROTO",),
        value=pins("ll", "ll128"),
        broken=_free_off_efa,
        expected="not set",
        why="LL spends half of each transfer on flags, and LL128 is safe on some hardware alone: NCCL chooses them for "
        "the sizes and the hardware for which they are right",
        source=at.NCCL_TUNING,
        good="NCCL_PROTO=^LL128\nNCCL_IB_HCA=mlx5",
        bad="NCCL_PROTO=LL\nNCCL_IB_HCA=mlx5",
        on="",
    ),
)
