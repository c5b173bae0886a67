"""The sea trial of a cluster: what its checks found, as a matrix of nodes and topics, those that are sick first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from seatrial.checks.judging import ORDER, severity
from seatrial.findings import Finding, Severity, Verdict, overall
from seatrial.masking import mask_forms
from seatrial.report.html import SYMBOLS, page

MOST = 5
"""Findings that are told of one node; the pages of the runs have all."""
_BAD = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)
_RANK = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS, Verdict.SKIP)
"""The worst first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """A run of the trial."""

    job: str
    run: str
    findings: Sequence[Finding]
    hosts: Sequence[str] = ()
    """Of each rank."""

    @property
    def verdict(self) -> Verdict:
        """Of all its findings."""
        return overall(self.findings)

    @property
    def link(self) -> str:
        """Of its page, from the folder of all runs."""
        return f"{quote(self.run, safe='', errors='surrogateescape')}/report.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What was found about one node."""

    name: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """What is to be done with it."""
        return severity(self.findings)

    @property
    def verdict(self) -> Verdict:
        """The worst of all its findings."""
        return overall(self.findings)

    def cell(self, topic: str) -> Verdict | None:
        """The worst verdict of a topic; None: nothing was found about it."""
        found = [finding for finding in self.findings if topic_of(finding) == topic]
        return overall(found) if any(f.verdict is not Verdict.SKIP for f in found) else Verdict.SKIP if found else None

    def bad(self) -> list[Finding]:
        """What is not right, the worst first."""
        found = [finding for finding in self.findings if finding.verdict in _BAD]
        return sorted(found, key=lambda f: (_RANK.index(f.verdict), -ORDER.index(f.severity)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What a cluster's checks came to."""

    cluster: str
    tag: str
    about: Sequence[Finding]
    """The cluster as a whole, without starting anything."""
    ran: Sequence[Ran] = ()
    note: str = ""
    """What readers have to know first: that it is an example."""

    @property
    def findings(self) -> list[Finding]:
        """All of them."""
        return [*self.about, *(finding for ran in self.ran for finding in ran.findings)]

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return overall(self.findings)

    def nodes(self) -> list[Node]:
        """Each node that something was found about: those first with which most is to be done."""
        found: dict[str, Node] = {}
        for finding, hosts in self._each():
            of_all = [] if finding.verdict in _BAD else dict.fromkeys(hosts)  # what is wrong somewhere blames no node
            for name in places(finding, hosts) or of_all:
                node = found.setdefault(name, Node(name=name))
                if finding not in node.findings:  # env and node compare the same
                    node.findings.append(finding)
        return sorted(found.values(), key=lambda n: (_RANK.index(n.verdict), -ORDER.index(n.severity), n.name))

    def elsewhere(self) -> list[Finding]:
        """What is not right and is about no node."""
        return [f for f, hosts in self._each() if f.verdict in _BAD and not places(f, hosts)]

    def topics(self) -> list[str]:
        """Columns of the matrix: what was looked at on some node."""
        return sorted({topic_of(f) for node in self.nodes() for f in node.findings})

    def _each(self) -> Iterable[tuple[Finding, Sequence[str]]]:
        yield from ((finding, ()) for finding in self.about)
        for ran in self.ran:
            yield from ((finding, ran.hosts) for finding in ran.findings)


def topic_of(finding: Finding) -> str:
    """``gpu`` of ``gpu.count``."""
    return finding.check.partition(".")[0]


def places(finding: Finding, hosts: Sequence[str]) -> list[str]:
    """The nodes that a finding is about; none: it is about no node, or about all of them."""
    scope = finding.scope
    nodes = scope.get("nodes")
    if isinstance(nodes, list | tuple):
        return [str(name) for name in nodes]
    if scope.get("node") not in (None, ""):
        return [str(scope["node"])]
    rank = scope.get("rank")
    return [hosts[rank]] if isinstance(rank, int) and 0 <= rank < len(hosts) else []


def to_html(trial: Trial) -> str:
    """The page of a trial, in the folder of all runs."""
    nodes = trial.nodes()
    text = page(
        "trial",
        trial=trial,
        headline=headline(trial),
        nodes=nodes,
        topics=trial.topics(),
        symbols=SYMBOLS,
        most=MOST,
    )
    return mask_forms(text).encode("utf-8", "replace").decode("utf-8")


def headline(trial: Trial) -> str:
    """``2 of 16 nodes are sick, 1 could not be judged``"""
    nodes = trial.nodes()
    counts = {verdict: sum(node.verdict is verdict for node in nodes) for verdict in Verdict}
    if not nodes:
        return "no node was looked at"
    parts = [f"{counts[Verdict.FAIL]} of {len(nodes)} nodes failed"]
    parts += [f"{counts[Verdict.UNKNOWN]} could not be judged"] if counts[Verdict.UNKNOWN] else []
    parts += [f"{counts[Verdict.WARN]} with a warning"] if counts[Verdict.WARN] else []
    return ", ".join(parts)
