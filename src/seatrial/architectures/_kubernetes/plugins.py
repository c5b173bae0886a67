"""Device plugins, by which nodes tell Kubernetes of accelerators and network cards.

They have the names that their makers give them: where another tool has installed one, the API server refuses a second
owner, and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seatrial.architectures._kubernetes.inside import Inside, Piece
from seatrial.hardware import accelerators, instances
from seatrial.versions import kubernetes as versions
from seatrial.versions.pins import Base

NAMESPACE = "kube-system"
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """A DaemonSet that tells the kubelet of one kind of device."""

    piece: Piece
    resource: str
    name: str
    image: Base
    reads: tuple[str, ...] = ()
    """Folders of the node."""
    writes: tuple[str, ...] = ()
    """Folders of the node, beside the kubelet's."""
    host_network: bool = False
    rights: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Resources of the core API, and what it does with them; none: it does not talk to the API server."""


PLUGINS = (
    Plugin(
        piece="nvidia",
        resource="nvidia.com/gpu",
        name="nvidia-device-plugin-daemonset",
        image=versions.PLUGINS["nvidia"],
    ),
    Plugin(
        piece="efa",
        resource="vpc.amazonaws.com/efa",
        name="aws-efa-k8s-device-plugin",
        image=versions.PLUGINS["efa"],
        reads=("/dev/infiniband", "/opt/aws/neuron"),
        host_network=True,
    ),
    Plugin(
        piece="neuron",
        resource="aws.amazon.com/neuron",
        name="neuron-device-plugin",
        image=versions.PLUGINS["neuron"],
        reads=("/opt/aws",),
        writes=("/run",),
        rights=(
            ("nodes", ("get", "list", "watch")),
            ("nodes/status", ("patch", "update")),
            ("nodes/proxy", ("get", "list")),
            ("pods", ("get", "list", "patch", "update", "watch")),
            ("events", ("create", "patch")),
        ),
    ),
)


def needed(what: Inside) -> dict[Plugin, list[str]]:
    """Each plugin that nobody has brought -> the instance types that need it."""
    has: dict[str, Callable[[instances.Instance], bool]] = {
        "nvidia": lambda instance: _vendor(instance) == "NVIDIA",
        "efa": lambda instance: instance.efa_interfaces > 0,
        "neuron": lambda instance: _vendor(instance) == "AWS",
    }
    found = {
        plugin: [name for name in what.nodes if has[plugin.piece](instances.instance(name))]
        for plugin in PLUGINS
        if plugin.piece not in what.brought
    }
    return {plugin: types for plugin, types in found.items() if types}


def objects(what: Inside) -> list[dict[str, Any]]:
    """The plugins that this cluster needs."""
    return [
        one
        for plugin, types in needed(what).items()
        for one in (*_rights(plugin), _daemon(plugin, [what.label(name) for name in types]))
    ]


def _vendor(instance: instances.Instance) -> str | None:
    return accelerators.accelerator(instance.accelerator).vendor if instance.accelerator else None


def _rights(plugin: Plugin) -> list[dict[str, Any]]:
    """Its service account and what that may do, where it needs one."""
    if not plugin.rights:
        return []
    name = {"name": plugin.name}
    rules = [{"apiGroups": [""], "resources": [what], "verbs": [*verbs]} for what, verbs in plugin.rights]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**name, "namespace": NAMESPACE}},
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": name, "rules": rules},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": plugin.name},
            "subjects": [{"kind": "ServiceAccount", "name": plugin.name, "namespace": NAMESPACE}],
        },
    ]


def _daemon(plugin: Plugin, types: list[str]) -> dict[str, Any]:
    """On every node of these types, whatever keeps others away from it."""
    labels = {"name": plugin.name}
    where = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": types}
    account = {"serviceAccountName": plugin.name} if plugin.rights else {"automountServiceAccountToken": False}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": plugin.name, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    **account,
                    **({"hostNetwork": True} if plugin.host_network else {}),
                    "priorityClassName": "system-node-critical",
                    "tolerations": [{"operator": "Exists"}],
                    "affinity": {
                        "nodeAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": {
                                "nodeSelectorTerms": [{"matchExpressions": [where]}]
                            }
                        }
                    },
                    "containers": [_container(plugin)],
                    "volumes": [{"name": name, "hostPath": source} for name, source, _ in _mounts(plugin)],
                },
            },
        },
    }


def _container(plugin: Plugin) -> dict[str, Any]:
    node = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    return {
        "name": plugin.name,
        "image": plugin.image.reference or plugin.image.tagged,
        "imagePullPolicy": "IfNotPresent",
        **({"env": [node]} if plugin.rights else {}),
        # They run as root, since the kubelet's folder is root's.
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "volumeMounts": [
            {"name": name, "mountPath": source["path"], **({"readOnly": True} if read_only else {})}
            for name, source, read_only in _mounts(plugin)
        ],
    }


def _mounts(plugin: Plugin) -> list[tuple[str, dict[str, str], bool]]:
    """Name, host path, and whether it is only read: the kubelet's folder of plugins, then the others."""
    kubelet = {"path": "/var/lib/kubelet/device-plugins", "type": "Directory"}
    # A node need not have them: /opt/aws/neuron is only on Trainium's.
    others = [
        (folder.strip("/").replace("/", "-"), {"path": folder, "type": "DirectoryOrCreate"}, folder in plugin.reads)
        for folder in (*plugin.reads, *plugin.writes)
    ]
    return [("kubelet", kubelet, False), *others]
