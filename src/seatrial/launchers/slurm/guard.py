"""Nodes that Slurm keeps away from jobs: drained, with a reason."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import replace

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.findings import Severity
from seatrial.launchers._guard import Guard
from seatrial.launchers.slurm.commands import answer, quote
from seatrial.launchers.slurm.options import Options
from seatrial.launchers.slurm.show import SHOW, reasons


def here() -> str:
    """slurmd's name of this node, which it tells to prologs and epilogs; elsewhere the host's short name."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname().partition(".")[0]


def node(cluster: Cluster) -> Cluster:
    """Slurm's commands are on the node itself."""
    return replace(cluster, options=Options())


def reason(name: str, cluster: Cluster) -> str:
    """Of one node. Raises UserError for one that Slurm does not know."""
    # Slurm 22.05 says that a node is not found, on standard output, and ends with 1; newer ones may say it elsewhere.
    said = answer(cluster, f"{SHOW} node {quote(name)} || true")
    found = reasons(said)
    if name not in found:
        words = said.strip() or "no word of it"
        raise UserError(Problem(f"Slurm knows no node {name}: {words}", f"cluster {cluster.name}", "see: sinfo -N"))
    return found[name]


def all_reasons(cluster: Cluster) -> Mapping[str, str]:
    """Of all nodes."""
    return reasons(answer(cluster, f"{SHOW} node"))


def quarantine(name: str, cluster: Cluster, mark: str, _: Severity) -> None:
    """Drain a node. Control characters would break the one line that a reason is."""
    words = re.sub(r"[^ -~]+", " ", mark)
    answer(cluster, f"scontrol update nodename={quote(name)} state=drain reason={quote(words)}")


def release(name: str, cluster: Cluster) -> None:
    """Undrain a node, which takes its reason away. To resume one would bring it back also where it is down.

    Just after a restart of the controller Slurm refuses it, until the node has registered again.
    """
    answer(cluster, f"scontrol update nodename={quote(name)} state=undrain")


GUARD = Guard(
    here=here,
    node=node,
    reason=reason,
    reasons=all_reasons,
    quarantine=quarantine,
    release=release,
)
