"""All steps of this node, in their order: python3 -m lifecycle, in the folder of on_create.sh."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import accounting, containers, directory, mounts, observability, slurm, software, users
from .node import Node, read
from .steps import log, perform

Step = Callable[[], object]


def main() -> int:
    """0, or 1 where a step failed."""
    bundle = Path.cwd()
    found: list[Node] = []
    if not perform([("settings", lambda: found.append(read(bundle)))]):
        return 1
    [node] = found
    log(f"this is {node.name}, a {node.role} node")
    wanted = steps(node, bundle)
    for name, step in wanted.items():
        if step is None:
            log(f"{name}: not wanted here")
    if not perform([(name, step) for name, step in wanted.items() if step]):
        return 1
    log("the node is ready")
    return 0


def steps(node: Node, bundle: Path) -> dict[str, Step | None]:
    """Name -> step; None: this node has no use for it."""
    settings, controller, worker = node.settings, node.role == "controller", node.role == "worker"
    package = settings["package"]
    checked = worker and settings["health_checks"]

    def only(wanted: object, step: Callable[..., object], *args: object) -> Step | None:
        return partial(step, *args) if wanted else None

    return {
        "mounts": only(node.places, mounts.mount, node),
        "users": partial(users.create, node),
        "directory": only("directory" in node.places, directory.join, node),
        "seatrial": only(package, software.install, package),
        "health checks": only(checked, slurm.install_hooks, node, bundle),
        "containers": only(settings["containers"], containers.install, node),
        "munge": slurm.start_munge,
        "slurm.conf": only(controller, slurm.configure, node, bundle),
        "accounting": only(controller and "accounting" in node.places, accounting.start, node),
        "slurm": slurm.start_controller if controller else partial(slurm.start_node, node),
        "observability": only(settings["observability"], observability.start, node, bundle),
    }


if __name__ == "__main__":
    sys.exit(main())
