"""How an engine keeps a node away from jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.findings import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """What an engine says of its nodes, and is told of them. All verbs raise UserError if it is out of reach."""

    here: Callable[[], str]
    """The engine's name of the node that this runs on."""
    node: Callable[[Cluster], Cluster]
    """The cluster as its own nodes reach it: they have no seatrial.toml."""
    reason: Callable[[str, Cluster], str]
    """Why a node gets no jobs, in the words of whoever said so; empty if it gets some."""
    reasons: Callable[[Cluster], Mapping[str, str]]
    """The same of all nodes. It is asked for only when one is about to be quarantined."""
    quarantine: Callable[[str, Cluster, str, Severity], None]
    """Let no job onto a node, for this reason, which asks for so much. Those that run there go on, unless whoever runs
    the cluster has said that its engine may repair nodes at once."""
    release: Callable[[str, Cluster], None]
    """Let jobs onto it again."""
