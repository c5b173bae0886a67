"""The clusters that a deployment yields, written into seatrial.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from seatrial import launchers
from seatrial.architectures import Deployment
from seatrial.cluster import Cluster
from seatrial.config import FILE, clusters, find_file
from seatrial.config.write import write

State = Literal["written", "unchanged", "kept"]


def yielded(deployment: Deployment, outputs: Mapping[str, str]) -> list[Cluster]:
    """The clusters that the outputs of its stack describe, with the options of their launchers."""
    return [launchers.restore(asdict(cluster)) for cluster in deployment.clusters(outputs)]


def hand_over(found: list[Cluster], *, replace: bool) -> tuple[Path, dict[str, State]]:
    """Write clusters into the file that counts, or a new one here. Returns it, and what became of each.

    A table that is there and says something else is kept as it is unless `replace`: somebody may have changed it.
    """
    path = find_file() or Path(FILE)
    there = clusters() if path.exists() else {}
    states: dict[str, State] = {}
    for cluster in found:
        if there.get(cluster.name) == cluster:
            states[cluster.name] = "unchanged"
        elif cluster.name in there and not replace:
            states[cluster.name] = "kept"
        else:
            write(path, cluster)
            states[cluster.name] = "written"
    return path, states
