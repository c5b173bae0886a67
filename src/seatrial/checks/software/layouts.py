"""Where each component lies in the layouts that are in use, and how its version is told there. Data only.

Sources: the EFA installer 1.28 to 1.51 (/opt/amazon), Debian's and Red Hat's packages, NVIDIA's containers and runfile
installers, wheels from PyPI, Neuron's packages; for each a root file system or the package's list of files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

How = Literal["name", "text", "binary"]
"""The version stands in the path, in a text, or between the bytes of a library."""


@dataclass(frozen=True, slots=True)
class Place:
    """Files of one kind that tell a version."""

    patterns: tuple[str, ...]
    """Of their paths below the root; ``*`` stands for a part of a name."""
    how: How
    version: str
    """A regular expression, whose group is the version."""
    is_library: bool = False
    """Whether the loader takes it, so that its folder decides which one comes first."""
    wheel: bool = False
    """Whether torch finds it by a path of its own (DT_RPATH), which goes before LD_LIBRARY_PATH and all folders.
    https://github.com/pytorch/pytorch/blob/main/.ci/manywheel/build_common.sh"""
    host: bool = False
    """Whether it is of the kernel that runs, so that it is looked for on the host only."""


def every(*parts: tuple[str, ...] | str) -> tuple[str, ...]:
    """All paths that can be made of these parts."""
    return tuple("".join(words) for words in product(*((part,) if isinstance(part, str) else part for part in parts)))


LIBRARIES = (
    "/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu", "/lib", "/lib64", "/usr/local/lib", "/usr/local/lib64",
    "/usr/local/lib/*-linux-gnu",
)  # fmt: skip
CUDA = ("/usr/local/cuda", "/usr/local/cuda-*", "/opt/cuda", "/opt/nvidia/hpc_sdk/*/*/cuda/*")
CUDA_LIBRARIES = every(CUDA, ("/lib64", "/lib", "/targets/*/lib"))
PLUGIN = every(
    ("/opt/amazon/ofi-nccl", "/opt/aws-ofi-nccl", "/opt/aws-ofi-nccl/install", "/opt/amazon/aws-ofi-nccl"),
    ("/lib", "/lib64", "/lib/*-linux-gnu"),
)
EFA = every("/opt/amazon/efa", ("/lib", "/lib64"))
PYTHONS = (
    "/usr", "/usr/local", "/opt/conda", "/opt/*", "/opt/*/venv", "/opt/conda/envs/*", "/*/.venv",
    "/home/*/.venv", "/venv",
)  # fmt: skip
PACKAGES = every(PYTHONS, ("/lib", "/lib64"), "/python3*", ("/site-packages", "/dist-packages"))
KERNEL = every(("/lib", "/usr/lib"), "/modules/*", ("/updates/dkms", "/updates", "/extra", "/extra/*", "/kernel/*/*"))
_NUMBERS = r"(\d+\.\d+(?:\.\d+)*)"

PLACES: Mapping[str, tuple[Place, ...]] = {
    "efa_installer": (Place(("/opt/amazon/efa_installed_packages",), "text", r"(?m)^# EFA installer version: (\S+)$"),),
    "efa_driver": (
        Place(("/sys/module/efa/version",), "text", r"^(\d\S*)", host=True),
        Place(("/usr/src/efa-*",), "name", rf"/efa-{_NUMBERS}$"),
        Place(("/usr/src/amzn-drivers-efa-*",), "name", rf"efa-{_NUMBERS}$"),
    ),
    "libfabric": (
        Place(every(EFA, "/pkgconfig/libfabric.pc"), "text", r"(?m)^Version: (\S+)$", is_library=True),
        Place(every(LIBRARIES, "/pkgconfig/libfabric.pc"), "text", r"(?m)^Version: (\S+)$", is_library=True),
        # The numbers in its file's name are those of its interface, so that it tells no version.
        Place(every((*EFA, *LIBRARIES), "/libfabric.so.1"), "name", r"(?!)()", is_library=True),
        Place(("/opt/amazon/efa_installed_packages",), "text", r"\blibfabric-aws[_-](\d[\w.~]*)"),
    ),
    "aws_ofi_nccl": (
        Place(
            every((*PLUGIN, *LIBRARIES), ("/libnccl-net-ofi.so*", "/libnccl-net.so*")),
            "binary",
            r"aws-ofi-nccl v?(\d+\.\d+[\w.-]*)",
            is_library=True,
        ),
        Place(("/opt/amazon/efa_installed_packages",), "text", r"\b(?:lib)?nccl-ofi[_-](\d[\w.~]*)"),
    ),
    "nccl": (
        Place(
            every((*LIBRARIES, *CUDA_LIBRARIES, "/opt/nccl/build/lib", "/opt/nccl/lib"), "/libnccl.so*"),
            "binary",
            rf"NCCL version {_NUMBERS}\+cuda",
            is_library=True,
        ),
        Place(every(PACKAGES, "/nvidia_nccl_cu*.dist-info"), "name", rf"-{_NUMBERS}\.dist-info$", wheel=True),
    ),
    "driver": (
        Place(("/proc/driver/nvidia/version",), "text", rf"NVRM version: .*?\s{_NUMBERS}\s", host=True),
        Place(("/sys/module/nvidia/version",), "text", rf"^{_NUMBERS}", host=True),
        Place(every("/usr/src/nvidia-", ("[0-9]*", "open-[0-9]*", "srv-[0-9]*")), "name", rf"-{_NUMBERS}$"),
        Place(every(KERNEL, "/nvidia.ko"), "binary", rf"\x00version={_NUMBERS}\x00"),
    ),
    "driver_libraries": (
        Place(
            every(LIBRARIES, ("/libcuda.so.[0-9]*.[0-9]*", "/libnvidia-ml.so.[0-9]*.[0-9]*")),
            "name",
            rf"\.so\.{_NUMBERS}$",
            is_library=True,
        ),
    ),
    "cuda": (
        Place(every(CUDA, "/version.json"), "text", r'"cuda"\s*:\s*{[^}]*"version"\s*:\s*"([\d.]+)"'),
        Place(every(CUDA, "/version.txt"), "text", r"CUDA Version ([\d.]+)"),
        Place(every(LIBRARIES, "/libcudart.so.[0-9]*.[0-9]*"), "name", rf"\.so\.{_NUMBERS}$", is_library=True),
        Place(every(PACKAGES, "/torch/version.py"), "text", r"(?m)^cuda\b.*= '([\d.]+)'", wheel=True),
        Place(
            every(PACKAGES, ("/nvidia_cuda_runtime_cu*.dist-info", "/nvidia_cuda_runtime-*.dist-info")),
            "name",
            rf"-{_NUMBERS}\.dist-info$",
            wheel=True,
        ),
    ),
    "torch": (Place(every(PACKAGES, "/torch/version.py"), "text", r"(?m)^__version__ = '([^']+)'"),),
    "gdrcopy": (
        Place(
            every((*LIBRARIES, "/opt/gdrcopy/lib", "/opt/gdrcopy/lib64"), "/libgdrapi.so.[0-9]*.[0-9]*"),
            "name",
            rf"\.so\.{_NUMBERS}$",
            is_library=True,
        ),
    ),
    "gdrcopy_driver": (
        Place(("/sys/module/gdrdrv/version",), "text", rf"^{_NUMBERS}", host=True),
        Place(("/usr/src/gdrdrv-*",), "name", rf"-{_NUMBERS}"),
    ),
    "neuron_driver": (
        Place(("/sys/module/neuron/version",), "text", rf"^{_NUMBERS}", host=True),
        Place(("/usr/src/aws-neuronx-*",), "name", rf"-{_NUMBERS}"),
    ),
    "neuron_runtime": (
        Place(every("/opt/aws/neuron/lib/libnrt.so.[0-9]*.[0-9]*"), "name", rf"\.so\.{_NUMBERS}$", is_library=True),
    ),
    "neuron_compiler": (Place(every(PACKAGES, "/neuronx_cc-*.dist-info"), "name", r"neuronx_cc-(\S+)\.dist-info$"),),
}
"""Component -> its places. Of those in which it is no library, the first that tells a version counts first."""

DISTRIBUTION: Mapping[str, tuple[str, ...]] = {
    "libfabric": ("libfabric1-aws", "libfabric-aws", "libfabric1"),
    "aws_ofi_nccl": ("libnccl-ofi", "nccl-ofi"),
    "nccl": ("libnccl2", "libnccl"),
    "gdrcopy": ("libgdrapi", "gdrcopy"),
    "gdrcopy_driver": ("gdrdrv-dkms", "gdrcopy-kmod"),
    "neuron_driver": ("aws-neuronx-dkms",),
    "neuron_runtime": ("aws-neuronx-runtime-lib",),
    "neuron_collectives": ("aws-neuronx-collectives",),
    "neuron_tools": ("aws-neuronx-tools",),
    "efa_driver": ("efa",),
}
"""Component -> names of its packages of Debian and Red Hat, for what lies where nobody looked, or tells no version."""

COMPONENTS = tuple(dict.fromkeys((*PLACES, *DISTRIBUTION)))

TITLES: Mapping[str, str] = {
    "efa_installer": "EFA installer",
    "efa_driver": "EFA driver",
    "libfabric": "libfabric",
    "aws_ofi_nccl": "aws-ofi-nccl",
    "nccl": "NCCL",
    "driver": "NVIDIA driver",
    "driver_libraries": "NVIDIA driver's libraries",
    "cuda": "CUDA",
    "torch": "torch",
    "gdrcopy": "GDRCopy",
    "gdrcopy_driver": "GDRCopy driver",
    "neuron_driver": "Neuron driver",
    "neuron_runtime": "Neuron runtime",
    "neuron_compiler": "Neuron compiler",
    "neuron_collectives": "Neuron collectives",
    "neuron_tools": "Neuron tools",
}


def patterns() -> Iterator[str]:
    """Every pattern of a path, for people who ask where is looked."""
    for places in PLACES.values():
        for place in places:
            yield from place.patterns
