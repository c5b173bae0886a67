"""Rules about versions: new enough, and written as they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.rules import ALL, Hit, Tree, rule
from seatrial.lint.rules_pins import words
from seatrial.lint.stack import stated
from seatrial.network.floors import FLOORS

UPSTREAM = "awslabs/awsome-distributed-ai"
CI_FLOORS = {"efa_installer": (1, 47, 0), "nccl": (2, 28, 0)}
"""The oldest that the reference repository's own CI accepts, in 2026: awslabs/awsome-distributed-ai#1035."""
_NEEDED = {floor.component: floor.recommended for floor in FLOORS if floor.instance == "p5.48xlarge"}
_EFA = re.compile(r"\befa\b|efa_|aws[-_]ofi|libfabric|amazonaws|\bp[456][a-z]*\.\d+xlarge|FI_PROVIDER", re.IGNORECASE)
"""NCCL's floors are those of EC2: other networks have others, which nobody publishes."""
_NAMES = {"efa_installer": "EFA installer", "aws_ofi_nccl": "aws-ofi-nccl", "nccl": "NCCL"}


@rule(
    "versions.below-floor",
    Verdict.WARN,
    ALL,
    expected="a version from the floor on",
    why="Old versions of NCCL, EFA and aws-ofi-nccl are slow or broken on newer instances, and workarounds pile up.",
    remedy="take a newer version; recent EFA installers bring their own aws-ofi-nccl",
    source=f"{UPSTREAM}#1035, and its EFA cheat sheet",
    bad="FROM ubuntu:24.04\nARG EFA_INSTALLER_VERSION=1.28.0\nRUN echo ${EFA_INSTALLER_VERSION}\n",
    at=2,
    good="FROM ubuntu:24.04\nARG EFA_INSTALLER_VERSION=1.47.0\nRUN echo ${EFA_INSTALLER_VERSION}\n",
)
def below_floor(document: Document, tree: Tree) -> Iterator[Hit]:
    seen: set[tuple[str, str]] = set()
    for item in stated(document):
        if item.component == "nccl" and not (tree.instance or _EFA.search(document.text)):
            continue
        if (item.component, item.version) in seen:
            continue
        seen.add((item.component, item.version))
        version = tuple(map(int, item.version.split(".")))
        name, needed, usual = _NAMES[item.component], _NEEDED.get(item.component), CI_FLOORS.get(item.component)
        if needed and version < needed:
            yield item.line, f"{name} {item.version}; p5.48xlarge needs {'.'.join(map(str, needed))}"
        elif usual and version < usual:
            yield item.line, f"{name} {item.version}, older than {'.'.join(map(str, usual))}"


@rule(
    "versions.double-v",
    Verdict.FAIL,
    ALL,
    expected="one v before the version",
    why="The tag does not exist: the variable brings its own v.",
    remedy="remove the v from the command or from the variable",
    source=f"{UPSTREAM}, mpt image of June 2025",
    bad="FROM ubuntu:24.04\n"
    "ARG NCCL_VERSION=v2.28.3-1\n"
    "RUN git clone -b v${NCCL_VERSION} https://github.com/NVIDIA/nccl.git\n",
    at=3,
    good="FROM ubuntu:24.04\n"
    "ARG NCCL_VERSION=v2.28.3-1\n"
    "RUN git clone -b ${NCCL_VERSION} https://github.com/NVIDIA/nccl.git\n",
)
def double_v(document: Document, _: Tree) -> Iterator[Hit]:
    for word in words(document):
        if (
            "$" in word.source
            and "vv" in word.text
            and not re.search(r"\s", word.text)
            and (found := re.search(r"(?<![a-z])vv\d[\w.-]*", word.text))
        ):
            yield word.line, f"{word.source} is {found[0]}"
