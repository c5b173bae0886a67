"""Names with the prefixes of NCCL, libfabric and Neuron that other components read, and names that nobody reads.

A variable of these is neither misspelt nor without effect. Looked up in the sources of each, 2026-11. Names with other
prefixes, such as UCX_, SHARP_, HOROVOD_, OMPI_, NEURON_CC_ and TORCH_NCCL_, are compared with nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

READERS: Mapping[str, str] = {
    # https://github.com/Mellanox/nccl-rdma-sharp-plugins, in every image of NGC: its InfiniBand transport has NCCL's
    # own variables under another prefix, so that NCCL_IBEXT_DISABLE does not turn NCCL's off
    "NCCL_IBEXT_*": "nccl-rdma-sharp-plugins",
    "NCCL_SHARP_*": "nccl-rdma-sharp-plugins",
    "NCCL_PLUGIN_P2P": "nccl-rdma-sharp-plugins",
    "NCCL_UCX_*": "nccl-rdma-sharp-plugins",
    # https://cloud.google.com/kubernetes-engine/docs/how-to/gpu-bandwidth-gpudirect-tcpx, and its pages on A3 and A4
    "NCCL_GPUDIRECTTCPX_*": "GPUDirect-TCPX of Google Cloud",
    "NCCL_FASTRAK_*": "GPUDirect-TCPXO of Google Cloud",
    "NCCL_SHIMNET_*": "plugins of Google Cloud",
    "NCCL_TUNER_CONFIG_*": "tuner plugins",
    "NCCL_PROFILER_*": "profiler plugins",
    "NCCL_INSPECTOR_*": "the profiler plugin Inspector",
    # https://github.com/ROCm/rccl/tree/develop/src
    "NCCL_RINGS": "RCCL",
    "NCCL_RINGS_REMAP": "RCCL",
    "NCCL_ENABLE_DMABUF_SUPPORT": "RCCL",
    "NCCL_GDR_FLUSH_GPU_MEM_NO_RELAXED_ORDERING": "RCCL",
    # https://github.com/meta-pytorch/torchcomms/tree/main/comms/utils/cvars
    "NCCL_CTRAN_*": "NCCLX",
    "NCCL_COLLTRACE*": "NCCLX",
    "NCCL_COMMSMONITOR_*": "NCCLX",
    "NCCL_MEMCACHE_*": "NCCLX",
    "NCCL_*_ALGO": "NCCLX",
    # strings of libnccl 2.14.3, and src/misc/param.cc of 2026
    "NCCL_THREAD_THRESHOLDS": "older releases of NCCL",
    "NCCL_CUDA_PATH": "older releases of NCCL",
    "NCCL_CHUNK_SIZE": "older releases of NCCL",
    "NCCL_NO_CACHE": "newer releases of NCCL",
    "NCCL_EP_*": "NCCL EP",
    "NCCL_*COMPRESS*": "builds of NCCL that compress",
    # the providers of https://ofiwg.github.io/libfabric/main/man/fi_provider.7.html but EFA: `fi_info -e` has them all
    **{
        f"FI_{provider}_*": f"libfabric's provider {provider.lower()}"
        for provider in (
            *(
                "CXI",
                "GNI",
                "HOOK",
                "LNX",
                "LPP",
                "MLX",
                "MONITOR",
                "MRAIL",
                "NET",
                "OFI",
                "OPX",
                "PSM",
                "PSM2",
                "PSM3",
            ),
            *("RXM", "SHM", "SM2", "SOCKETS", "TCP", "UCX", "UDP", "USNIC", "VERBS", "XNET"),
        )
    },
    # aws-ofi-nccl before 1.15, and of 2026
    "OFI_NCCL_GIN_*": "newer releases of aws-ofi-nccl",
    "OFI_NCCL_TOPO_FILE_*": "older releases of aws-ofi-nccl",
    "OFI_NCCL_ROUND_ROBIN_THRESHOLD": "older releases of aws-ofi-nccl",
}
"""Name, or a pattern of names -> who reads it."""

MEANT: Mapping[str, str] = {
    "NCCL_TIMEOUT": "a timeout of collectives is an argument: init_process_group(timeout=...); how long PyTorch's "
    "watchdog waits is TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC",
    "NCCL_SOCKET_TIMEOUT": "NCCL's sockets know NCCL_SOCKET_RETRY_CNT and NCCL_SOCKET_RETRY_SLEEP_MSEC; a timeout of "
    "collectives is an argument: init_process_group(timeout=...)",
    "NCCL_COMM_TIMEOUT": "a timeout of collectives is an argument: init_process_group(timeout=...)",
    "NCCL_NET_MAX_REQUESTS": "it is a constant in the source of NCCL's plugins, not a variable",
    "NCCL_LAUNCH_TIMEOUT": "a timeout of collectives is an argument: init_process_group(timeout=...)",
    "NCCL_HEARTBEAT_TIMEOUT_SEC": "PyTorch reads TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC",
    "NCCL_ENABLE_MONITORING": "PyTorch reads TORCH_NCCL_ENABLE_MONITORING",
    "NCCL_TRACE_BUFFER_SIZE": "PyTorch reads TORCH_NCCL_TRACE_BUFFER_SIZE",
    "NCCL_DUMP_ON_TIMEOUT": "PyTorch reads TORCH_NCCL_DUMP_ON_TIMEOUT",
    "NCCL_AVOID_RECORD_STREAMS": "PyTorch reads TORCH_NCCL_AVOID_RECORD_STREAMS",
    "NCCL_NVLINK_DISABLE": "what goes over NVLink is P2P, and NVLink SHARP is NCCL_NVLS_ENABLE",
    "NCCL_NVLS_DISABLE": "NCCL reads NCCL_NVLS_ENABLE",
    "NCCL_DEBUG_LEVEL": "NCCL reads NCCL_DEBUG",
    "NCCL_DEBUG_SUBSYSTEM": "NCCL reads NCCL_DEBUG_SUBSYS",
    "NCCL_IFNAME": "NCCL reads NCCL_SOCKET_IFNAME",
    "NCCL_TREE_ENABLE": "NCCL reads NCCL_ALGO",
    "NCCL_RING_ENABLE": "NCCL reads NCCL_ALGO",
}
"""Names that nobody reads and that are often written -> what is meant by them."""

_OWN = re.compile(
    r"(^|_)(HOME|ROOT|DIRS?|PATHS?|PREFIX|LIBS?|LIBDIR|LIBRAR(Y|IES)|SO|INC|INCLUDES?|INSTALL\w*|BUILD|SRC|SOURCE|VER|"
    r"VERSIONS?|MAJOR|MINOR|PATCH|TAG|BRANCH|COMMIT|SHA|REPO|GIT|URL|IMAGE|TESTS?|BENCH\w*|PKG|PACKAGE|DEB|RPM|ARGS?|"
    r"OPTS?|OPTIONS?|PARAMS?|FLAGS?|CMD|COMMAND|BIN|EXE|VARS?|ENVS?|SETTINGS?|CONFIG|CFG|LOGS?|OUT|OUTPUT|RESULTS?|"
    r"FILES?|NAME|MODE|JOB\w*|STATUS|READY|PID|RC|PROFILE|PRESET|EXPORTS?|INIT\w*|BW|SIZES?|STATIC|GENCODE|NVCC\w*)(_|$)"
)
"""Words in names of scripts and of builds: where a library lies, which version, what is measured."""


def reader(name: str) -> str | None:
    """Which other component reads the variable; None: none that is known."""
    return next((who for pattern, who in READERS.items() if fnmatchcase(name, pattern)), None)


def looks_own(name: str) -> bool:
    """Its name is like those that scripts and builds give to their own."""
    return _OWN.search(name) is not None
