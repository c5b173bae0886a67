"""Rules about how the processes of a job are started and find each other."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.allocation import value
from seatrial.lint.documents import Document
from seatrial.lint.launch import launched
from seatrial.lint.rules import ALL, SHELL, Hit, Tree, rule
from seatrial.lint.script import option
from seatrial.lint.spreading import MPIRUN, PDSH, on_several_nodes, starter
from seatrial.lint.started import launches_of
from seatrial.lint.words import text_of

UPSTREAM = "awslabs/awsome-distributed-ai"
_ADDRESS = r"(MASTER_ADDR=|--master[_-]addr[= ]|--rdzv[_-]endpoint[= ])(?:\\?[\"'])?"
_OWN_NAME = {"'": re.compile(_ADDRESS + r"\$\(hostname"), '"': re.compile(_ADDRESS + r"\\\$\(hostname")}
"""Quotes -> what is not expanded before the command runs."""


@rule(
    "launch.master-port",
    Verdict.FAIL,
    ALL,
    expected="a port from 1024 to 65535",
    why="Ports below 1024 belong to the system. $RANDOM gives 0 to 32767: such a port about once in 32 runs.",
    remedy="use a fixed port such as 29500, or $((20000 + SLURM_JOB_ID % 10000))",
    source=f"{UPSTREAM}, stable-diffusion case; Bash manual, RANDOM",
    bad="#!/bin/bash\nexport MASTER_PORT=$RANDOM\npython train.py\n",
    at=2,
    good="#!/bin/bash\nexport MASTER_PORT=29500\npython train.py\n",
)
def master_port(document: Document, _: Tree) -> Iterator[Hit]:
    if not any(part in document.text for part in ("_PORT", "_port", "-port")):
        return
    for assignment in document.assignments():
        if assignment.name == "MASTER_PORT" and assignment.value and _low(assignment.value):
            yield assignment.line, f"MASTER_PORT={assignment.value}"
    for script in document.scripts if "RANDOM" in document.text else ():
        for node in script.nodes.get("variable_assignment", ()):
            if re.fullmatch(r"MASTER_PORT=\"?\$\{?RANDOM\}?\"?", text_of(node)):
                yield script.line_of(node), "MASTER_PORT=$RANDOM may be below 1024"
    for launch in launched(document):
        port = option(launch.words, "--master_port", "--main_process_port")
        if port and (_low(port.text) or port.source.strip('"') == "$RANDOM"):
            yield port.line, f"--master_port {port.source}"


def _low(port: str) -> bool:
    return port.isdigit() and not 1024 <= int(port) <= 65535


@rule(
    "launch.master-address",
    Verdict.FAIL,
    SHELL,
    expected="the address of the first node, the same on all of them",
    why="Inside a task, hostname is the name of that task's own node: every node waits for itself.",
    remedy="take it from scontrol show hostnames $SLURM_JOB_NODELIST, its first line",
    source="https://slurm.schedmd.com/scontrol.html",
    bad="#!/bin/bash\nsrun -N 2 bash -c 'MASTER_ADDR=$(hostname) python train.py'\n",
    at=2,
    good="#!/bin/bash\nsrun -N 2 bash -c 'MASTER_ADDR=${SLURM_LAUNCH_NODE_IPADDR} python train.py'\n",
)
def master_address(document: Document, _: Tree) -> Iterator[Hit]:
    for command in document.commands("srun", *MPIRUN, *PDSH):
        at = starter(command, "srun", *MPIRUN, *PDSH)
        if at is None or (command.find("srun") is None and not on_several_nodes(document, command)):
            continue
        for word in command.words[at:]:
            quoted = _OWN_NAME.get(word.source[:1])
            if quoted and (found := quoted.search(word.source)):
                line, text = word.line + word.source.count("\n", 0, found.start()), found[0].replace("\\", "")
                yield line, f"{text}) in every task of {command.words[at].name}"


@rule(
    "launch.no-rendezvous",
    Verdict.FAIL,
    SHELL,
    expected="--rdzv_endpoint wherever torchrun is told of several nodes; --master_addr where no backend is given",
    why="torchrun does not read MASTER_ADDR, nor --master_addr beside c10d: every node looks for the others on itself, "
    "and waits until it times out.",
    remedy="say --rdzv_backend=c10d and --rdzv_endpoint=HOST:PORT of the first node",
    source="PyTorch 2.14, torch/distributed/run.py, --master-addr; rendezvous/utils.py, parse_rendezvous_endpoint",
    bad="#!/bin/bash\nexport MASTER_ADDR=head\nsrun -N 2 torchrun --nnodes=2 --rdzv_backend=c10d train.py\n",
    at=3,
    good="#!/bin/bash\nsrun -N 2 torchrun --nnodes=2 --rdzv_backend=c10d --rdzv_endpoint=head:29500 train.py\n",
)
def no_rendezvous(document: Document, tree: Tree) -> Iterator[Hit]:
    if re.search(r"PET_(MASTER_ADDR|RDZV_ENDPOINT)", document.text):
        return
    for launch in launches_of(document, tree):
        many = value(launch.nodes, document) or 0
        names = ("--rdzv_endpoint",) if launch.dynamic else ("--rdzv_endpoint", "--master_addr")
        told = any(option(launch.options, name) for name in names)
        alone = launch.unknown or any(word.text == "--standalone" for word in launch.options)
        if launch.program == "torchrun" and many > 1 and not told and not alone:
            yield (
                launch.line,
                f"{launch.name} with --nnodes={launch.nodes.text if launch.nodes else many}, and no address",
            )


@rule(
    "launch.joined-words",
    Verdict.FAIL,
    ALL,
    expected="an option and its value as two words, or with =",
    why="A word with a blank in it is one word: the program knows no option of that name.",
    remedy="make two words of it, or write --NAME=VALUE",
    source="https://docs.docker.com/reference/dockerfile/#shell-and-exec-form; Python, argparse",
    bad='FROM python:3.12.4\nCMD ["python", "train.py", "--device gpu"]\n',
    at=2,
    good='FROM python:3.12.4\nCMD ["python", "train.py", "--device", "gpu"]\n',
)
def joined_words(document: Document, _: Tree) -> Iterator[Hit]:
    for command in document.commands():
        if not any(" " in word.text and word.text.startswith("--") for word in command.words):
            continue
        at = next((i for i, word in enumerate(command.words) if _RUNS.fullmatch(word.name)), None)
        words = command.words[at:] if at is not None else ()
        for before, word in itertools.pairwise(words):
            valued = before.text.startswith("-") and "=" not in before.text  # --launcher-args "--gpus 8"
            plain = word.known and "$" not in word.source  # a variable without quotes is split
            if plain and not valued and re.match(r"--[\w-]+ +\S", word.text):
                yield word.line, f"{word.text[:60]!r} is one word"


_RUNS = re.compile(r"python[\d.]*|torchrun|accelerate|deepspeed|composer")
