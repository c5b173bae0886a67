"""What NCCL and aws-ofi-nccl reckon with when they choose an algorithm and a protocol: their figures, once.

NCCL: src/graph/tuning.cc and src/graph/topo.h as of 2026-06 (the tables of 2.27 and later). aws-ofi-nccl:
src/tuner/nccl_ofi_model.cpp and src/platform-aws.cpp, read 2026-11. Latencies in seconds, in the order of PROTOCOLS.
Left out are NCCL's caps per channel, which take the number of channels, and what it takes off small NVLS trees on
Blackwell: published times have neither.
"""

from __future__ import annotations

from collections.abc import Mapping

US, GB = 1e-6, 1e9

PROTOCOLS = ("LL", "LL128", "Simple")
"""Small flags beside the data, a flag every 128 bytes, and whole chunks."""

NVLINK_BYTES: Mapping[int, float] = {8: 20.0 * GB, 9: 20.6 * GB, 10: 40.1 * GB}
"""Major compute capability -> bytes a second that a kernel gets through one NVLink: topo.h, SM80 to SM100_NVLINK_BW."""
NVLS_SHARE: Mapping[int, float] = {9: 0.85, 10: 0.74}
"""Major compute capability -> share of that which remains where the switch adds up (NVLS)."""
PCIE_SHARE = 12.0 / 15.75
"""Share of PCIe's bandwidth: topo.h has 12 GB/s for 16 lanes of the 3rd generation."""

BASE: Mapping[str, tuple[float, ...]] = {
    "tree": (6.8 * US, 14.0 * US, 8.4 * US),
    "ring": (6.6 * US, 14.0 * US, 8.4 * US),
}
"""Algorithm -> what every operation takes."""
INSIDE: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "nvlink": {"tree": (0.6 * US, 1.25 * US, 4.0 * US), "ring": (0.6 * US, 1.9 * US, 3.4 * US)},
    "neuronlink": {"tree": (0.6 * US, 1.25 * US, 4.0 * US), "ring": (0.6 * US, 1.9 * US, 3.4 * US)},
    "infinity fabric": {"tree": (0.6 * US, 1.25 * US, 4.0 * US), "ring": (0.6 * US, 1.9 * US, 3.4 * US)},
    "pcie": {"tree": (1.0 * US, 1.9 * US, 4.0 * US), "ring": (1.0 * US, 2.5 * US, 5.7 * US)},
}
"""Medium -> algorithm -> a hop within a domain. NeuronLink's and Infinity Fabric's, which nobody publishes, are given
as NVLink's."""
NETWORK: Mapping[str, tuple[float, ...]] = {
    "tree": (5.0 * US, 8.5 * US, 14.0 * US),
    "ring": (2.7 * US, 4.0 * US, 14.0 * US),
}
"""Algorithm -> a hop over the network, beside the network's own latency; Simple takes that twice, since it flushes."""
NVLS_INSIDE, NVLS_NETWORK = 25.0 * US, 20.9 * US
"""An operation that the switch adds up, and a hop of a tree over such domains."""
PAT_BASE, PAT_SHARE = 8.0 * US, 0.75
"""The tree of all-gathers and reduce-scatters with one rank in a domain, and its share of the bandwidth."""
POST = (1.0 * US, 1.0 * US, 3.0 * US)
"""What each step of a ring costs the processor that posts it, where there is a network."""
LL_SHARE, LL128_SHARE = 0.5, 0.92
"""Share of the bandwidth that is data in a ring."""
TREE_SHARE, TREE_LL_SHARE, TREE_LL128_SHARE = 0.92, 1 / 3.8, 120 / 128
"""A tree's share of the bandwidth, and of that what its protocols leave."""
LL_MOST = (39.0 * GB, 20.4 * GB)
"""Most that LL carries through a network, bytes a second: two domains, and more."""

TREE_CURVE: tuple[tuple[float, ...], ...] = (
    (1, 1, 1, 1, 0.9, 0.8, 0.7, 0.7, 0.7, 0.7, 0.6, 0.5, 0.4, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1, 1),
    (1, 1, 1, 1, 1, 0.9, 0.8, 0.8, 0.8, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.8, 0.9, 0.9, 0.9, 0.9, 1, 1, 1),
    (
        0.9,
        0.9,
        0.9,
        0.9,
        0.9,
        0.9,
        0.9,
        0.8,
        0.7,
        0.6,
        0.6,
        0.5,
        0.5,
        0.5,
        0.5,
        0.6,
        0.7,
        0.8,
        0.7,
        0.7,
        0.8,
        0.9,
        0.9,
        1,
    ),
)
"""Protocol -> share of its bandwidth that a tree reaches, for 64 bytes, 128 and so on to 512 MiB."""

INFINIBAND_HOP = 0.0
"""Latency of InfiniBand and RoCE beside NETWORK, whose figures are theirs: NCCL's own plugin has none to add
(src/transport/net_ib, "latency: Not set", 2026-06)."""
SIMPLE_ONLY = ("p4d", "p4de")
"""Families whose network does not keep 128 bytes in order, so that aws-ofi-nccl sets NCCL_PROTO=simple: it speaks
SENDRECV there (platform-aws.cpp), for which libfabric answers that it has no such option."""
EFA_HOP: Mapping[str, float] = {
    "p4d": 20 * US, "p4de": 20 * US,
    "p5": 20 * US, "p5e": 20 * US,
    "p5en": 18 * US,
    "p6-b200": 18 * US, "p6-b300": 18 * US, "p6e-gb200": 18 * US,
}  # fmt: skip
"""Family -> latency of EFA: aws-ofi-nccl's own for p5, p5e and p5en; p4d and p4de are given that of p5, and p6 that of
p5en, whose figures nobody publishes. (The 75 and 35 us of platform-aws.cpp steer NCCL's choice: measured operations
take less.)"""
