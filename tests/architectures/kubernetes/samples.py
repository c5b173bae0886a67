"""Clusters to install something in."""

from __future__ import annotations

from typing import Any

import yaml

from seatrial.architectures._kubernetes import Group, Inside, Lustre, installs
from seatrial.hardware import instances

LUSTRE = Lustre(id="fs-0123456789abcdef0", dns_name="fs-0.fsx.us-west-2.amazonaws.com", mount_name="abcdefgh", gib=1200)
VERSIONS = ("1.32", "1.33", "1.34", "1.35")
"""Of Kubernetes, those that the architectures offer among them."""
TYPES = tuple(instance.name for instance in instances.INSTANCES)


def inside(*types: str, **changes: Any) -> Inside:
    """A cluster with four nodes at most of each of these types, by default of p5.48xlarge."""
    groups = tuple(Group(name=f"group-{n}", instance_type=name, at_most=4) for n, name in enumerate(types))
    default: dict[str, Any] = {
        "cluster": "seatrial-eks",
        "region": "us-west-2",
        "groups": groups or inside("p5.48xlarge").groups,
        "kind": "jobset",
        "lustre": LUSTRE,
    }
    return Inside(**default | changes)


def documents(what: Inside) -> list[dict[str, Any]]:
    """All objects of ours that are installed."""
    files = installs(what).files
    ours = ("namespaces", "queue", "plugins", "volume", "agent")
    texts = [files[f"{name}.yaml"] for name in ours if f"{name}.yaml" in files]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def of_kind(what: Inside, kind: str) -> dict[str, dict[str, Any]]:
    """Name -> object, of one kind."""
    return {one["metadata"]["name"]: one for one in documents(what) if one["kind"] == kind}
