"""Which values NCCL takes. Read in its sources, 2.14 to 2.32, 2026-11."""

from __future__ import annotations

import re

from seatrial.findings import Verdict
from seatrial.network import sources as at
from seatrial.network.reading import NUMBER, Accepted, list_of, matches, named, within
from seatrial.network.site import at_least
from seatrial.network.values import Test

_LEVELS = "LOC NVL NVB C2C PIX PXB P2C PXN PHB SYS NET DIS"
_SUBSYSTEMS = (
    "INIT COLL P2P SHM NET GRAPH TUNING ENV ALLOC ALLOC_HOST CALL PROXY NVLS BOOTSTRAP REG PROFILE RAS DESTROY ALL"
)
_NUMBERS = named(
    "NCCL_",
    "P2P_DISABLE SHM_DISABLE IB_DISABLE P2P_DIRECT_DISABLE PXN_DISABLE NVB_DISABLE NET_DISABLE_INTRA "
    "GDR_FLUSH_DISABLE NVLS_ENABLE COLLNET_ENABLE CUMEM_ENABLE CUMEM_HOST_ENABLE DMABUF_ENABLE RAS_ENABLE "
    "MNNVL_ENABLE NET_SHARED_BUFFERS NET_SHARED_COMMS NET_GDR_READ P2P_READ_ENABLE PAT_ENABLE IB_MERGE_NICS "
    "GRAPH_REGISTER LOCAL_REGISTER IGNORE_CPU_AFFINITY IGNORE_DISABLED_P2P SHM_USE_CUDA_MEMCPY COMM_BLOCKING "
    "BUFFSIZE LL_BUFFSIZE LL128_BUFFSIZE P2P_NET_CHUNKSIZE P2P_NVL_CHUNKSIZE P2P_PCI_CHUNKSIZE NVLS_CHUNKSIZE "
    "NTHREADS LL128_NTHREADS MIN_NCHANNELS MAX_NCHANNELS MIN_CTAS MAX_CTAS MIN_P2P_NCHANNELS "
    "MAX_P2P_NCHANNELS NCHANNELS_PER_NET_PEER CROSS_NIC SOCKET_NTHREADS NSOCKS_PERTHREAD IB_TIMEOUT "
    "IB_RETRY_CNT IB_GID_INDEX IB_TC IB_SL IB_QPS_PER_CONNECTION IB_AR_THRESHOLD IB_SPLIT_DATA_ON_QPS "
    "IB_ADAPTIVE_ROUTING IB_PCI_RELAXED_ORDERING",
)


def per_collective(names: str) -> Test:
    """A list for all collectives, and others for one each: ``ring;allreduce:^tree``. From NCCL 2.24."""
    one, of = "|".join(names.split()), "broadcast|reduce|allgather|reducescatter|allreduce|sendrecv|send|recv|alltoall"
    listed = rf"\^?(?:{one})(?:,(?:{one}))*,?"
    return matches(rf"(?:(?:{of}):)?{listed}(?:;(?:{of}):{listed})*;?")


ROWS = (
    Accepted(
        names=_NUMBERS,
        takes=NUMBER,
        values="a whole number, without a suffix; 1 or 0 for yes or no",
        otherwise="NCCL reads the digits at its beginning: True, yes and on are 0, which is no, and 8M is 8",
        source=at.NCCL_PARAM,
    ),
    Accepted(
        names=_NUMBERS,
        takes=lambda value: not re.search(r"\s#", value),
        values="a whole number, and no comment beside it",
        otherwise="the quotes make the comment a part of the value: NCCL reads the number before it, today",
        verdict=Verdict.WARN,
        source=at.NCCL_PARAM,
    ),
    *(
        Accepted(
            names=named("NCCL_", names),
            takes=within(least, most),
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
            ("MIN_NCHANNELS MAX_NCHANNELS MIN_CTAS MAX_CTAS", 0, 64, "NCCL has 64 channels at most"),
        )
    ),
    Accepted(
        names=named("NCCL_", "DEBUG"),
        takes=matches(r"\s*(?:VERSION|WARN|ATTN|INFO|ABORT|TRACE)\s*"),
        values="VERSION, WARN, INFO or TRACE",
        otherwise="NCCL knows no other level, and prints nothing at all, not even errors",
        verdict=Verdict.WARN,
        source=at.NCCL_DEBUG,
    ),
    Accepted(
        names=named("NCCL_", "DEBUG_SUBSYS"),
        takes=list_of(_SUBSYSTEMS),
        values=f"a list of {', '.join(_SUBSYSTEMS.split())}, after ^ of those to leave out",
        otherwise="NCCL passes over the names that it does not know",
        verdict=Verdict.WARN,
        source=at.NCCL_DEBUG,
    ),
    Accepted(
        names=named("NCCL_", "ALGO"),
        takes=per_collective("tree ring collnet collnetdirect collnetchain nvls nvlstree pat"),
        values="a list of Tree, Ring, CollNetDirect, CollNetChain, NVLS, NVLSTree, PAT without blanks, after ^ of "
        "those to leave out, from NCCL 2.24 on for single collectives too: allreduce:tree;broadcast:ring",
        otherwise="NCCL from 2.24 stops with 'Unrecognized element token'; before, it has no algorithm left",
        source=at.NCCL_TUNING,
    ),
    Accepted(
        names=named("NCCL_", "PROTO"),
        takes=per_collective("ll ll128 simple"),
        values="a list of LL, LL128, Simple without blanks, after ^ of those to leave out, from NCCL 2.24 on for "
        "single collectives too: ^LL128;allreduce:LL128",
        otherwise="NCCL from 2.24 stops with 'Unrecognized element token'; before, it has no protocol left",
        source=at.NCCL_TUNING,
    ),
    Accepted(
        names=named("NCCL_", "ALGO PROTO"),
        takes=lambda value: ":" not in value and ";" not in value,
        values="a list for all collectives",
        otherwise="NCCL before 2.24 knows no lists for single collectives, and has nothing left to choose from",
        source=at.NCCL_TUNING,
        since=lambda versions: at_least(versions.nccl, 2, 24) is False,
    ),
    Accepted(
        names=named("NCCL_", "P2P_LEVEL NET_GDR_LEVEL"),
        takes=matches(rf"(?:{'|'.join(_LEVELS.split())}|\d.*)", re.DOTALL),
        values=f"one of {', '.join(_LEVELS.split())} in capital letters, or the number of one",
        otherwise="NCCL takes it for none, and leaves its default",
        verdict=Verdict.WARN,
        source=at.NCCL_LEVELS,
    ),
    Accepted(
        names=named("NCCL_", "SOCKET_FAMILY IB_ADDR_FAMILY"),
        takes=matches(r"AF_INET6?", 0),
        values="AF_INET or AF_INET6",
        otherwise="NCCL takes any other for not set",
        verdict=Verdict.WARN,
        source=at.NCCL_ENVIRONMENT,
    ),
    Accepted(
        names=named("NCCL_", "SOCKET_IFNAME IB_HCA OOB_NET_IFNAME"),
        takes=matches(r"\^?=?[^\s,\"'#^=]+(?:,[^\s,\"'#^=]+)*,?"),
        values="names or their beginnings, divided by commas alone; ^ and = stand once, at the very beginning",
        otherwise="no device has such a name, and none is taken for it",
        verdict=Verdict.WARN,
        source=at.NCCL_ENVIRONMENT,
    ),
)
