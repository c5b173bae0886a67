"""Stacks: versions that run together, each a selection from the tables of this package.

`seatrial versions check` holds each against the rules of what goes together. CUDA and NCCL are those that the locked
torch brings: what is measured with nccl-tests is then what trains.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.nodes import DRIVER, EFA, EFA_INSTALLERS, GDRCOPY, NEURON, NEURON_COMPONENTS
from seatrial.versions.pins import Pin, Stack
from seatrial.versions.python import TORCH

NETWORK: Mapping[str, str] = {
    "efa_installer": EFA.version,
    "libfabric": EFA_INSTALLERS[EFA.version].libfabric,
    "aws_ofi_nccl": EFA_INSTALLERS[EFA.version].aws_ofi_nccl,
}
"""What the EFA installer brings."""
_EFA_DRIVER = {"efa_driver": driver} if (driver := EFA_INSTALLERS[EFA.version].efa_driver) else {}

CUDA = Pin(version="13.0.3", source="cuda-toolkit, as torch's wheel on PyPI requires it", seen="2026-11")
CUDA12 = Pin(
    version="12.9.1", source="the newest CUDA 12 on PyPI, which the pinned jax-cuda12-plugin takes", seen="2026-11"
)
NCCL = Pin(
    version="2.29.7",
    source="nvidia-nccl-cu13, as torch's wheel on PyPI requires it",
    seen="2026-11",
    newest="2.32.6 is out: the next torch brings a newer one",
)

STACKS: Mapping[str, Stack] = {
    "cuda13": Stack(
        title="NVIDIA GPUs: torch with CUDA 13",
        pins={
            **NETWORK,
            **_EFA_DRIVER,
            "nccl": NCCL.version,
            "cuda": CUDA.version,
            "driver": DRIVER.version,
            "gdrcopy": GDRCOPY.version,
            "torch": TORCH,
        },
        source="what torch's own wheel asks for on PyPI, on the driver that AWS's guide to EFA and NCCL installs",
    ),
    "cuda12": Stack(
        title="NVIDIA GPUs: paxml's JAX, with CUDA 12",
        pins={
            **NETWORK,
            "nccl": NCCL.version,
            "cuda": CUDA12.version,
            "driver": DRIVER.version,
            "gdrcopy": GDRCOPY.version,
        },
        source="the newest CUDA 12 on PyPI, which jax-cuda12-plugin takes, and the NCCL of cuda13",
    ),
    "neuron": Stack(
        title="AWS Trainium: the Neuron SDK with torch-xla, of AWS's own container",
        pins={
            **NETWORK,
            **_EFA_DRIVER,
            **NEURON_COMPONENTS,
            "torch": ".".join(NEURON["torch-neuronx"].split(".")[:3]),
        },
        source="one release of the Neuron SDK, which the base neuron and nodes have; which EFA installer it was tested "
        "with is unknown",
    ),
    "vendor": Stack(
        title="NVIDIA GPUs: a vendor's container",
        pins=dict(NETWORK),
        source="the container brings CUDA, NCCL and the framework, and says in which versions; EFA's software is "
        "installed over it",
    ),
    "cpu": Stack(title="No accelerator: torch for CPUs", pins={"torch": TORCH}, source="PyTorch's CPU build"),
}
"""Name -> stack. An image names one of them."""

STACK: Mapping[str, str] = {**NETWORK, "nccl": STACKS["cuda13"].pins["nccl"]}
"""The network software that images of GPUs have."""
