"""What nodes and images have beside Python: network, drivers, tools. Each chosen once, with source and date."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.pins import Checkout, Download, EfaInstaller, Pin

EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"

EFA_INSTALLERS: Mapping[str, EfaInstaller] = {
    "1.40.0": EfaInstaller(libfabric="2.1.0amzn2.0", aws_ofi_nccl="1.14.2"),
    "1.41.0": EfaInstaller(libfabric="2.1.0amzn2.0", aws_ofi_nccl="1.14.2"),
    "1.42.0": EfaInstaller(libfabric="2.1.0amzn3.0", aws_ofi_nccl="1.15.0"),
    "1.43.0": EfaInstaller(libfabric="2.1.0amzn4.0", aws_ofi_nccl="1.16.1"),
    "1.43.1": EfaInstaller(libfabric="2.1.0amzn5.0", aws_ofi_nccl="1.16.2"),
    "1.43.2": EfaInstaller(libfabric="2.1.0amzn5.0", aws_ofi_nccl="1.16.3"),
    "1.50.0": EfaInstaller(
        libfabric="2.6.0amzn1.0",
        aws_ofi_nccl="1.21.1",
        efa_driver="3.3.0",
        sha256="fa6dff8593d866866c13cb4640d9059835cd4efa427971f100ab40c97bef2841",
    ),
    "1.51.0": EfaInstaller(libfabric="2.7.0amzn2.0", aws_ofi_nccl="1.22.0", efa_driver="3.3.1"),
}
"""Every EFA installer of which is known what it brings. Source: EFA_CHANGELOG; the checksum as seven public projects
wrote it down that fetched the file, 2026-11."""

EFA_INSTALLER = "1.50.0"
"""The one that images and nodes get: the newest of which the checksum is known."""

EFA = Download(
    version=EFA_INSTALLER,
    url="https://efa-installer.amazonaws.com/aws-efa-installer-{version}.tar.gz",
    sha256=EFA_INSTALLERS[EFA_INSTALLER].sha256,
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html",
    seen="2026-11",
    newest="1.51.0 is out; its checksum is unknown",
)
GDRCOPY = Checkout(
    version="2.5.2",
    repository="https://github.com/NVIDIA/gdrcopy",
    commit="c91ad9f178e5fb729fc5b6dc62a77c3bb364d6c9",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start-nccl.html; the commit of v2.5.2 as public "
    "build recipes name it",
    seen="2026-11",
)
DRIVER = Pin(
    version="580.167.08",
    source="nvidia-open and nvidia-fabricmanager in https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/"
    "efa-start-nccl.html",
    seen="2026-11",
)

NEURON_NOTES = "https://awsdocs-neuron.readthedocs-hosted.com/en/v2.28.1/release-notes/releasecontent.html"
NEURON_SDK = "2.28.0"
"""AWS Neuron SDK of Trainium nodes: the last that supports training with neuronx-distributed and torch-xla, whose torch
is 2.9; maintenance only from 2.30 on. 2.33.0 is the newest. Sources: NEURON_NOTES and
https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/announcements/neuron2.x/announce-eos-nxdt-nxd-core-training.html"""

NEURON: Mapping[str, str] = {
    "aws-neuronx-collectives": "2.30.59.0",
    "aws-neuronx-dkms": "2.26.5.0",
    "aws-neuronx-runtime-lib": "2.30.51.0",
    "aws-neuronx-tools": "2.28.23.0",
    "neuronx-cc": "2.23.6484.0",
    "neuronx-distributed": "0.17.26814",
    "torch-neuronx": "2.9.0.2.12.22436",
}
"""Package of NEURON_SDK -> version: of apt and yum, and of Neuron's own index of Python packages; none is on PyPI.
Packages of apt have the commit's id behind it, which nobody was found to have written down: ``=2.26.5.0*``."""

NEURON_COMPONENTS: Mapping[str, str] = {
    "neuron_driver": NEURON["aws-neuronx-dkms"],
    "neuron_runtime": NEURON["aws-neuronx-runtime-lib"],
    "neuron_collectives": NEURON["aws-neuronx-collectives"],
    "neuron_tools": NEURON["aws-neuronx-tools"],
    "neuron_compiler": NEURON["neuronx-cc"],
}
"""The same by what `seatrial check versions` calls them."""
