"""Which versions go together, as data: who says so, and when it was read.

What EFA's installer brings stands in seatrial.versions, what an instance type needs in seatrial.network.floors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.findings import Verdict
from seatrial.network.site import Version
from seatrial.network.sources import EFA_CHEATSHEET, PLUGIN_RELEASES
from seatrial.versions import NEURON_COMPONENTS, NEURON_SDK

CUDA_NOTES = "https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/ (tables 2 and 3, of CUDA 13.0), 2026-11"
PLUGIN = f"{PLUGIN_RELEASES} and RELEASENOTES.md, 2026-11"
END: Version = (99_999, 0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """Versions of a component, and what they need of another one."""

    component: str
    since: Version
    before: Version = END
    other: str
    least: Version
    verdict: Verdict = Verdict.FAIL
    """What it means if the other one is older."""
    why: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Clash:
    """Versions of two components that do not work together."""

    component: str
    since: Version
    before: Version = END
    other: str
    other_since: Version = (0, 0, 0)
    other_before: Version = END
    verdict: Verdict = Verdict.WARN
    why: str
    remedy: str
    source: str


_MINOR = "a driver of the same generation: CUDA's minor versions are compatible with each other"
DRIVERS = (
    Needs(
        component="cuda",
        since=(11, 1, 0),
        before=(12, 0, 0),
        other="driver",
        least=(450, 80, 2),
        why=_MINOR,
        source=CUDA_NOTES,
    ),
    Needs(
        component="cuda",
        since=(12, 0, 0),
        before=(13, 0, 0),
        other="driver",
        least=(525, 60, 13),
        why=_MINOR,
        source=CUDA_NOTES,
    ),
    Needs(
        component="cuda",
        since=(13, 0, 0),
        before=(14, 0, 0),
        other="driver",
        least=(580, 0, 0),
        why=_MINOR,
        source=CUDA_NOTES,
    ),
)
"""CUDA -> the oldest driver with which its programs start."""

OWN_DRIVERS: Mapping[tuple[int, int], Version] = {
    (11, 8): (520, 61, 5),
    (12, 0): (525, 60, 13),
    (12, 1): (530, 30, 2),
    (12, 2): (535, 54, 3),
    (12, 3): (545, 23, 6),
    (12, 4): (550, 54, 14),
    (12, 5): (555, 42, 2),
    (12, 6): (560, 28, 3),
    (12, 8): (570, 26, 0),
    (12, 9): (575, 51, 3),
    (13, 0): (580, 65, 6),
}
"""CUDA -> the driver that came with it. With an older one of its generation most of it works, but code that must be
translated at start (PTX) and new functions do not. Source: CUDA_NOTES."""

PLUGIN_NEEDS = (
    Needs(
        component="aws_ofi_nccl",
        since=(1, 8, 0),
        before=(1, 13, 0),
        other="libfabric",
        least=(1, 18, 0),
        why="the plugin calls functions that older ones do not have",
        source=PLUGIN,
    ),
    Needs(
        component="aws_ofi_nccl",
        since=(1, 13, 0),
        other="libfabric",
        least=(1, 22, 0),
        why="the plugin's part for AWS is built for it",
        source=PLUGIN,
    ),
    Needs(
        component="aws_ofi_nccl",
        since=(1, 8, 0),
        before=(1, 11, 0),
        other="nccl",
        least=(2, 4, 8),
        why="the oldest interface for plugins that it offers",
        source=PLUGIN,
    ),
    Needs(
        component="aws_ofi_nccl",
        since=(1, 11, 0),
        other="nccl",
        least=(2, 17, 1),
        why="the oldest interface for plugins that it offers",
        source=PLUGIN,
    ),
)
"""aws-ofi-nccl -> libfabric and NCCL."""

CLASHES = (
    Clash(
        component="nccl",
        since=(2, 19, 0),
        other="efa_installer",
        other_before=(1, 29, 1),
        why="registering memory fails (register_rail_mr_buffer, RC: -22)",
        remedy="install EFA 1.29.1 or newer, or set FI_EFA_SET_CUDA_SYNC_MEMOPS=0",
        source=EFA_CHEATSHEET,
    ),
    Clash(
        component="aws_ofi_nccl",
        since=(1, 12, 0),
        before=(1, 12, 1),
        other="efa_installer",
        other_since=(1, 35, 0),
        why="its order of devices makes jobs slow, or crashes",
        remedy="install aws-ofi-nccl 1.12.1 or newer",
        source=PLUGIN,
    ),
    Clash(
        component="driver",
        since=(580, 0, 0),
        other="efa_driver",
        other_before=(2, 17, 3),
        why="EFA cannot read and write GPU memory with NVIDIA's open kernel modules of this driver",
        remedy="install a newer EFA",
        source="https://github.com/amzn/amzn-drivers, release notes of r3.1.0, 2026-11",
    ),
)
"""Known faults of pairs."""

FIRST_CUDA: Mapping[tuple[int, int], Version] = {
    (7, 5): (10, 0, 0),
    (8, 0): (11, 0, 0),
    (8, 6): (11, 1, 0),
    (8, 9): (11, 8, 0),
    (9, 0): (11, 8, 0),
    (10, 0): (12, 8, 0),
    (10, 3): (12, 9, 0),
}
"""Compute capability -> the first CUDA that knows it. Source: release notes of those versions, "new features"; nvcc's
list of architectures."""

TORCH_NOTES = "https://github.com/pytorch/pytorch/blob/main/RELEASE.md#release-compatibility-matrix, 2026-11"
TORCH_BUILDS: Mapping[tuple[int, int], Mapping[tuple[int, int], Version]] = {
    (2, 10): {(12, 6): (2, 27, 5), (12, 8): (2, 27, 5), (13, 0): (2, 28, 9)},
    (2, 11): {(12, 6): (2, 28, 9), (12, 8): (2, 28, 9), (13, 0): (2, 28, 9)},
    (2, 12): {(12, 6): (2, 29, 3), (13, 0): (2, 29, 7), (13, 2): (2, 29, 7)},
    (2, 13): {(12, 6): (2, 29, 3), (13, 0): (2, 29, 7), (13, 2): (2, 29, 7)},
    (2, 14): {(12, 6): (2, 29, 3), (13, 0): (2, 30, 7), (13, 2): (2, 30, 7)},
    (2, 15): {(13, 2): (2, 30, 7)},
}
"""torch -> CUDA that there is a build for -> NCCL of that build. Source: TORCH_NOTES, as a copy of 2026 has it; that of
2.15, and the builds for CUDA 13 of 2.11 to 2.14 again, by what the wheels on PyPI require. Of 2.15 others are unknown;
of all there may be more, such as the one for CUDA 12.9 of 2.13."""

NEURON_NOTES = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/release-notes/releasecontent.html, 2026-11"
NEURON_RELEASES: Mapping[str, Mapping[str, str]] = {NEURON_SDK: NEURON_COMPONENTS}
"""Neuron SDK -> version of each of its components. Source: NEURON_NOTES."""
