"""Which values a library takes for a variable, and what it makes of others: all of them, and here those of libfabric
2.6, aws-ofi-nccl 1.21 and PyTorch 2.13, read in their sources, 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from seatrial.findings import Verdict
from seatrial.network import accepted_nccl, accepted_others
from seatrial.network import sources as at
from seatrial.network.reading import NUMBER, Accepted, matches, named, within
from seatrial.network.site import Versions

_PROVIDERS = (
    "efa tcp udp sockets verbs shm sm2 psm psm2 psm3 opx cxi gni net lnx lpp mlx usnic ucx bgq rstream monitor coll "
    "ofi_rxm ofi_rxd ofi_mrail ofi_hook_debug ofi_hook_hmem ofi_hook_noop ofi_hook_perf ofi_hook_trace rxm rxd "
    "mrail xnet"
)
_BOOLEAN = matches(r"0|false|no|off|1|true|yes|on")

ACCEPTED = (
    Accepted(
        names=named("FI_EFA_", "USE_DEVICE_RDMA"),
        takes=_BOOLEAN,
        values="0, false, no, off, or 1, true, yes, on, and no blank or comment beside it",
        otherwise="libfabric takes it for no boolean: RDMA stays off, and newer releases abort the job",
        source=at.LIBFABRIC_RDMA,
    ),
    Accepted(
        names=named(
            "FI_EFA_",
            "FORK_SAFE USE_HUGE_PAGE MR_CACHE_ENABLE RX_COPY_UNEXP RX_COPY_OOO USE_SM2 USE_UNSOLICITED_WRITE_RECV "
            "DIRECT_CQ_OPS",
        )
        | named("FI_HMEM_", "CUDA_ENABLE_XFER CUDA_USE_GDRCOPY CUDA_USE_DMABUF DISABLE_P2P"),
        takes=_BOOLEAN,
        values="0, false, no, off, or 1, true, yes, on, and no blank or comment beside it",
        otherwise="libfabric takes it for no boolean, and leaves its default",
        source=at.LIBFABRIC_PARAMETERS,
    ),
    Accepted(
        names=named(
            "FI_EFA_",
            "TX_MIN_CREDITS TX_QUEUE_SIZE ENABLE_SHM_TRANSFER USE_ZCPY_RX ZCPY_RX_SEED SHM_AV_SIZE RECVWIN_SIZE "
            "READCOPY_POOL_SIZE CQ_SIZE MAX_TIMEOUT TIMEOUT_INTERVAL TX_SIZE RX_SIZE",
        ),
        takes=NUMBER,
        values="a whole number, without a suffix",
        otherwise="libfabric reads the digits at its beginning: 'true' is 0, 8k is 8",
        source=at.LIBFABRIC_PARAMETERS,
    ),
    Accepted(
        names=named("FI_EFA_", "TX_MIN_CREDITS"),
        takes=within(1, 2**31 - 1),
        values="a number above 0",
        otherwise="libfabric aborts the job",
        source=at.LIBFABRIC_EFA,
    ),
    Accepted(
        names=named("FI_", "LOG_LEVEL"),
        takes=matches(r"warn|trace|info|debug"),
        values="warn, trace, info or debug",
        otherwise="libfabric takes any other for its default, warn",
        verdict=Verdict.WARN,
        source=at.LIBFABRIC_LOG,
    ),
    Accepted(
        names=named("FI_", "PROVIDER"),
        takes=lambda value: all(
            matches("|".join(_PROVIDERS.split()))(one) for one in re.split("[,;]", value.lstrip("^"))
        ),
        values="names of providers, divided by commas, and no blank or comment beside them",
        otherwise="libfabric finds no provider of this name",
        source=at.LIBFABRIC_LOG,
    ),
    Accepted(
        names=named(
            "OFI_NCCL_",
            "USE_IPV6_TCP GDR_FLUSH_DISABLE CUDA_FLUSH_ENABLE MR_CACHE_DISABLE DISABLE_NATIVE_RDMA_CHECK "
            "DISABLE_GDR_REQUIRED_CHECK DISABLE_DMABUF RR_CTRL_MSG ERRORCHECK_MUTEX ABORT_ON_ERROR USE_LOW_LATENCY_TC "
            "EARLY_COMPLETION DISABLE_CLOSE_MESSAGE SKIP_NICS_WITHOUT_ACCEL_AT_SAME_PCI_LEVEL",
        ),
        takes=matches(r"true|false|\s*[-+]?\d+"),
        values="true, false or a number, and nothing beside it",
        otherwise="aws-ofi-nccl of 2025 and later does not start",
        source=at.PLUGIN_PARSER,
    ),
    Accepted(
        names=named("OFI_NCCL_", "PROTOCOL"),
        takes=matches("SENDRECV|RDMA"),
        values="SENDRECV or RDMA",
        otherwise="aws-ofi-nccl does not start",
        source=at.PLUGIN_PARSER,
    ),
    Accepted(
        names=named("OFI_NCCL_", "TUNER_TYPE"),
        takes=matches("INTERNAL|REGION|MODEL"),
        values="Internal, Region or Model",
        otherwise="aws-ofi-nccl of 2025 and later does not start",
        source=at.PLUGIN_PARSER,
    ),
    Accepted(
        names=named(
            "TORCH_NCCL_",
            "BLOCKING_WAIT DUMP_ON_TIMEOUT DESYNC_DEBUG ENABLE_TIMING ENABLE_MONITORING RETHROW_CUDA_ERRORS "
            "TRACE_CPP_STACK LOG_CPP_STACK_ON_UNCLEAN_SHUTDOWN CUDA_EVENT_CACHE NAN_CHECK AVOID_RECORD_STREAMS "
            "USE_TENSOR_REGISTER_ALLOCATOR_HOOK PROPAGATE_ERROR BCAST_UNIQUEID HIGH_PRIORITY",
        ),
        takes=matches("y|yes|1|t|true|n|no|0|f|false"),
        values="1, t, true, y, yes, or 0, f, false, n, no",
        otherwise="PyTorch stops with 'Invalid value for environment variable'",
        source=at.TORCH_PARSER,
    ),
    Accepted(
        names=named("TORCH_NCCL_", "ASYNC_ERROR_HANDLING"),
        takes=matches(r"\s*[0-3](?!\d).*", re.DOTALL),
        values="0, 1, 2 or 3",
        otherwise="PyTorch stops with 'Invalid value for environment variable'",
        source=at.TORCH_NCCL,
    ),
    *accepted_nccl.ROWS,
    *accepted_others.ROWS,
)


_PLACEHOLDER = re.compile(r"[<>{}$%]")


def refusals(name: str, value: str, versions: Versions) -> Iterator[Accepted]:
    """The rows that do not take the value. An empty one counts as not set, and a placeholder as not known."""
    if value and not _PLACEHOLDER.search(value):
        yield from (row for row in ACCEPTED if name in row.names and row.refuses(value, versions))


def names() -> Iterable[str]:
    """Every variable whose values are known."""
    return sorted({name for row in ACCEPTED for name in row.names})
