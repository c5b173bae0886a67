"""The environment that a document sets for a job, judged by the rules of seatrial.network, each assignment in its
place."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from seatrial.findings import Finding
from seatrial.hardware.instances import Instance
from seatrial.lint.allocation import nodes, number
from seatrial.lint.documents import Document
from seatrial.lint.launch import launched
from seatrial.lint.once import once
from seatrial.lint.script import Assignment, Script, option
from seatrial.lint.stack import VARIABLES
from seatrial.network.lint import lint_environment, lint_missing
from seatrial.network.site import Context, Fact, VersionTexts

NETWORK = re.compile(r"(NCCL|FI|OFI_NCCL|NEURON_RT|TORCH_NCCL|GLOO|CCOM|RDMAV|IBV|UCX|OMPI_MCA)_")
"""How variables of the network begin."""
_ARMS = ("if_statement", "elif_clause", "else_clause", "case_item", "function_definition")
"""Code that runs in some cases only. What an if and its else set is never set together."""
_EFA = re.compile(r"(?<![a-z])efa(?![a-z])|aws-?ofi|ofi_nccl|/opt/amazon/")
_OTHER = re.compile(
    r"mlx\d|\bib\d\b|nccl_ib_(?:hca|gid_index)|ucx_net_devices|rdma/|nvidia\.com/(?:hostdev|.*rdma)|gpudirect-?tcpx|"
    r"nccl_(?:fastrak|gpudirecttcpx|ibext)_|\bgib\b|azure|oraclecloud|coreweave|gke-|cloud\.google"
)
"""Both of texts in small letters."""
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
_MEASURES = re.compile(
    r"\b(?:all_?reduce|all_?gather|reduce_?scatter|all_?to_?all|sendrecv|broadcast|reduce|gather|"
    r"scatter|hypercube)_perf(?:_mpi)?\b|nccl[-_]tests|rccl[-_]tests"
)
_BOUND = re.compile(
    r"NVTE_ALLOW_NONDETERMINISTIC_ALGO\W{1,3}0|CUBLAS_WORKSPACE_CONFIG|--deterministic|tcpxo?\b|NCCL_FASTRAK|cxi|\bhsn",
    re.IGNORECASE,
)
_ROCM = re.compile(r"\b(?:HIP|HSA|ROCM|RCCL|ROCR)_|/opt/rocm|rocm/")
"""RCCL and its builds of other makers read names that NCCL does not."""
_TESTED = re.compile(r"^\s*(?:\[\[?|test\b|\(\().*(?:&&|\|\|)")
"""``[ "$DEBUG" ] && export NCCL_DEBUG=INFO``"""
_MORE_NETWORKS = re.compile(r"cni\.cncf\.io/networks|networking\.gke\.io/")
"""Annotations that give a pod interfaces besides eth0."""
_PRINTS = re.compile(r"\s*(?:echo|printf)\b")
_STARTS = ("srun", "mpirun", "torchrun", "python", "python3", "accelerate", "deepspeed")
_SOURCED = re.compile(r"^\s*(?:source|\.)\s+(?!\S*(?:activate|conda\.sh|bashrc|profile|vars\.sh)\b)\S", re.MULTILINE)


@once
def assigned(document: Document) -> list[Assignment]:
    """The variables of the network that it sets."""
    return [a for a in document.assignments() if NETWORK.match(a.name) and a.name not in VARIABLES]


def judged(
    document: Document,
    instance: Instance | None,
    *,
    pod_network: Fact = None,
    complete: bool = False,
    **versions: Unpack[VersionTexts],
) -> Iterator[tuple[int, Finding]]:
    """Line and finding of what is wrong in the environment of a document.

    A variable that is set twice is judged twice, beside those that are surely set with it. `complete`: the document is
    all that sets variables, so that what is needed and missing is told.
    """
    settings = assigned(document)
    if not settings:
        return
    if pod_network is None:
        pod_network = in_pods(document)
    context, arms = context_of(document, settings), [arm for script in document.scripts for arm in _arms(script)]
    around = [frozenset(arm for arm in arms if arm.first <= item.line <= arm.last) for item in settings]
    lines = _lines(document)
    known: dict[tuple[bool, frozenset[tuple[str, str | None]]], list[Finding]] = {}
    for item, own in zip(settings, around, strict=True):
        beside = {other.name: other.value for other, its in zip(settings, around, strict=True) if its <= own}
        environment = {**beside, item.name: item.value}  # what is set whenever this one is
        within = any(arm.kind != "function_definition" for arm in own)
        chosen = context.by_choice or within or bool(_TESTED.search(lines.get(item.line, "")))
        key = chosen, frozenset(environment.items())  # most often all are set together
        if key not in known:
            here = replace(context, by_choice=chosen)
            known[key] = lint_environment(
                environment, instance=instance, pod_network=pod_network, context=here, **versions
            )
        yield from ((item.line, finding) for finding in known[key] if finding.scope["variable"] == item.name)
    if complete and instance and _starts_several(document, context) and not _set_elsewhere(document):
        everything = {a.name: a.value for a in settings}
        for finding in lint_missing(everything, instance, pod_network=pod_network, **versions):
            yield settings[0].line, finding


def in_pods(document: Document) -> Fact:
    """It runs in pods with a network of their own alone; a shell script or an image may run anywhere."""
    if document.kind == "yaml":
        pods = [container.pod for container in document.containers]
        known = pods and not _MORE_NETWORKS.search(_said(document))
        return not any(pod.get("hostNetwork") == "true" for pod in pods) if known else None
    return False if document.kind == "sbatch" else None


def context_of(document: Document, assigned: Sequence[Assignment]) -> Context:
    """What the document says about its job, besides the variables that it sets."""
    said = _said(document)
    compared = [{a.value for a in assigned if a.name == name} for name in ("NCCL_ALGO", "NCCL_PROTO")]
    return Context(
        efa=_efa(said),
        several_nodes=_several_nodes(document),
        by_choice=bool(_MEASURES.search(said)) or any(len(values) > 1 for values in compared),
        bound=bool(_BOUND.search(said)),
        own=frozenset(_own(document, assigned)),
    )


def _own(document: Document, assigned: Sequence[Assignment]) -> Iterator[str]:
    """Variables that others than the libraries of NVIDIA and AWS read: RCCL, or the document, which expands them for
    more than to print them or to set them themselves: ``X=${X:-1}``."""
    lines, places = _lines(document), {(a.name, a.line) for a in assigned}
    for use in (use for script in document.scripts for use in script.uses):
        if (use.name, use.line) not in places and not _PRINTS.match(lines.get(use.line, "")):
            yield use.name
    if _ROCM.search(_said(document)):
        yield from (a.name for a in assigned)


def on_another_network(document: Document) -> bool:
    """It speaks of InfiniBand or another cloud, and nowhere of EFA."""
    return _efa(_said(document)) is False


def _lines(document: Document) -> dict[int, str]:
    """Number in its file -> line, as it is written."""
    return dict(enumerate(document.text.split("\n"), document.line))


def _said(document: Document) -> str:
    """Its text without comments, which may as well say what it is not for."""
    return _without_comments(document.text)


@functools.lru_cache(maxsize=64)
def _without_comments(text: str) -> str:
    return _COMMENT.sub("", text) if "#" in text else text


@functools.lru_cache(maxsize=64)
def _efa(said: str) -> Fact:
    small = said.lower()  # a search that heeds no case takes ten times as long
    efa, other = _EFA.search(small), _OTHER.search(small)
    return None if bool(efa) == bool(other) else efa is not None


def _several_nodes(document: Document) -> Fact:
    found = {nodes(document)} if document.kind == "sbatch" else set()
    for launch in launched(document):
        alone = any(word.text == "--standalone" for word in launch.words)
        found.add(1 if alone else number(option(launch.words, "--nnodes")))
    known = {count > 1 for count in found if count is not None}
    return known.pop() if len(known) == 1 else None


def _starts_several(document: Document, context: Context) -> bool:
    """It starts programs, and not on one node alone."""
    starts = bool(document.containers) or any(c.find(*_STARTS) is not None for c in document.commands())
    return starts and context.several_nodes is not False


def _set_elsewhere(document: Document) -> bool:
    """Other files may set variables, too."""
    if document.kind == "dockerfile" or _SOURCED.search(_said(document)):
        return True
    return any(container.spec.get("envFrom") for container in document.containers)


@dataclass(frozen=True, slots=True)
class _Arm:
    """Code that runs in some cases only, from its first line to its last."""

    kind: str
    first: int
    last: int


def _arms(script: Script) -> Iterator[_Arm]:
    for kind in _ARMS:
        for node in script.nodes.get(kind, ()):
            last = script.line + node.end_point[0]
            other = next((c for c in node.children if c.type in ("elif_clause", "else_clause")), None)
            yield _Arm(kind, script.line_of(node), script.line_of(other) - 1 if other else last)
