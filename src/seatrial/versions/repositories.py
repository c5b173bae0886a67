"""Where the packages of vendors come from, and the key that each repository is signed with."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.pins import Repository

_CUDA = "https://developer.download.nvidia.com/compute/cuda/repos/{system}/{architecture}"
_CUDA_SOURCE = (
    "https://docs.nvidia.com/cuda/cuda-installation-guide-linux/; the fingerprint as public projects check it"
)
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
