"""Rules about Dockerfiles."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence

from seatrial.findings import Verdict
from seatrial.image import mutable
from seatrial.lint.dockerfile import Instruction, json_words, meant_as_list
from seatrial.lint.documents import Document
from seatrial.lint.installs import installs, name_of
from seatrial.lint.rules import Hit, Tree, gathered, rule

UPSTREAM = "awslabs/awsome-distributed-ai"
_READ_ENVIRONMENT = {
    "env",
    "printenv",
    "envsubst",
    "eval",
    "source",
    ".",
    "export",
    "declare",
    "make",
    "cmake",
    "ninja",
}
_READ_ENVIRONMENT |= {"bazel", "meson", "cargo", "go", "npm", "poetry", "ansible-playbook", "rake", "just"}
"""Programs that hand the environment on to something that may read any of it."""


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
def mutable_base(document: Document, tree: Tree) -> Iterator[Hit]:
    for stage in document.stages:
        reason = "" if stage.base else mutable_tag(stage.image)
        name = stage.image.partition(":")[0]
        # it changes only with its own Dockerfile
        if reason and {name, f"Dockerfile.{name.rpartition('/')[2]}"}.isdisjoint(tree.all(images_built)):
            yield stage.start.line, f"{stage.image} {reason}"


@gathered
def images_built(document: Document) -> Iterator[str]:
    """Names of the images that a file has a builder make, and of Dockerfiles that are called like theirs."""
    if document.kind == "dockerfile" and document.path.name.startswith("Dockerfile."):
        yield document.path.name
    for line in document.text.split("\n") if "build" in document.text and "-t" in document.text else ():
        found = re.search(r"\bbuild\b.*", line) if "build" in line and "-t" in line else None
        yield from re.findall(r"\s(?:-t|--tag)[\s=][\"']?([\w./-]+)", found[0]) if found else ()


@gathered
def build_contexts(document: Document) -> Iterator[str]:
    """Names that a file gives a builder beside the stages of a Dockerfile."""
    return iter(re.findall(r"--build-context[= ][\"']?([\w.-]+)=", document.text))


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
    names = ("ENV", "FROM", "WORKDIR", "COPY", "ADD", "EXPOSE", "USER", "LABEL")
    for item in document.instructions:
        for index, text in enumerate(item.text.split("\n")) if item.name in names else ():
            bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
            found = re.search(r"\s(#\s.*)", bare)
            if found and not text.lstrip().startswith("#"):
                yield item.line + index, f"{found[1].strip()[:60]!r} becomes a part of {item.name}"
            if not text.rstrip().endswith("\\"):
                break


@rule(
    "docker.comment-in-command",
    Verdict.FAIL,
    ("dockerfile",),
    expected="comments on lines of their own",
    why="Docker makes one line of a continued RUN: the comment then goes on to its end, and what follows never runs.",
    remedy="move the comment to the line before",
    source="https://docs.docker.com/reference/dockerfile/#format; aws-samples, gpt-neox image of 2024",
    bad="FROM ubuntu:24.04\nRUN make && \\\n  make check # slow \\\n  && make install\n",
    at=3,
    good="FROM ubuntu:24.04\nRUN make && \\\n  # slow\n  make check && \\\n  make install  # at last\n",
)
def comment_in_command(document: Document, _: Tree) -> Iterator[Hit]:
    for item in document.instructions:
        if item.swallowed is not None:
            yield item.swallowed, "the comment goes on to the end of RUN: the lines behind it never run"


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
    runs = [item for item in document.instructions if item.name in ("RUN", "ONBUILD")]
    for item in document.instructions:
        for assignment in item.script.assignments if item.name == "ARG" and item.script else ():
            name = assignment.name
            if not name.endswith("_VERSION") or re.search(rf"\$\{{?{re.escape(name)}\b", document.text):
                continue
            later = [run for run in runs if run.line > assignment.line]
            if assignment.value is not None and not any(_may_read_environment(run) for run in later):
                yield assignment.line, f"nothing reads {name}"


def _may_read_environment(run: Instruction) -> bool:
    """It starts something that may ask for a build argument by its name: RUN has them all in its environment."""
    if run.script is None:
        return True
    built = (package for install in installs(run.script.commands) for package in install.packages)
    return any(not name_of(package.text) for package in built) or any(
        c.name in _READ_ENVIRONMENT
        or "/" in c.words[0].text
        or any(re.search(r"\.(sh|bash|py|pl|mk|R)$|^(setup|configure)$", word.text) for word in c.words)
        for c in run.script.commands
    )


@rule(
    "docker.no-json",
    Verdict.FAIL,
    ("dockerfile",),
    expected="a JSON form that is JSON: double quotes, commas, nothing behind the bracket",
    why="Docker takes what is no JSON for shell code: the shell then looks for a program named [ or [python,.",
    remedy="write the list with double quotes, or the command without brackets",
    source="https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",
    bad="FROM python:3.12.4\nCMD ['python', 'train.py']\n",
    at=2,
    good='FROM python:3.12.4\nRUN [ -d /data ] || mkdir /data\nCMD ["python", "train.py"]\n',
)
def no_json(document: Document, _: Tree) -> Iterator[Hit]:
    replaced = {
        item.line
        for stage in document.stages
        for item, later in itertools.combinations(stage.own, 2)
        if item.name == later.name and item.name in ("CMD", "ENTRYPOINT")
    }
    for item in document.instructions:
        if item.name in _JSON_FORMS and item.line not in replaced:
            value = re.sub(r"^(--\S+\s+)+", "", item.value)
            if json_words(value) is None and (
                meant_as_list(value) or (item.name not in ("RUN", "COPY", "ADD") and _BARE_LIST.match(value))
            ):
                yield item.line, f"{item.name} {value[:60]} is no JSON"


_JSON_FORMS = ("CMD", "ENTRYPOINT", "RUN", "SHELL", "VOLUME", "COPY", "ADD")
_BARE_LIST = re.compile(r"\[\s*[^\s\"'$\]{<-][^\]]*\]$")


@rule(
    "docker.unknown-stage",
    Verdict.FAIL,
    ("dockerfile",),
    expected="a stage that is defined before it is used",
    why="Docker takes a name that is no earlier stage for an image, and tries to pull it.",
    remedy="correct the name, or move the stage before the one that uses it",
    source="https://docs.docker.com/build/building/multi-stage",
    bad="FROM gcc:14.2 AS builder\nRUN make\nFROM debian:12.8\nCOPY --from=biulder /app /app\n",
    at=4,
    good="FROM gcc:14.2 AS builder\nRUN make\nFROM debian:12.8\n"
    "COPY --from=builder /app /app\nCOPY --from=busybox:1.37.0 /bin/busybox /bin/\n",
)
def unknown_stage(document: Document, tree: Tree) -> Iterator[Hit]:
    every = document.stages
    names = [stage.name for stage in every]
    for index, stage in enumerate(every):
        for item in stage.own:
            for name in _taken_from(item):
                if name.isdigit():
                    wrong = int(name) >= index
                else:
                    wrong = name not in names[:index] and (name in names or _meant_as_stage(name, names[:index]))
                if wrong and name not in tree.all(build_contexts):
                    yield item.line, f"no stage before it is called {name}"


def _taken_from(item: Instruction) -> Iterator[str]:
    if item.name in ("COPY", "ADD") and "from" in item.flags:
        yield item.flags["from"].lower()
    if item.name == "RUN":
        for mount in re.findall(r"--mount=(\S+)", item.value):
            yield from re.findall(r"(?:^|,)from=([^,\s]+)", mount.lower())


def _meant_as_stage(name: str, names: Sequence[str]) -> bool:
    """No image: close to the name of a stage, or a word that stages are called by. Other names may be images."""
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        return False
    words = set(re.split(r"[-_]", name))
    return bool(difflib.get_close_matches(name, [n for n in names if n], cutoff=0.8)) or bool(words & _STAGE_WORDS)


_STAGE_WORDS = {"build", "builder", "base", "compile", "compiler", "deps", "dependencies", "devel", "runtime", "stage"}
