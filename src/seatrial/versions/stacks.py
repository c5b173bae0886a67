"""Stacks: versions that run together, each a selection from the tables of this package.

`seatrial versions check` holds each against the rules of what goes together. CUDA and NCCL are those that the locked
torch brings: what is measured with nccl-tests is then what trains.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.nodes import DRIVER, EFA, EFA_INSTALLERS, GDRCOPY
from seatrial.versions.pins import Stack
from seatrial.versions.python import TORCH

_PLUGIN_TEST = "https://github.com/aws/aws-ofi-nccl/releases/tag/v1.21.1"

NETWORK: Mapping[str, str] = {
    "efa_installer": EFA.version,
    "libfabric": EFA_INSTALLERS[EFA.version].libfabric,
    "aws_ofi_nccl": EFA_INSTALLERS[EFA.version].aws_ofi_nccl,
}
"""What the EFA installer brings."""

STACKS: Mapping[str, Stack] = {
    "cuda13": Stack(
        title="NVIDIA GPUs: torch with CUDA 13",
        pins={
            **NETWORK,
            "nccl": "2.29.7",
            "cuda": "13.0.3",
            "driver": DRIVER.version,
            "gdrcopy": GDRCOPY.version,
            "torch": TORCH,
        },
        source="what torch's own wheel asks for on PyPI, on the driver that AWS's guide to EFA and NCCL installs",
    ),
    "neuron": Stack(
        title="AWS Trainium",
        pins={name: NETWORK[name] for name in ("efa_installer", "libfabric")},
        source="which EFA installer the Neuron SDK was tested with is unknown",
    ),
    "cpu": Stack(title="No accelerator: torch for CPUs", pins={"torch": TORCH}, source="PyTorch's CPU build"),
}
"""Name -> stack. An image names one of them."""

STACK: Mapping[str, str] = {**NETWORK, "nccl": STACKS["cuda13"].pins["nccl"]}
"""The network software that images of GPUs have."""
