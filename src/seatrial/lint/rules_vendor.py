"""Rules about images of vendors: what is installed over what they brought."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seatrial.findings import Verdict
from seatrial.lint.docker_stages import Stage
from seatrial.lint.documents import Document
from seatrial.lint.installs import Install, installs, name_of
from seatrial.lint.rules import Hit, Tree, rule

_TORCH = {"torch", "torchvision", "pytorch"}
_NVIDIA = {*_TORCH, "transformer-engine", "apex", "flash-attn"}
VENDORS = (
    (re.compile(r"nvcr\.io/nvidia/pytorch\b"), _NVIDIA),
    (re.compile(r"nvcr\.io/nvidia/nemo\b"), _NVIDIA),
    (re.compile(r"nvcr\.io/nvidia/tensorflow\b"), {"tensorflow", "tensorflow-gpu", "horovod"}),
    (re.compile(r"nvcr\.io/nvidia/jax\b"), {"jax", "jaxlib"}),
    (re.compile(r"\S*(dkr\.ecr|public\.ecr)\S*/(huggingface-)?pytorch-(training|inference)\b"), _TORCH),
    (re.compile(r"\S*(dkr\.ecr|public\.ecr)\S*/tensorflow-(training|inference)\b"), {"tensorflow", "tensorflow-gpu"}),
    (re.compile(r"rocm/pytorch\b"), {*_TORCH, "apex"}),
)
"""Images and what in them is the vendor's own build: release notes of NVIDIA's framework containers and of AWS's Deep
Learning Containers, ROCm's documentation of its images (2026-11)."""
_BRING_TORCH = {"torchaudio", "xformers", "vllm"}
"""Packages that demand torch in exactly one version (their metadata on PyPI, 2026-11)."""


@rule(
    "docker.vendor-framework",
    Verdict.WARN,
    ("dockerfile",),
    expected="the framework that the image of the vendor brings",
    why="The image is tested as a whole: another build of a part may not fit the NCCL, CUDA and extensions beside it.",
    remedy="leave the package out, or begin with an image without a framework",
    source="https://docs.nvidia.com/deeplearning/frameworks/pytorch-release-notes (2026-11)",
    bad="FROM nvcr.io/nvidia/pytorch:25.06-py3\nRUN pip install torch==2.7.1\n",
    at=2,
    good="FROM nvcr.io/nvidia/pytorch:25.06-py3\nRUN pip install transformers==4.53.0\n",
)
def vendor_framework(document: Document, _: Tree) -> Iterator[Hit]:
    for stage in document.stages:
        brought = next((names for images, names in VENDORS if images.match(stage.root)), None)
        if brought is None or _elsewhere(stage, brought):
            continue
        for item in stage.own:
            for install in installs(item.script.commands) if item.name == "RUN" and item.script else ():
                for name, line in _replaced(install, brought, document.path.parent):
                    yield line, f"{name}: {stage.root} brings a build of its own"


def _replaced(install: Install, brought: set[str], folder: Path) -> Iterator[tuple[str, int]]:
    """What an install puts over what the image brought. Who demands a least version only may get what is there."""
    if install.constrained or install.flags & {"--target", "-t", "--prefix", "-n", "--name", "-p"}:
        return
    for word in install.packages:
        name = name_of(word.text)
        brings = name in _BRING_TORCH and "torch" in brought and "--no-deps" not in install.flags
        if (name in brought or brings) and not re.search(r"[<>~!]", word.text):
            yield name, word.line
            return
    for file in install.requirements:
        beside = folder / Path(file.text).name
        lines = beside.read_text(encoding="utf-8", errors="replace").splitlines() if beside.is_file() else []
        pinned = next((name for line in lines if "==" in line and (name := name_of(line.strip())) in brought), None)
        if pinned:
            yield f"{pinned} of {beside.name}", file.line
            return


def _elsewhere(stage: Stage, brought: set[str]) -> bool:
    """It makes an environment of its own, or removes what is there: another framework is meant."""
    for item in stage.lineage:
        for command in item.script.commands if item.name == "RUN" and item.script else ():
            texts = [word.text for word in command.words]
            if "venv" in texts or command.name == "virtualenv" or texts[1:3] == ["env", "create"]:
                return True
            if command.name in ("conda", "mamba") and texts[1:2] == ["create"]:
                return True
            if "uninstall" in texts and brought & {name_of(text) for text in texts}:
                return True
    return False
