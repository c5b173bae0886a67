"""The images of cases: what each is made of and has. It follows from the case; what differs stands in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial import versions
from seatrial.images._image import Architecture, Container
from seatrial.spec import Case

COMMAND = "command"
"""Lock of what the command itself has: that of cases without an environment."""
MACHINES: Mapping[Architecture, str] = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Processor -> what Linux calls it, and Python with it."""
BOTH: tuple[Architecture, ...] = ("x86_64", "arm64")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How an image differs from what follows from its case."""

    why: str
    case: str | None = None
    """The case, where the image is another one, for some of its recipes, and has a name of its own."""
    stack: str = "cuda13"
    base: str = "ubuntu"
    lock: str | None = None
    """In place of the environment's lock, or the command's."""
    checkouts: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    architectures: tuple[Architecture, ...] = BOTH


_X86: tuple[Architecture, ...] = ("x86_64",)
_NO_ACCELERATOR = "its job computes on CPUs alone, on any machine: CUDA and EFA's software would be 5 GB for nothing"
_PAXML = (
    f"paxml needs JAX {versions.PAXML['jax']}, which knows CUDA 12 alone, and Python {versions.OTHER_PYTHON['paxml']}"
)
_NEURON = "torch-neuronx and neuronx-distributed are on no public index: AWS's container has them"

DIFFERENCES: Mapping[str, Difference] = {
    "cpu-ddp": Difference(stack="cpu", why=_NO_ACCELERATOR),
    "datasets": Difference(stack="cpu", why=_NO_ACCELERATOR),
    "bionemo-data": Difference(stack="cpu", why=_NO_ACCELERATOR),
    "nccl-tests": Difference(
        checkouts=("nccl-tests",),
        programs=("all_reduce_perf", "mpirun"),
        why="its programs are on no package index: they are compiled against the NCCL of the stack and EFA's Open MPI",
    ),
    "picotron": Difference(
        lock="pytorch",
        checkouts=("picotron",),
        why="picotron is on no package index, and needs the transformers and datasets of the environment pytorch",
    ),
    "megatron-lm": Difference(
        checkouts=("megatron-lm",), why="pretrain_gpt.py is in no package, only in the repository Megatron-LM"
    ),
    "jax-paxml": Difference(stack="cuda12", architectures=_X86, why=_PAXML),
    "bionemo": Difference(
        stack="vendor", base="bionemo", architectures=_X86, why="train_esm2 is in NVIDIA's container alone"
    ),
    "bionemo1": Difference(
        case="bionemo",
        stack="vendor",
        base="bionemo1",
        architectures=_X86,
        why="ESM-1nv (engine=bionemo1) is in NVIDIA's container of BioNeMo 1 alone",
    ),
    "nemo": Difference(
        case="nemo-run",
        stack="vendor",
        base="nemo",
        architectures=_X86,
        why="engine=nemo: NeMo 2 takes kernels of Transformer Engine and Apex, which NVIDIA's container has",
    ),
    "nemo-launcher": Difference(
        stack="vendor", base="nemo-launcher", architectures=_X86, why="NeMo 1 is in NVIDIA's container alone"
    ),
    "neuronx-distributed": Difference(stack="neuron", base="neuron", architectures=_X86, why=_NEURON),
    "neuronx-prepare": Difference(
        stack="neuron", base="neuron", architectures=_X86, programs=("neuron_parallel_compile",), why=_NEURON
    ),
    "nccom-tests": Difference(stack="neuron", base="neuron", architectures=_X86, programs=("nccom-test",), why=_NEURON),
}
"""Image -> what differs, and why. What is not here runs on NVIDIA's GPUs, on Ubuntu, with its environment's lock."""

FURTHER: Mapping[str, str] = {name: one.case for name, one in DIFFERENCES.items() if one.case}
"""Image that is not its case's first -> the case."""

ONLY_X86: Mapping[str, str] = {
    "pytorch": "zstd, which mosaicml-streaming asks for, has no wheel for Arm, and would need a compiler",
}
"""Lock -> why no image for Arm is made of it."""

ACCELERATORS: Mapping[str, str] = {"jax": "jax-cuda", "paxml": "paxml-cuda"}
"""Environment -> lock of what its framework needs to use GPUs. All others have torch, with what it brings."""


def definition(case: Case, name: str | None = None) -> Container:
    """The image in which the jobs of a case run, or that of FURTHER with this name."""
    own = DIFFERENCES.get(name or case.name, Difference(why=""))
    lock = (own.lock or case.environment or COMMAND) if own.base == "ubuntu" else None
    return Container(
        name=name or case.name,
        title=case.title,
        stack=own.stack,
        base=own.base,
        lock=lock,
        environment=case.environment,
        requires=case.requires,
        checkouts=own.checkouts,
        programs=own.programs,
        architectures=_X86 if lock in ONLY_X86 else own.architectures,
        why=own.why,
    )


def accelerator_lock(container: Container) -> str | None:
    """The lock of framework and CUDA for GPUs; None: there are no GPUs, or a vendor's container brings both."""
    if container.lock is None or container.stack == "cpu":
        return None
    return ACCELERATORS.get(container.environment or "", "cuda")


def other_python(container: Container) -> str | None:
    """Version of the Python that the framework needs, where that is not the one that runs Seatrial."""
    return versions.OTHER_PYTHON.get(container.environment or "") if container.lock else None
