"""What joins accelerators, their host and other nodes, beyond what stands with the parts themselves."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.hardware import GIB
from seatrial.hardware.accelerators import accelerator
from seatrial.hardware.instances import Instance

EFA_HUGE_PAGES_MIB = 5120
"""What libfabric's EFA provider takes of the 5128 pages of 2 MiB that the EFA driver sets aside on a node.
Amazon EKS user guide, "Run machine learning training on Amazon EKS with Elastic Fabric Adapter"."""
EFA_HUGE_PAGES_SET_ASIDE_MIB = 5128 * 2

HOST_PCIE: Mapping[str, int] = {
    "p4d": 3, "p4de": 3,  # Cascade Lake
    "p5": 4, "p5e": 4,  # EPYC of the 3rd generation
    "p5en": 5,  # Sapphire Rapids: "Gen5 PCIe between CPU and GPU"
    "p6-b200": 5, "p6-b300": 5,  # Emerald Rapids
    "p6e-gb200": 5,  # Grace
    "g4dn": 3,  # Cascade Lake
    "g5": 4, "g6": 4, "g6e": 4,  # EPYC of the 2nd and 3rd generation
}  # fmt: skip
"""Family -> generation of PCIe of its processors, which may be older than that of its GPUs.
Processors: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html; their PCIe: their makers' data sheets."""
PCIE_BYTES: Mapping[int, float] = {3: 15.75e9, 4: 31.5e9, 5: 63.0e9, 6: 121.0e9}
"""Generation -> bytes a second over 16 lanes in one direction: 8, 16, 32 and 64 GT/s a lane, less what the encoding
takes (128b/130b, and 242 of 256 bytes). PCI Express Base Specification."""

NVLINK_DOMAINS: Mapping[str, int] = {"p6e-gb200": 72}
"""Family -> accelerators that NVLink joins, where they are more than an instance's: an UltraServer is 18 instances.
https://aws.amazon.com/ec2/instance-types/p6/, 2026-11"""
NEURONLINK_BYTES: Mapping[str, float] = {"Trainium1": 192 * GIB, "Trainium2": 640e9}
"""Accelerator -> bytes a second over all its NeuronLinks in one direction: half of what Neuron's pages have, 384 GiB/s
of NeuronLink-v2 in a trn1.32xlarge, of which a trn1n has twice as much (trn1-arch, editions of 2023 and 2024; later
ones lack the column), and 1.28 TB/s of v3 (trainium2), read 2026-11. Whether they count both directions they do not
say: that is taken for granted."""


def host_link(instance: Instance) -> float | None:
    """Bytes a second that PCIe carries at most between the host and one GPU, in one direction; None: not known.

    How many lanes lie between them nobody publishes: this is what 16 carry, and less is no proof of a fault.
    """
    host = HOST_PCIE.get(instance.name.partition(".")[0])
    gpu = accelerator(instance.accelerator).pcie if instance.accelerator else None
    return None if host is None or gpu is None else PCIE_BYTES[min(host, gpu)]
