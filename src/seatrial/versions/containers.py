"""What container images are made from: bases of others, and sources that are on no package index."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.nodes import NCCL_TESTS
from seatrial.versions.pins import Base, Checkout
from seatrial.versions.python import FRAMEWORKS

BASES: Mapping[str, Base] = {
    "ubuntu": Base(
        name="docker.io/library/ubuntu",
        version="24.04",
        digest="sha256:224a1869083a311ef3f13648a154ba79832fbef6364d31493642ca03082da254",
        python="3.12",
        source="more than ten public projects that pinned it from September to October 2026",
        seen="2026-11",
    ),
    "neuron": Base(
        name="public.ecr.aws/neuron/pytorch-training-neuronx",
        version="2.9.0-neuronx-py312-sdk2.28.0-ubuntu24.04",
        digest=None,
        source="https://github.com/aws-neuron/deep-learning-containers",
        seen="2026-11",
    ),
    # what train_esm2's options, figures and logs were published with
    "bionemo": Base(
        name="nvcr.io/nvidia/clara/bionemo-framework",
        version="2.5",
        digest="sha256:fbd1393898db19a6f252ba962b768efa24ae2baea6a4b98d7a806d20f47318a3",
        source="https://catalog.ngc.nvidia.com/orgs/nvidia/teams/clara/containers/bionemo-framework; the digest from "
        "one public build log",
        seen="2026-11",
        newest="2.6 and later are out, untried",
    ),
    # the last published with ESM-1nv on AWS
    "bionemo1": Base(
        name="nvcr.io/nvidia/clara/bionemo-framework",
        version="1.2",
        digest=None,
        source="https://github.com/aws-samples/awsome-distributed-training, test case bionemo",
        seen="2026-11",
        newest="NVIDIA offers it no longer, and BioNeMo 2 has no ESM-1nv",
    ),
    "nemo": Base(
        name="nvcr.io/nvidia/nemo",
        version="25.11",
        digest=None,
        source="https://docs.nvidia.com/nemo-framework/user-guide/latest/installation.html",
        seen="2026-11",
        newest="26.08.01 is out, with Megatron Bridge; whether NeMo 2 is still in it is unknown",
    ),
    # NeMo 1's programs are in /opt/NeMo/examples
    "nemo-launcher": Base(
        name="nvcr.io/nvidia/nemo",
        version="24.12",
        digest=None,
        source="https://catalog.ngc.nvidia.com/orgs/nvidia/containers/nemo",
        seen="2026-11",
        newest="later ones are out; this is the last that the published test case was made for",
    ),
}
"""Images of others that ours are made from: ``ubuntu``, ``neuron``, and for what is in a vendor's container alone the
case, or the engine of one."""

CHECKOUTS: Mapping[str, Checkout] = {
    # there are no releases
    "picotron": Checkout(
        version="2025-04",
        repository="https://github.com/huggingface/picotron",
        commit="5809434fb5df9a647e9b035a01d1381346035b6c",
        source="the commit that most of its code was read and tried at",
        seen="2026-11",
    ),
    "megatron-lm": Checkout(
        version=f"core_v{FRAMEWORKS['megatron-core']}",
        repository="https://github.com/NVIDIA/Megatron-LM",
        commit=None,
        source="the tag of the release of megatron-core, by the scheme that its tags follow",
        seen="2026-11",
    ),
    "nccl-tests": NCCL_TESTS,
}
"""What is on no package index: case -> the commit that a checkout or an image is made at."""

TORCH_CPU: Mapping[str, str] = {
    "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",  # noqa: E501
    "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_aarch64.whl": "84453b69508ec79902f899c5ed9495acb9e2bbe9fda5f1d5d6f19e3c3842e1a7",  # noqa: E501
    "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl": "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",  # noqa: E501
    "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl": "6f307c2c32d764ffc6ff6893b801fad6d4752f3e67966cb8abf1843427c02604",  # noqa: E501
}
"""torch for CPUs, which is on PyTorch's own index alone: file -> SHA-256. Source: that index as several public projects
wrote it down, 2026-10; the first was fetched and compared."""
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

OTHER_PYTHON_BUILDS: Mapping[str, str] = {"3.10": "3.10.22"}
"""Python of OTHER_PYTHON -> the build of it that images have: the newest whose hash uv at its pin holds."""
