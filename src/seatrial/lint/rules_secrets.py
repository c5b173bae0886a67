"""Rules about what belongs to one person or one machine: secrets, home folders, paths of one installation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.docker_stages import homes_made
from seatrial.lint.documents import Document
from seatrial.lint.rules import ALL, Hit, Tree, gathered, rule
from seatrial.lint.script import Command
from seatrial.masking import keys_in

UPSTREAM = "awslabs/awsome-distributed-ai"
_SECRET = (
    *("_TOKEN", "_PASSWORD", "_PASSWD", "_SECRET", "_API_KEY", "_APIKEY", "_ACCESS_KEY", "_ACCESS_KEY_ID"),
    *("_SECRET_KEY", "_PRIVATE_KEY"),
)
"""Ends of the names of secrets."""
_NO_SECRET = re.compile(r"^(EOS|BOS|PAD|UNK|MASK|CLS|SEP|IMAGE|SPECIAL|STOP|START|END)_")
_PLACEHOLDER = re.compile(
    r"[<\[{(%$]|\b(your|my|some|changeme|change|insert|replace|fake|dummy|sample|redacted|todo|none|null|empty|required)\b"
    r"|placeholder|example|(?<![a-z])your|(.)\2{3}|\.\.\.|^[x.*_-]+$",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Z][A-Z_]*_[A-Z_]+|[a-z]+([-_./][a-z]+)*")
"""A value that is the name of a variable, or of a Secret."""
_DEMO = re.compile(
    r"((my|the|super|very|default|strong|secure|root|admin|user|test|demo|dev|local|db|minio|redis|postgres|postgresql|mysql"
    r"|mariadb|mongo|rabbitmq|grafana|mlflow|airflow|kubeflow|keycloak|guest|secret|pass|password|passwd|passw0rd"
    r"|p@ssw0rd|changeit|token|key)[\W_\d]*)+",
    re.IGNORECASE,
)
"""Passwords that manuals give to a service that runs for a try."""
_SUBSTITUTES = re.compile(r"[\"']?s[#|,@!/]")
"""sed's program: what other data say is replaced."""
_HOME = re.compile(r"/(?<![\w.]/)(?:home|Users|fsx/home|fsx/users)/([a-z][\w.-]*)")
_SHARED_HOMES = {"ubuntu", "ec2-user", "centos", "rocky", "slurm", "user", "jovyan", "app", "ray", "mpiuser", "nonroot"}
_SHARED_HOMES |= {"data", "datasets", "shared", "share", "projects", "scratch", "username"}
_SHARED_HOMES |= {
    "sagemaker-user",
    "gitpod",
    "codespace",
    "runner",
    "vscode",
    "admin",
    "sky",
    "node",
    "coder",
    "linuxbrew",
    "kubernetes",
}


@rule(
    "launch.secret",
    Verdict.FAIL,
    ALL,
    expected="secrets from outside of the file",
    why="What stands in a launch file is in git, in images and in logs for ever.",
    remedy="take it from the environment, a Secret or a secrets manager; and replace this one, since it is known now",
    source=f"{UPSTREAM}, FSDP and neuronx manifests; https://docs.docker.com/build/building/secrets",
    bad="#!/bin/bash\nexport WANDB_API_KEY=0123456789abcdef0123\npython train.py\n",
    at=2,
    good='#!/bin/bash\nexport WANDB_API_KEY="${WANDB_API_KEY:?}"\npython train.py\n',
)
def secret(document: Document, _: Tree) -> Iterator[Hit]:
    assigned = document.assignments()
    assigned += [a for i in document.instructions if i.name == "ARG" and i.script for a in i.script.assignments]
    for assignment in assigned:
        name, value = assignment.name.upper(), assignment.value or ""
        if f"_{name}".endswith(_SECRET) and not _NO_SECRET.search(name) and _is_secret(name, value):
            yield assignment.line, f"{assignment.name} has its value in the file"
    for found in keys_in(document.text):
        if re.search(r"\d|^(?!sk-)", found[0]) and not _PLACEHOLDER.search(found[0]):
            yield document.line + document.text.count("\n", 0, found.start()), f"a key that begins with {found[0][:4]}"


def _is_secret(name: str, value: str) -> bool:
    """Nobody would write it in a manual, nor as the name of something. Keys are long and hold digits."""
    if _PLACEHOLDER.search(value) or _NAME.fullmatch(value) or _DEMO.fullmatch(value):
        return False
    if value.startswith(("/", "s3:", "arn:", "http:", "https:")) or re.search(r"\s|^[\w.]+@[\w.]+$", value):
        return False
    if re.search(r"PASSW", name):
        return len(value) >= 8
    return len(value) >= 16 and bool(re.search(r"\d", value) and re.search(r"[A-Za-z]", value))


@gathered
def _homes(document: Document) -> Iterator[str]:
    """Folders in /home that images make, whose scripts lie beside their Dockerfiles."""
    yield from homes_made(document.instructions)


@rule(
    "launch.user-path",
    Verdict.WARN,
    ALL,
    expected="paths that everyone has",
    why="A path in somebody's home folder exists for nobody else.",
    remedy="use $HOME, $USER, or a folder that is shared",
    source=f"{UPSTREAM}#1092",
    bad="#!/bin/bash\npython train.py --data /home/alice/data\n",
    at=2,
    good='#!/bin/bash\npython train.py --data "$HOME/data"\n',
)
def user_path(document: Document, tree: Tree) -> Iterator[Hit]:
    if not re.search(r"/home/|/Users/|/fsx/", document.text):
        return
    words = [word for command in document.commands() if not _is_elsewhere(command) for word in command.words]
    texts = [(w.line, w.source) for w in words if "\n" not in w.source and not _SUBSTITUTES.match(w.source)]
    texts += [(a.line, a.value) for a in document.assignments() if a.value and "\n" not in a.value]
    made = tree.all(_homes)
    for line, text in texts:
        found = _HOME.search(text)
        if found and found[1] not in _SHARED_HOMES | made:
            yield line, found[0]


def _is_elsewhere(command: Command) -> bool:
    """What it names is printed only, or lies in a container that runs."""
    outer = command.outer or command
    return command.name in ("echo", "printf") or [word.text for word in outer.words[:2]] == ["docker", "exec"]


@rule(
    "launch.preload",
    Verdict.WARN,
    ALL,
    expected="the NCCL that the framework brings, or a path that does not name a version of CUDA",
    why="The path exists with one version of CUDA only. Without it the loader prints an error and another NCCL runs.",
    remedy="drop LD_PRELOAD; where a certain NCCL is needed, install it in the image",
    source=f"{UPSTREAM}#539, #976",
    bad="#!/bin/bash\nexport LD_PRELOAD=/usr/local/cuda-12.4/lib/libnccl.so\npython train.py\n",
    at=2,
    good="#!/bin/bash\nexport LD_PRELOAD=/opt/nccl/build/lib/libnccl.so\npython train.py\n",
)
def preload(document: Document, _: Tree) -> Iterator[Hit]:
    for assignment in document.assignments() if "LD_PRELOAD" in document.text else ():
        if assignment.name == "LD_PRELOAD" and re.search(r"/cuda-\d+", assignment.value or ""):
            yield assignment.line, f"LD_PRELOAD={assignment.value}"
