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


def _newer() -> str | None:
    """Said of the last of the table, unless it is the one that is taken."""
    last, brings = [*EFA_INSTALLERS.items()][-1]
    known = "untried" if brings.sha256 else "its checksum is unknown"
    return None if last == EFA_INSTALLER else f"{last} is out; {known}"


EFA = Download(
    version=EFA_INSTALLER,
    url="https://efa-installer.amazonaws.com/aws-efa-installer-{version}.tar.gz",
    sha256=EFA_INSTALLERS[EFA_INSTALLER].sha256,
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html",
    seen="2026-11",
    newest=_newer(),
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

NCCL_TESTS = Checkout(
    version="2.20.0",
    repository="https://github.com/NVIDIA/nccl-tests",
    commit="b4d5beebca8a76cf01335f724d154b9b9d394d96",
    source="the newest tag, whose commit ten public build recipes name",
    seen="2026-11",
)
ENROOT = Checkout(
    version="4.2.1",
    repository="https://github.com/NVIDIA/enroot",
    commit="ead3a25ed974948235d28f99fc387ac82435ce62",
    source="the tag of June 2026, whose commit seven public files name; checksums of its packages are unknown",
    seen="2026-11",
)
PYXIS = Checkout(
    version="0.24.0",
    repository="https://github.com/NVIDIA/pyxis",
    commit="107519944221822ea1dace4db8e7234b2eaa4cd5",
    source="the tag of May 2026, whose commit two public projects name; ParallelCluster 3.16 has the same version",
    seen="2026-11",
)
CONTAINER_TOOLKIT = Pin(
    version="1.19.1",
    source="nvidia-container-toolkit in NVIDIA's CUDA repository, as public download lists name it",
    seen="2026-11",
    newest="1.20.1 is in NVIDIA's other repository; whether this one has it is unknown",
)
DCGM = Pin(
    version="4.6.0",
    source="https://docs.nvidia.com/datacenter/dcgm/latest/release-notes/",
    seen="2026-11",
    newest="4.7.0 is out; no exporter is known for it",
)
DCGM_EXPORTER = Pin(
    version="4.8.2",
    source="datacenter-gpu-manager-exporter_4.8.2-1_amd64.deb in NVIDIA's CUDA repository, as public recipes name it",
    seen="2026-11",
    newest="4.8.3 is out; its package was seen nowhere",
)
_NODE_EXPORTER = {
    "x86_64": ("amd64", "9f5ea48e5bc7b656f8a91a32e7d7deb89f70f73dabd0d974418aca15f37d6810"),
    "arm64": ("arm64", "ba1886efbd76cb96b0087c695ea8d1b9cb6e8aa946c996d744e9ee16c8e3591a"),
}
NODE_EXPORTER: Mapping[str, Download] = {
    architecture: Download(
        version="1.11.1",
        url="https://github.com/prometheus/node_exporter/releases/download/v{version}/"
        f"node_exporter-{{version}}.linux-{name}.tar.gz",
        sha256=sha256,
        source="the release's sha256sums.txt, as ten public projects copied it",
        seen="2026-11",
    )
    for architecture, (name, sha256) in _NODE_EXPORTER.items()
}
"""Architecture -> its archive."""

NODE_PINS: Mapping[str, Pin | Mapping[str, Download]] = {
    "efa_installer": EFA,
    "driver": DRIVER,
    "gdrcopy": GDRCOPY,
    "nccl_tests": NCCL_TESTS,
    "enroot": ENROOT,
    "pyxis": PYXIS,
    "container_toolkit": CONTAINER_TOOLKIT,
    "dcgm": DCGM,
    "dcgm_exporter": DCGM_EXPORTER,
    "node_exporter": NODE_EXPORTER,
}
"""What machine images are made of -> its pin, or one for each architecture."""
