"""Rules about ARG and ENV in Dockerfiles: what a value really is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.docker_stages import Stage, global_arguments
from seatrial.lint.dockerfile import VARIABLE, Instruction, written_words
from seatrial.lint.documents import Document
from seatrial.lint.rules import Hit, Tree, rule

_PLAIN = re.compile(
    r"(docker\.io/)?(library/)?(ubuntu|debian|alpine|centos|fedora|amazonlinux|busybox|scratch|oraclelinux)(:|@|$)"
    r"|(docker\.io/)?(rockylinux/|redhat/|almalinux)|public\.ecr\.aws/(ubuntu|debian|amazonlinux)/"
    r"|quay\.io/centos/|registry\.access\.redhat\.com/ubi"
)
"""Images of distributions, which set PATH and little else."""
_CUDA = r"NV\w*|(CUDA|NCCL)_VERSION|(LD_)?LIBRARY_PATH"
_SET_BY = (
    (re.compile(r"(docker\.io/|nvcr\.io/)?nvidia/cuda:"), re.compile(rf"({_CUDA})$")),
    (re.compile(r"(docker\.io/)?pytorch/pytorch:"), re.compile(rf"(PYTORCH_VERSION|{_CUDA})$")),
    (re.compile(r"(docker\.io/)?(library/)?python:"), re.compile(r"(PYTHON_\w+|GPG_KEY|LANG)$")),
)
"""Images and the names of variables that they set: their Dockerfiles on GitHub, 2026-11."""
_OFTEN_SET = re.compile(
    r"(NV|NVIDIA|CUDA|CUDNN|CUBLAS|NCCL|ROCM|HIP|PYTHON|PYTORCH|TORCH|TORCHVISION|TENSORFLOW|TENSORRT|TRT|JAX|GOLANG|GO"
    r"|NODE|YARN|RUST|RUSTUP|CARGO|JAVA|RUBY|NGINX|CONDA|MAMBA|SPARK|RAY|OPENMPI|MPI|OMPI|EFA|AWS|SM|SAGEMAKER|PIP|LD"
    r"|LIBRARY|TRANSFORMER|DLC|DALI|UCX|OPENUCX|NSIGHT|POLYGRAPHY|TRITON)(_\w+)?$"
    r"|(HOME|LANG|LC_ALL|TZ|USER|SHELL|PYTHONPATH|MANPATH|CPATH|TARGETARCH|TARGETPLATFORM|BUILDPLATFORM)$"
)
"""What images of frameworks and languages set under names like these cannot be known."""
_ALWAYS = re.compile(r"(?i:(http|https|ftp|no|all)_proxy)$|PATH$")
"""Build arguments that need no ARG, and what every image sets: docs.docker.com/reference/dockerfile."""


def _may_be_set(image: str, name: str) -> bool:
    if "$" in image:  # which image, or which stage, is not known
        return True
    if _ALWAYS.match(name) or _PLAIN.match(image):
        return bool(_ALWAYS.match(name))
    names = next((names for images, names in _SET_BY if images.match(image)), _OFTEN_SET)
    return bool(names.match(name))


@rule(
    "docker.argument-before-from",
    Verdict.FAIL,
    ("dockerfile",),
    expected="ARG again, without a value, in each stage that uses it",
    why="An ARG before FROM is known to FROM alone: behind it the variable is empty, and the newest is installed.",
    remedy="repeat ARG NAME, without a value, after FROM",
    source="https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact",
    bad="ARG DATASETS_VERSION=3.6.0\nFROM python:3.12.4\nRUN pip install datasets==${DATASETS_VERSION}\n",
    at=3,
    good="ARG DATASETS_VERSION=3.6.0\nFROM python:3.12.4\nARG DATASETS_VERSION\n"
    "RUN pip install datasets==${DATASETS_VERSION}\n",
)
def argument_before_from(document: Document, _: Tree) -> Iterator[Hit]:
    before = global_arguments(document.instructions)
    for stage in document.stages if before else ():
        known = _names(stage.base.lineage) if stage.base else set()
        for item in stage.own:
            for name, line in _used(item):
                if name in before and name not in known and not _may_be_set(stage.root, name):
                    known.add(name)
                    yield line, f"{name} is empty here: line {before[name]} declares it before FROM"
            known |= _names([item])


def _names(instructions: Iterator[Instruction] | list[Instruction]) -> set[str]:
    """Variables that ARG and ENV make known."""
    found = (item.script.defined for item in instructions if item.name in ("ARG", "ENV") and item.script)
    return {name for names in found for name in names}


def _used(item: Instruction) -> Iterator[tuple[str, int]]:
    """Variables that an instruction expands while the image is built, with their lines; not those with a default."""
    if item.name == "RUN" and item.script:
        if any(
            c.name in ("source", ".", "eval") and not c.words[-1].text.endswith("activate")
            for c in item.script.commands
        ):
            return  # what those set cannot be known
        provided = item.script.defined
        yield from ((use.name, use.line) for use in item.script.uses if not use.optional and use.name not in provided)
    elif item.name in ("ENV", "ARG", "COPY", "ADD", "WORKDIR", "USER", "LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL"):
        for name in _expanded(item.value):
            rows = item.text.split("\n")
            yield name, item.line + next((i for i, row in enumerate(rows) if re.search(rf"\$\{{?{name}\b", row)), 0)


def _expanded(value: str) -> list[str]:
    found = VARIABLE.finditer(re.sub(r"'[^']*'", "", value))
    return [match[2] or match[5] for match in found if match[1] is None and match[3] not in ("-", "+")]


@rule(
    "docker.env-value",
    Verdict.FAIL,
    ("dockerfile",),
    expected="ENV with values that Docker can fill in",
    why="Docker runs no command in a value, expands nothing in single quotes, and knows what ENV sets behind it.",
    remedy="write $NAME where its value is meant; set what another value uses in an ENV of its own before",
    source="https://docs.docker.com/reference/dockerfile/#environment-replacement",
    bad="FROM ubuntu:24.04\nENV PATH=/opt/tools/bin:PATH\n",
    at=2,
    good="FROM ubuntu:24.04\nENV TOOLS=/opt/tools\nENV PATH=$TOOLS/bin:$PATH PS1='$(date) $ '\n",
)
def env_value(document: Document, _: Tree) -> Iterator[Hit]:
    for stage in document.stages:
        known = _names(stage.base.lineage) if stage.base else set()
        for item in stage.own:
            if item.name == "ENV" and item.script:
                yield from _wrong_values(item, known, stage)
            known |= _names([item])


def _wrong_values(item: Instruction, known: set[str], stage: Stage) -> Iterator[Hit]:
    earlier: set[str] = set()
    for word, row in written_words("ENV", item.script.text if item.script else ""):
        name, _, written = word.partition("=")
        line = item.line + row
        bare = re.sub(r"'[^']*'", "", written)
        if name.endswith("PATH") and ":" in written and name in written.strip("\"'").split(":"):
            yield line, f"{name} holds the word {name}, not its value: ${name} is meant"
        elif re.search(rf"'[^'\"]*\$\{{?{re.escape(name)}\b", written) and '"' not in written:
            yield line, f"{name}: ${name} stays as it is in single quotes"
        elif re.search(r"(?<!\\)\$\([^(]", bare) and not re.match(r"PS\d$|PROMPT", name):
            yield line, f"{name}: Docker does not run {bare[bare.index('$(') :][:40]}"
        else:
            missing = [
                n for n in _expanded(written) if n in earlier - known - {name} and not _may_be_set(stage.root, n)
            ]
            if missing:
                yield line, f"{name}: {missing[0]} is not set yet, since the same ENV sets it"
        earlier.add(name)


_EFA_IMAGE = re.compile(r"public\.ecr\.aws/hpc-cloud/nccl-tests\b")
"""Its LD_LIBRARY_PATH holds libfabric: micro-benchmarks/nccl-tests/nccl-tests.Dockerfile of its authors, 2026-11."""


@rule(
    "docker.loader-path",
    Verdict.WARN,
    ("dockerfile",),
    expected="LD_LIBRARY_PATH that is extended",
    why="The later value replaces the earlier one: the folder of libfabric or of aws-ofi-nccl is searched no more.",
    remedy="write :$LD_LIBRARY_PATH at the end of the value",
    source="https://docs.docker.com/reference/dockerfile/#env",
    bad="FROM ubuntu:24.04\nENV LD_LIBRARY_PATH=/opt/amazon/efa/lib\nENV LD_LIBRARY_PATH=/opt/tools/lib\n",
    at=3,
    good="FROM ubuntu:24.04\nENV LD_LIBRARY_PATH=/opt/amazon/efa/lib\n"
    "ENV LD_LIBRARY_PATH=/opt/tools/lib:$LD_LIBRARY_PATH\n",
)
def library_path(document: Document, _: Tree) -> Iterator[Hit]:
    for stage in document.stages if "LD_LIBRARY_PATH" in document.text else ():
        folders = {"/opt/amazon/efa/lib"} if _EFA_IMAGE.match(stage.root) else set()
        for item in stage.lineage:
            code = item.script.text if item.name == "ENV" and item.script and "LD_LIBRARY_PATH" in item.value else ""
            for word, row in written_words("ENV", code):
                name, _equals, written = word.partition("=")
                if name != "LD_LIBRARY_PATH":
                    continue
                now = set(re.findall(r"/opt/(?:amazon/|aws-ofi-nccl)[\w./-]*", written))
                lost = set() if "LD_LIBRARY_PATH" in written else folders - now
                if lost and item in stage.own:
                    yield item.line + row, f"{min(lost)} was in it and is gone"
                folders = (folders - lost) | now
