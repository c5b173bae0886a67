"""What a node of Amazon Linux 2023 is told when it starts: nodeadm's NodeConfig, as YAML.

https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from seatrial.hardware.instances import Instance

_MIME = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="==seatrial=="

--==seatrial==
Content-Type: application/node.eks.aws

{}
--==seatrial==--
"""


def disks(instance: Instance) -> dict[str, Any]:
    """Local disks become one, on which images and what pods write lie."""
    return {"instance": {"localStorage": {"strategy": "RAID0"}}} if instance.nvme_gb else {}


def joining(cluster: Mapping[str, str], labels: Mapping[str, str], key: str | None) -> dict[str, Any]:
    """How a node finds its cluster, and what it is there. EKS adds this by itself to all AMIs but custom ones:
    https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html#launch-template-custom-ami"""
    flags = ["--node-labels=" + ",".join(f"{name}={value}" for name, value in labels.items())]
    flags += [f"--register-with-taints={key}=true:NoSchedule"] if key else []
    return {"cluster": dict(cluster), "kubelet": {"flags": flags}}


def node_config(spec: Mapping[str, Any]) -> str:
    """The object."""
    whole = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": dict(spec)}
    return yaml.safe_dump(whole, sort_keys=False, width=1000)


def user_data(spec: Mapping[str, Any]) -> str:
    """The object as user data, to which EKS adds parts of its own."""
    return _MIME.format(node_config(spec))
