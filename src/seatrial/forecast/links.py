"""The links that collectives go over: within the domain that NVLink joins, and between."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from seatrial.forecast import nccl
from seatrial.hardware import accelerators, fabrics, instances
from seatrial.hardware.accelerators import Accelerator
from seatrial.hardware.instances import Instance


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Bandwidths are bytes a second of one rank, in one direction; latencies are seconds. A rank is a GPU, or what a
    framework sees of a Trainium chip."""

    domain: int
    """Ranks that are joined without the network: those of an instance, or of an UltraServer."""
    medium: str
    """What joins them, a key of nccl.INSIDE."""
    inside: float | None
    """What a kernel gets through all links of a rank within its domain; None: not known."""
    nvls: float
    """Share of `inside` that is left where switches add up; 0: they do not."""
    between: float | None
    """A rank's share of its instance's network: all ranks of an instance use their parts at the same time. None: not
    known."""
    hop: float | None
    """Of the network; None: not known, so that times over the network are too short."""

    protocols: tuple[str, ...] = nccl.PROTOCOLS
    """Those of NCCL's that may be used."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is not known: times that need a bandwidth of it are NaN."""
        found = {
            "bandwidth within a node": self.inside is None and self.domain > 1,
            "latency within a node": self.medium in ("neuronlink", "infinity fabric"),
            "bandwidth of the network": self.between is None,
            "latency of the network": self.hop is None,
        }
        return tuple(text for text, missing in found.items() if missing)


@functools.cache
def links(instance_type: str) -> Links:
    """Of an EC2 instance type with accelerators. Raises UserError for an unknown one, ValueError for one without."""
    instance = instances.instance(instance_type)
    if instance.accelerator is None:
        raise ValueError(f"{instance.name} has no accelerator")
    family = instance.name.partition(".")[0]
    chip = accelerators.accelerator(instance.accelerator)
    medium, inside, nvls = _inside(chip) or _by_the_host(instance)
    network = None if instance.network_gbps is None else instance.network_gbps * 1e9 / 8 / instance.ranks
    return Links(
        domain=fabrics.NVLINK_DOMAINS.get(family, instance.ranks),
        medium=medium,
        inside=inside,
        nvls=nvls,
        between=network,
        hop=nccl.EFA_HOP.get(family) if instance.efa_interfaces else None,
        protocols=("Simple",) if family in nccl.SIMPLE_ONLY else nccl.PROTOCOLS,
    )


def joined(accelerator: str, *, domain: int, between: float, hop: float) -> Links:
    """Of accelerators that are joined as their vendor does it, `domain` of them, by any network: fields as in Links.

    ValueError: nobody publishes what joins them.
    """
    found = _inside(accelerators.accelerator(accelerator))
    if found is None:
        raise ValueError(f"what joins {accelerator} is not known")
    medium, inside, nvls = found
    return Links(domain=domain, medium=medium, inside=inside, nvls=nvls, between=between, hop=hop)


def _inside(chip: Accelerator) -> tuple[str, float | None, float] | None:
    """Medium, bandwidth and what switches leave of it; None: the chip has no links of its own."""
    if chip.vendor == "AWS":
        known = fabrics.NEURONLINK_BYTES.get(chip.name)
        return "neuronlink", None if known is None else known / chip.ranks_per_accelerator, 0.0
    if not chip.nvlink_bytes:
        return None
    if not chip.links:
        return "infinity fabric", chip.nvlink_bytes, 0.0
    major = accelerators.COMPUTE_CAPABILITIES[chip.name][0]
    return "nvlink", chip.links * nccl.NVLINK_BYTES[major], nccl.NVLS_SHARE.get(major, 0.0)


def _by_the_host(instance: Instance) -> tuple[str, float | None, float]:
    host = fabrics.host_link(instance)
    return "pcie", None if host is None else host * nccl.PCIE_SHARE, 0.0
