"""Variables that were removed, renamed or deprecated."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.findings import Verdict
from seatrial.network import sources as at
from seatrial.network.rule import Gone

_ABORTS = Gone("libfabric aborts when it sees it", "", at.LIBFABRIC_EFA, Verdict.FAIL)


def _torch(name: str) -> Gone:
    return Gone("PyTorch renamed it in 2.2", f"TORCH_{name}", at.TORCH_NCCL)


def _nccl(why: str, instead: str = "") -> Gone:
    return Gone(why, instead, at.NCCL_ENVIRONMENT)


GONE: Mapping[str, Gone] = {
    "FI_EFA_MTU_SIZE": _ABORTS,
    "FI_EFA_TX_IOV_LIMIT": _ABORTS,
    "FI_EFA_RX_IOV_LIMIT": _ABORTS,
    "FI_EFA_SHM_MAX_MEDIUM_SIZE": Gone("libfabric no longer reads it", "", at.LIBFABRIC_EFA),
    "FI_EFA_RX_WINDOW_SIZE": Gone("libfabric no longer reads it", "", at.LIBFABRIC_EFA),
    "FI_EFA_TX_MAX_CREDITS": Gone("libfabric no longer reads it", "", at.LIBFABRIC_EFA),
    "NCCL_SINGLE_RING_THRESHOLD": _nccl("removed in NCCL 2.3"),
    "NCCL_IB_CUDA_SUPPORT": _nccl("removed in NCCL 2.4", "NCCL_NET_GDR_LEVEL"),
    "NCCL_IB_GDR_LEVEL": _nccl("renamed in NCCL 2.4", "NCCL_NET_GDR_LEVEL"),
    "NCCL_LL_THRESHOLD": _nccl("removed in NCCL 2.5"),
    "NCCL_TREE_THRESHOLD": _nccl("removed in NCCL 2.5"),
    "NCCL_CHECKS_DISABLE": _nccl("deprecated in NCCL 2.2.12", "NCCL_CHECK_MODE"),
    "NCCL_CHECK_DISABLE": _nccl("misspelt, and deprecated in NCCL 2.2.12", "NCCL_CHECK_MODE"),
    "NCCL_TOPO_AFFINITY": Gone("NCCL from 2.14 on has no such variable", "", at.NCCL_PARAM),
    "NCCL_MAX_NRINGS": _nccl("renamed in NCCL 2.5", "NCCL_MAX_CTAS"),
    "NCCL_MIN_NRINGS": _nccl("renamed in NCCL 2.5"),
    "NCCL_ASYNC_ERROR_HANDLING": _torch("NCCL_ASYNC_ERROR_HANDLING"),
    "NCCL_BLOCKING_WAIT": _torch("NCCL_BLOCKING_WAIT"),
    "NCCL_DESYNC_DEBUG": _torch("NCCL_DESYNC_DEBUG"),
    "NCCL_ENABLE_TIMING": _torch("NCCL_ENABLE_TIMING"),
    "NCCL_USE_TENSOR_REGISTER_ALLOCATOR_HOOK": _torch("NCCL_USE_TENSOR_REGISTER_ALLOCATOR_HOOK"),
    "OFI_NCCL_ENDPOINT_PER_COMM": Gone("aws-ofi-nccl no longer reads it", "", at.PLUGIN_PARAMETERS),
    "OFI_NCCL_RDMA_MIN_POSTED_BOUNCE_BUFFERS": Gone(
        "split in two; newer plugins do not start with it",
        "OFI_NCCL_RDMA_MIN_POSTED_EAGER_BUFFERS",
        at.PLUGIN_PARAMETERS,
    ),
    "OFI_NCCL_RDMA_MAX_POSTED_BOUNCE_BUFFERS": Gone(
        "split in two; newer plugins do not start with it",
        "OFI_NCCL_RDMA_MAX_POSTED_EAGER_BUFFERS",
        at.PLUGIN_PARAMETERS,
    ),
    "NEURONCORE_GROUP_SIZES": Gone("deprecated since Neuron Runtime 2", "NEURON_RT_VISIBLE_CORES", at.NEURON_RUNTIME),
}
"""Name -> what became of it."""
