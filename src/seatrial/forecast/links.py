"""The links of an instance type, as far as collectives need them: within the domain that NVLink joins, and between."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from seatrial import hardware
from seatrial.forecast import nccl
from seatrial.hardware import Instance


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
            "latency within a node": self.medium == "neuronlink",
            "bandwidth of the network": self.between is None,
            "latency of the network": self.hop is None,
        }
        return tuple(text for text, missing in found.items() if missing)


@functools.cache
def links(instance_type: str) -> Links:
    """Of an EC2 instance type with accelerators. Raises UserError for an unknown one, ValueError for one without."""
    instance = hardware.instance(instance_type)
    if instance.accelerator is None:
        raise ValueError(f"{instance.name} has no accelerator")
    family = instance.name.partition(".")[0]
    medium, inside, nvls = _inside(instance, instance.accelerator)
    network = None if instance.network_gbps is None else instance.network_gbps * 1e9 / 8 / instance.ranks
    return Links(
        domain=hardware.NVLINK_DOMAINS.get(family, instance.ranks),
        medium=medium,
        inside=inside,
        nvls=nvls,
        between=network,
        hop=nccl.EFA_HOP.get(family) if instance.efa_interfaces else None,
        protocols=("Simple",) if family in nccl.SIMPLE_ONLY else nccl.PROTOCOLS,
    )


def _inside(instance: Instance, name: str) -> tuple[str, float | None, float]:
    """Medium, bandwidth and what switches leave of it."""
    accelerator = hardware.accelerator(name)
    if accelerator.vendor != "NVIDIA":
        chip = hardware.NEURONLINK_BYTES.get(name)
        return "neuronlink", None if chip is None else chip / accelerator.ranks_per_accelerator, 0.0
    major = hardware.COMPUTE_CAPABILITIES[name][0]
    if accelerator.links and accelerator.nvlink_bytes:
        return "nvlink", accelerator.links * nccl.NVLINK_BYTES[major], nccl.NVLS_SHARE.get(major, 0.0)
    host = hardware.host_link(instance)
    return "pcie", None if host is None else host * nccl.PCIE_SHARE, 0.0
