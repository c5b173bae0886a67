"""Namespaces, and the volume of a file system that is there already."""

from __future__ import annotations

from typing import Any

from seatrial.architectures._kubernetes.inside import AGENTS, CLAIM, NAMESPACE, Lustre
from seatrial.launchers.kubernetes.writer import Note

POD_SECURITY = "pod-security.kubernetes.io/enforce"


def namespaces() -> list[dict[str, Any]]:
    """One for jobs, and one for what looks at the nodes."""
    # Jobs run as their image's user, which the stricter standard forbids, and sshd of an MPIJob needs capabilities.
    levels = {NAMESPACE: "baseline", AGENTS: Note("privileged", "the agent has its node's network and processes")}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {POD_SECURITY: level}}}
        for name, level in levels.items()
    ]


def volume(lustre: Lustre) -> list[dict[str, Any]]:
    """The file system as a volume, and the claim that pods mount it by. Neither needs a StorageClass."""
    size, modes = f"{lustre.gib}Gi", ["ReadWriteMany"]
    driver = {
        "driver": "fsx.csi.aws.com",
        "volumeHandle": lustre.id,
        "volumeAttributes": {"dnsname": lustre.dns_name, "mountname": lustre.mount_name},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": CLAIM},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": modes,
                "volumeMode": "Filesystem",
                "persistentVolumeReclaimPolicy": Note("Retain", "the data does not go with the claim"),
                "storageClassName": "",
                "claimRef": Note({"namespace": NAMESPACE, "name": CLAIM}, "nobody else's claim gets it"),
                "mountOptions": ["flock"],
                "csi": driver,
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": NAMESPACE},
            "spec": {
                "accessModes": modes,
                "storageClassName": "",
                "volumeName": CLAIM,
                "resources": {"requests": {"storage": size}},
            },
        },
    ]
