"""What nodes and images have beside Python: network, drivers, tools. Each chosen once, with source and date."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.pins import Checkout, Download, EfaInstaller, Pin, Repository

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
    "1.51.0": EfaInstaller(libfabric="2.7.0amzn2.0", aws_ofi_nccl="1.22.0"),
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

NEURON: Mapping[str, str] = {
    "neuronx-distributed": "0.17.26814",  # 0.19.28093 is the newest
    "neuronx-cc": "2.23.6484.0",  # 2.28.7631.0 is the newest
}
"""What Trainium nodes have of Neuron SDK 2.28.0, whose torch is 2.9: the last that supports training with
neuronx-distributed and torch-xla (maintenance only from 2.30 on). Not on PyPI. Sources:
https://awsdocs-neuron.readthedocs-hosted.com/en/v2.28.1/release-notes/releasecontent.html and
https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/announcements/neuron2.x/announce-eos-nxdt-nxd-core-training.html"""

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

_CUDA = "https://developer.download.nvidia.com/compute/cuda/repos/{system}/{architecture}"
_CUDA_SOURCE = "https://docs.nvidia.com/cuda/cuda-installation-guide-linux/; the fingerprint as public projects check it"
REPOSITORIES: Mapping[str, Mapping[str, Repository]] = {
    "cuda": {
        "apt": Repository(
            url=_CUDA,
            suite="/",
            key=f"{_CUDA}/3bf863cc.pub",
            fingerprint="EB693B3035CD5710E231E123A4B469963BF863CC",
            source=_CUDA_SOURCE,
            seen="2026-11",
        ),
        "rpm": Repository(
            url=_CUDA,
            key=f"{_CUDA}/D42D0685.pub",
            fingerprint="610C7B14E068A878070DA4E99CD0A493D42D0685",
            source=_CUDA_SOURCE,
            seen="2026-11",
        ),
    },
    "neuron": {
        kind: Repository(
            url=f"https://{kind}.repos.neuron.amazonaws.com".replace("rpm", "yum"),
            suite="{codename}",
            components="main",
            key=f"https://{kind}.repos.neuron.amazonaws.com/GPG-PUB-KEY-AMAZON-AWS-NEURON.PUB".replace("rpm", "yum"),
            fingerprint="00FA2C1079260870A76D2C285749CAD8646D9185",
            source="https://awsdocs-neuron.readthedocs-hosted.com/; the fingerprint as Bottlerocket's build names it",
            seen="2026-11",
        )
        for kind in ("apt", "rpm")
    },
    # Amazon Linux has the client in its own repository
    "lustre": {
        "apt": Repository(
            url="https://fsx-lustre-client-repo.s3.amazonaws.com/ubuntu",
            suite="{codename}",
            components="main",
            key="https://fsx-lustre-client-repo-public-keys.s3.amazonaws.com/fsx-ubuntu-public-key.asc",
            fingerprint="9C36DD9C515F10DBC3AA835C5D5CCC3383A962E1",
            source="https://docs.aws.amazon.com/fsx/latest/LustreGuide/install-lustre-client.html; the fingerprint as "
            "one public installer checks it",
            seen="2026-11",
        ),
    },
}
"""Vendor -> its repository, for each kind of package."""
