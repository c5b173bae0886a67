"""Which values a library takes for a variable, and what it makes of others. Read in the sources of NCCL 2.14 to 2.32,
libfabric 2.6, aws-ofi-nccl 1.21 and PyTorch 2.13, 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from seatrial.findings import Verdict
from seatrial.network import sources as at
from seatrial.network.site import Fact, Versions, at_least
from seatrial.network.values import Test


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What some variables may be."""

    names: frozenset[str]
    takes: Test
    values: str
    """For people: what `takes` tests."""
    otherwise: str
    """What becomes of another value."""
    verdict: Verdict = Verdict.FAIL
    source: str
    since: Callable[[Versions], Fact] = lambda _: True
    """Whether the software is one that reads it so."""

    def refuses(self, value: str, versions: Versions) -> bool:
        """It is certain that the value is not taken."""
        return not self.takes(value) and self.since(versions) is not False


def _named(prefix: str, endings: str) -> frozenset[str]:
    return frozenset(prefix + ending for ending in endings.split())


def matches(pattern: str, flags: int = re.IGNORECASE) -> Test:
    """The whole value is like this, without a blank too many."""
    compiled = re.compile(pattern, flags)
    return lambda value: compiled.fullmatch(value) is not None


def _within(least: int, most: int) -> Test:
    """A number between the two, or none at all: what is no number is told by another row."""
    return lambda value: not re.fullmatch(r"\s*-?\d+\s*", value) or least <= int(value) <= most


def _list_of(names: str) -> Test:
    one = "|".join(names.split())
    return matches(rf"\^?(?:{one})(?:,(?:{one}))*,?")


def _per_collective(names: str) -> Test:
    """A list for all collectives, and others for one each: ``ring;allreduce:^tree``. From NCCL 2.24."""
    one, of = "|".join(names.split()), "broadcast|reduce|allgather|reducescatter|allreduce|sendrecv|send|recv|alltoall"
    listed = rf"\^?(?:{one})(?:,(?:{one}))*,?"
    return matches(rf"(?:(?:{of}):)?{listed}(?:;(?:{of}):{listed})*;?")


_LEVELS = "LOC NVL NVB C2C PIX PXB P2C PXN PHB SYS NET DIS"
_SUBSYSTEMS = (
    "INIT COLL P2P SHM NET GRAPH TUNING ENV ALLOC ALLOC_HOST CALL PROXY NVLS BOOTSTRAP REG PROFILE RAS DESTROY ALL"
)
_PROVIDERS = (
    "efa tcp udp sockets verbs shm sm2 psm psm2 psm3 opx cxi gni net lnx lpp mlx usnic ucx bgq rstream monitor coll "
    "ofi_rxm ofi_rxd ofi_mrail ofi_hook_debug ofi_hook_hmem ofi_hook_noop ofi_hook_perf ofi_hook_trace rxm rxd "
    "mrail xnet"
)
_BOOLEAN = matches(r"0|false|no|off|1|true|yes|on")
_NUMBER = matches(r"\s*[-+]?(?:0x[0-9a-f]+|\d+)(?:\s.*)?", re.IGNORECASE | re.DOTALL)

_NCCL_NUMBERS = _named(
    "NCCL_",
    "P2P_DISABLE SHM_DISABLE IB_DISABLE P2P_DIRECT_DISABLE PXN_DISABLE NVB_DISABLE NET_DISABLE_INTRA "
    "GDR_FLUSH_DISABLE NVLS_ENABLE COLLNET_ENABLE CUMEM_ENABLE CUMEM_HOST_ENABLE DMABUF_ENABLE RAS_ENABLE "
    "MNNVL_ENABLE NET_SHARED_BUFFERS NET_SHARED_COMMS NET_GDR_READ P2P_READ_ENABLE PAT_ENABLE IB_MERGE_NICS "
    "GRAPH_REGISTER LOCAL_REGISTER IGNORE_CPU_AFFINITY IGNORE_DISABLED_P2P SHM_USE_CUDA_MEMCPY COMM_BLOCKING "
    "BUFFSIZE LL_BUFFSIZE LL128_BUFFSIZE P2P_NET_CHUNKSIZE P2P_NVL_CHUNKSIZE P2P_PCI_CHUNKSIZE NVLS_CHUNKSIZE "
    "NTHREADS LL128_NTHREADS MIN_NCHANNELS MIN_CTAS MAX_CTAS MIN_P2P_NCHANNELS "
    "MAX_P2P_NCHANNELS NCHANNELS_PER_NET_PEER CROSS_NIC SOCKET_NTHREADS NSOCKS_PERTHREAD IB_TIMEOUT "
    "IB_RETRY_CNT IB_GID_INDEX IB_TC IB_SL IB_QPS_PER_CONNECTION IB_AR_THRESHOLD IB_SPLIT_DATA_ON_QPS "
    "IB_ADAPTIVE_ROUTING IB_PCI_RELAXED_ORDERING",
)

ACCEPTED = (
    Accepted(
        names=_named("FI_EFA_", "USE_DEVICE_RDMA"),
        takes=_BOOLEAN,
        values="0, false, no, off, or 1, true, yes, on, and no blank or comment beside it",
        otherwise="libfabric takes it for no boolean: RDMA stays off, and newer releases abort the job",
        source=at.LIBFABRIC_RDMA,
    ),
    Accepted(
        names=_named(
            "FI_EFA_",
            "FORK_SAFE USE_HUGE_PAGE MR_CACHE_ENABLE RX_COPY_UNEXP RX_COPY_OOO USE_SM2 USE_UNSOLICITED_WRITE_RECV "
            "DIRECT_CQ_OPS",
        )
        | _named("FI_HMEM_", "CUDA_ENABLE_XFER CUDA_USE_GDRCOPY CUDA_USE_DMABUF DISABLE_P2P"),
        takes=_BOOLEAN,
        values="0, false, no, off, or 1, true, yes, on, and no blank or comment beside it",
        otherwise="libfabric takes it for no boolean, and leaves its default",
        source=at.LIBFABRIC_PARAMETERS,
    ),
    Accepted(
        names=_named(
            "FI_EFA_",
            "TX_MIN_CREDITS TX_QUEUE_SIZE ENABLE_SHM_TRANSFER USE_ZCPY_RX ZCPY_RX_SEED SHM_AV_SIZE RECVWIN_SIZE "
            "READCOPY_POOL_SIZE CQ_SIZE MAX_TIMEOUT TIMEOUT_INTERVAL TX_SIZE RX_SIZE",
        ),
        takes=_NUMBER,
        values="a whole number, without a suffix",
        otherwise="libfabric reads the digits at its beginning: 'true' is 0, 8k is 8",
        source=at.LIBFABRIC_PARAMETERS,
    ),
    Accepted(
        names=_named("FI_EFA_", "TX_MIN_CREDITS"),
        takes=_within(1, 2**31 - 1),
        values="a number above 0",
        otherwise="libfabric aborts the job",
        source=at.LIBFABRIC_EFA,
    ),
    Accepted(
        names=_named("FI_", "LOG_LEVEL"),
        takes=matches(r"warn|trace|info|debug"),
        values="warn, trace, info or debug",
        otherwise="libfabric takes any other for its default, warn",
        verdict=Verdict.WARN,
        source=at.LIBFABRIC_LOG,
    ),
    Accepted(
        names=_named("FI_", "PROVIDER"),
        takes=lambda value: all(
            matches("|".join(_PROVIDERS.split()))(one) for one in re.split("[,;]", value.lstrip("^"))
        ),
        values="names of providers, divided by commas, and no blank or comment beside them",
        otherwise="libfabric finds no provider of this name",
        source=at.LIBFABRIC_LOG,
    ),
    Accepted(
        names=_NCCL_NUMBERS,
        takes=_NUMBER,
        values="a whole number, without a suffix; 1 or 0 for yes or no",
        otherwise="NCCL reads the digits at its beginning: True, yes and on are 0, which is no, and 8M is 8",
        source=at.NCCL_PARAM,
    ),
    Accepted(
        names=_NCCL_NUMBERS,
        takes=lambda value: not re.search(r"\s#", value),
        values="a whole number, and no comment beside it",
        otherwise="the quotes make the comment a part of the value: NCCL reads the number before it, today",
        verdict=Verdict.WARN,
        source=at.NCCL_PARAM,
    ),
    *(
        Accepted(
            names=_named("NCCL_", names),
            takes=_within(least, most),
            values=f"{least} to {most}",
            otherwise=otherwise,
            verdict=Verdict.WARN,
            source=at.NCCL_ENVIRONMENT,
        )
        for names, least, most, otherwise in (
            ("CROSS_NIC", 0, 2, "NCCL knows no other way"),
            ("IB_TIMEOUT", 0, 31, "the field has five bits: each step doubles 4 µs, it does not count seconds"),
            ("IB_RETRY_CNT", 0, 7, "the field has three bits, and 7 is the default"),
            ("IB_SL", 0, 15, "the field has four bits"),
            ("IB_TC", 0, 255, "the field has eight bits"),
            ("SOCKET_NTHREADS", 0, 16, "NCCL takes no more than 16"),
            ("NTHREADS LL128_NTHREADS", 64, 640, "NCCL takes its own maximum"),
            ("MIN_NCHANNELS MIN_CTAS MAX_CTAS", 0, 64, "NCCL has 64 channels at most"),
        )
    ),
    Accepted(
        names=_named("NCCL_", "DEBUG"),
        takes=matches(r"\s*(?:VERSION|WARN|ATTN|INFO|ABORT|TRACE)\s*"),
        values="VERSION, WARN, INFO or TRACE",
        otherwise="NCCL knows no other level, and prints nothing at all, not even errors",
        verdict=Verdict.WARN,
        source=at.NCCL_DEBUG,
    ),
    Accepted(
        names=_named("NCCL_", "DEBUG_SUBSYS"),
        takes=_list_of(_SUBSYSTEMS),
        values=f"a list of {', '.join(_SUBSYSTEMS.split())}, after ^ of those to leave out",
        otherwise="NCCL passes over the names that it does not know",
        verdict=Verdict.WARN,
        source=at.NCCL_DEBUG,
    ),
    Accepted(
        names=_named("NCCL_", "ALGO"),
        takes=_per_collective("tree ring collnet collnetdirect collnetchain nvls nvlstree pat"),
        values="a list of Tree, Ring, CollNetDirect, CollNetChain, NVLS, NVLSTree, PAT without blanks, after ^ of "
        "those to leave out, from NCCL 2.24 on for single collectives too: allreduce:tree;broadcast:ring",
        otherwise="NCCL from 2.24 stops with 'Unrecognized element token'; before, it has no algorithm left",
        source=at.NCCL_TUNING,
    ),
    Accepted(
        names=_named("NCCL_", "PROTO"),
        takes=_per_collective("ll ll128 simple"),
        values="a list of LL, LL128, Simple without blanks, after ^ of those to leave out, from NCCL 2.24 on for "
        "single collectives too: ^LL128;allreduce:LL128",
        otherwise="NCCL from 2.24 stops with 'Unrecognized element token'; before, it has no protocol left",
        source=at.NCCL_TUNING,
    ),
    Accepted(
        names=_named("NCCL_", "ALGO PROTO"),
        takes=lambda value: ":" not in value and ";" not in value,
        values="a list for all collectives",
        otherwise="NCCL before 2.24 knows no lists for single collectives, and has nothing left to choose from",
        source=at.NCCL_TUNING,
        since=lambda versions: at_least(versions.nccl, 2, 24) is False,
    ),
    Accepted(
        names=_named("NCCL_", "P2P_LEVEL NET_GDR_LEVEL"),
        takes=matches(rf"(?:{'|'.join(_LEVELS.split())}|\d.*)", re.DOTALL),
        values=f"one of {', '.join(_LEVELS.split())} in capital letters, or the number of one",
        otherwise="NCCL takes it for none, and leaves its default",
        verdict=Verdict.WARN,
        source=at.NCCL_LEVELS,
    ),
    Accepted(
        names=_named("NCCL_", "SOCKET_FAMILY IB_ADDR_FAMILY"),
        takes=matches(r"AF_INET6?", 0),
        values="AF_INET or AF_INET6",
        otherwise="NCCL takes any other for not set",
        verdict=Verdict.WARN,
        source=at.NCCL_ENVIRONMENT,
    ),
    Accepted(
        names=_named("NCCL_", "SOCKET_IFNAME IB_HCA OOB_NET_IFNAME"),
        takes=matches(r"\^?=?[^\s,\"'#^=]+(?:,[^\s,\"'#^=]+)*,?"),
        values="names or their beginnings, divided by commas alone; ^ and = stand once, at the very beginning",
        otherwise="no device has such a name, and none is taken for it",
        verdict=Verdict.WARN,
        source=at.NCCL_ENVIRONMENT,
    ),
    Accepted(
        names=_named(
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
        names=_named("OFI_NCCL_", "PROTOCOL"),
        takes=matches("SENDRECV|RDMA"),
        values="SENDRECV or RDMA",
        otherwise="aws-ofi-nccl does not start",
        source=at.PLUGIN_PARSER,
    ),
    Accepted(
        names=_named("OFI_NCCL_", "TUNER_TYPE"),
        takes=matches("INTERNAL|REGION|MODEL"),
        values="Internal, Region or Model",
        otherwise="aws-ofi-nccl of 2025 and later does not start",
        source=at.PLUGIN_PARSER,
    ),
    Accepted(
        names=_named(
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
        names=_named("TORCH_NCCL_", "ASYNC_ERROR_HANDLING"),
        takes=matches(r"\s*[0-3](?!\d).*", re.DOTALL),
        values="0, 1, 2 or 3",
        otherwise="PyTorch stops with 'Invalid value for environment variable'",
        source=at.TORCH_NCCL,
    ),
)


_PLACEHOLDER = re.compile(r"[<>{}$%]")


def refusals(name: str, value: str, versions: Versions) -> Iterator[Accepted]:
    """The rows that do not take the value. An empty one counts as not set, and a placeholder as not known."""
    if value and not _PLACEHOLDER.search(value):
        yield from (row for row in ACCEPTED if name in row.names and row.refuses(value, versions))


def names() -> Iterable[str]:
    """Every variable whose values are known."""
    return sorted({name for row in ACCEPTED for name in row.names})
