"""Rules about how the processes of a job are started and find each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.launch import launched
from seatrial.lint.rules import ALL, SHELL, Hit, Tree, rule
from seatrial.lint.script import option
from seatrial.lint.words import text_of

UPSTREAM = "awslabs/awsome-distributed-ai"
_OWN_NAME = re.compile(r"(MASTER_ADDR=|--master[_-]addr[= ]|--rdzv[_-]endpoint[= ])[\"']?\$\(hostname")


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
    for command in document.commands("srun"):
        for word in command.words:
            found = _OWN_NAME.search(word.source) if word.source.startswith("'") else None
            if found:
                yield word.line + word.source.count("\n", 0, found.start()), f"{found[0]}) in every task of srun"
