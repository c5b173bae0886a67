"""Rules about Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.image import mutable
from seatrial.lint.docker_stages import stages
from seatrial.lint.documents import Document
from seatrial.lint.rules import Hit, Tree, rule

UPSTREAM = "awslabs/awsome-distributed-ai"


def mutable_tag(image: str) -> str:
    """Why an image is not the same next week; empty if it is, and where that cannot be known before it is launched."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    # Capitals: a placeholder, since images are written small. A variable without a tag may well hold one.
    if digest or name == "scratch" or name.isupper() or (not tag and ("$" in name or "{" in name)):
        return ""
    return mutable(image)


@rule(
    "docker.mutable-base",
    Verdict.WARN,
    ("dockerfile",),
    expected="a base image with a version or a digest",
    why="latest is another image next month: the same Dockerfile builds something that nobody has tested.",
    remedy="name a version, better a digest",
    source=f"{UPSTREAM}#435, #1047",
    bad="FROM pytorch/pytorch:latest\nCMD python train.py\n",
    at=1,
    good="FROM pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime\nCMD python train.py\n",
)
def mutable_base(document: Document, _: Tree) -> Iterator[Hit]:
    for stage in stages(document.instructions):
        reason = "" if stage.base else mutable_tag(stage.image)
        if reason:
            yield stage.start.line, f"{stage.image} {reason}"


@rule(
    "docker.comment-in-value",
    Verdict.FAIL,
    ("dockerfile",),
    expected="comments on lines of their own",
    why="Docker knows comments only at the beginning of a line: # and what follows become part of the instruction.",
    remedy="move the comment to the line before",
    source=f"https://docs.docker.com/reference/dockerfile/#format; {UPSTREAM}, nemo image of February 2026",
    bad="FROM ubuntu:24.04\nENV MODE=fast  # or slow\n",
    at=2,
    good="FROM ubuntu:24.04\n# or slow\nENV MODE=fast\n",
)
def comment_in_value(document: Document, _: Tree) -> Iterator[Hit]:
    names = ("ARG", "ENV", "FROM", "WORKDIR", "COPY", "ADD", "EXPOSE", "USER")
    for item in document.instructions:
        found = re.search(r"\s(#\s.*)", item.text.split("\n")[0]) if item.name in names else None
        if found:
            yield item.line, f"{found[1].strip()[:60]!r} becomes a part of {item.name}"


@rule(
    "docker.unused-version",
    Verdict.WARN,
    ("dockerfile",),
    expected="versions that decide what is installed",
    why="A version that nothing reads says what is not true, and satisfies checks that only look for the text.",
    remedy="use the argument where the component is installed, or remove it",
    source=f"{UPSTREAM}, nemo-run and megatron-lm images",
    bad="FROM ubuntu:24.04\nARG NCCL_VERSION=v2.28.3-1\nRUN nproc\n",
    at=2,
    good="FROM ubuntu:24.04\n"
    "ARG NCCL_VERSION=v2.28.3-1\n"
    "RUN git clone -b ${NCCL_VERSION} https://github.com/NVIDIA/nccl.git\n",
)
def unused_version(document: Document, _: Tree) -> Iterator[Hit]:
    for item in document.instructions:
        for assignment in item.script.assignments if item.name == "ARG" and item.script else ():
            name = assignment.name
            if name.endswith("_VERSION") and not re.search(rf"\$\{{?{name}\b", document.text):
                yield assignment.line, f"nothing reads {name}"
