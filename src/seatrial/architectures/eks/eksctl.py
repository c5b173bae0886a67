"""The same cluster as a file for eksctl, https://eksctl.io/usage/schema/, for those who deploy with it.

eksctl fills in no variables, and takes a file from its standard input (eksctl-io/eksctl#3235, #998).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml
from troposphere import Select, Split, Sub

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import imported, policy
from seatrial.architectures._kubernetes.inside import NAMESPACE
from seatrial.architectures._literal import exported, literal
from seatrial.architectures.eks import SYSTEM, Group, Params, efa, taint
from seatrial.architectures.eks.addons import Addon, addons
from seatrial.architectures.eks.network import service_addresses
from seatrial.architectures.eks.nodeadm import disks, node_config
from seatrial.architectures.eks.nodes import labels
from seatrial.architectures.eks.roles import ADMINISTRATOR, NODE, ROLES, SERVICE_ACCOUNT, managed
from seatrial.hardware import instances

LOGGED = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All that the control plane can log."""

HEAD = """\
# For eksctl, instead of the template: it makes the same cluster. eksctl.sh fills in what stands here as ${NAME}.
"""
SCRIPT = """\
#!/bin/bash
# Makes the cluster of eksctl.yaml, with what other stacks export, which have to be deployed.
set -euo pipefail
cd "$(dirname "$0")"
{profile}
exported() {{
  local value
  value=$(aws cloudformation list-exports --region {region} --query "Exports[?Name=='$1'].Value" --output text |
    tr -d '[:space:]')
  [[ $value ]] || {{ echo "nothing exports $1: deploy its stack first" >&2; return 1; }}
  echo "$value"
}}

{values}

sed {edits} \\
  eksctl.yaml | eksctl create cluster -f -
"""
ACCOUNT = "$(aws sts get-caller-identity --query Account --output text)"


def eksctl(params: Params, facts: Facts) -> dict[str, str]:
    """The file; and the script that fills in what other stacks export, which is in it as ``${NAME}``."""
    gaps: dict[str, str] = {}

    def gap(name: str, place: int | None) -> str:
        cut = "" if place is None else f" | cut -d , -f {place + 1}"
        gaps[variable(name, place)] = ACCOUNT if name == "AWS::AccountId" else f"$(exported {name}{cut})"
        return f"${{{variable(name, place)}}}"

    whole = literal(_configuration(params, facts), params.region, exported(facts), gap)
    text = HEAD + yaml.safe_dump(whole, sort_keys=False, width=120)
    return {"eksctl.yaml": text, "eksctl.sh": _script(params, gaps)}


def variable(name: str, place: int | None) -> str:
    """What the script calls the value of an export; of a list, and which of it."""
    return re.sub(r"\W+", "_", name) + ("" if place is None else f"_{place + 1}")


def _script(params: Params, gaps: Mapping[str, str]) -> str:
    """`gaps`: variable -> shell code that gives its value."""
    return SCRIPT.format(
        profile=f"export AWS_PROFILE={shlex.quote(params.profile)}\n" if params.profile else "",
        region=params.region,
        values="\n".join(f"{name}={value}" for name, value in gaps.items()),
        # no value that AWS exports for us holds a |
        edits=" \\\n  ".join(f'-e "s|\\${{{name}}}|${name}|g"' for name in gaps),
    )


def _configuration(params: Params, facts: Facts) -> dict[str, Any]:
    zones = range(facts.needs["network"].params.zone_count)
    subnets = {f"zone-{zone + 1}": {"id": _subnet(facts, zone)} for zone in zones}
    jobs = [_identity("JobRole", facts, SERVICE_ACCOUNT, namespace=NAMESPACE)] if params.bucket else []
    allowed = {"publicAccessCIDRs": [*params.allowed_addresses]} if params.allowed_addresses else {}
    return {
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": facts.stack, "region": params.region, "version": params.version},
        "upgradePolicy": {"supportType": "EXTENDED"},
        "kubernetesNetworkConfig": {"serviceIPv4CIDR": service_addresses(facts)},
        "iam": {"podIdentityAssociations": jobs},
        "accessConfig": {
            "authenticationMode": "API",
            "bootstrapClusterCreatorAdminPermissions": True,
            "accessEntries": [_entry(principal) for principal in params.administrators],
        },
        "vpc": {
            "id": imported(facts, "network", "VpcId"),
            "subnets": {"private": subnets},
            "clusterEndpoints": {"privateAccess": True, "publicAccess": bool(params.allowed_addresses)},
            **allowed,
        },
        "addonsConfig": {"disableDefaultAddons": True},
        "addons": [_addon(one, facts) for one in addons(params)],
        "managedNodeGroups": [
            _system(params, facts, [*subnets]),
            *(_group(one, params, facts) for one in params.groups),
        ],
        "cloudWatch": {"clusterLogging": {"enableTypes": [*LOGGED], "logRetentionInDays": params.log_days}},
    }


def _subnet(facts: Facts, zone: int) -> Select:
    return Select(zone, Split(",", imported(facts, "network", "PrivateSubnets")))


def _entry(principal: str) -> dict[str, Any]:
    everything = {"policyARN": Sub(ADMINISTRATOR), "accessScope": {"type": "cluster"}}
    return {"principalARN": principal, "accessPolicies": [everything]}


def _identity(role: str, facts: Facts, service_account: str, **more: Any) -> dict[str, Any]:
    """What pods of a service account may do, of which eksctl makes the role."""
    names, statements = ROLES[role](facts)
    found: dict[str, Any] = {**more, "serviceAccountName": service_account}
    found |= {"permissionPolicyARNs": managed(names)} if names else {}
    return found | ({"permissionPolicy": policy(*statements)} if statements else {})


def _addon(addon: Addon, facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {"name": addon.name, "version": addon.version, "resolveConflicts": "overwrite"}
    found |= {"configurationValues": addon.values} if addon.values else {}
    if addon.role:
        found["podIdentityAssociations"] = [_identity(addon.role, facts, addon.service_account)]
    return found


def _nodes(name: str, instance_type: str, size: tuple[int, int], params: Params, facts: Facts) -> dict[str, Any]:
    """What all groups have in common."""
    least, most = size
    names, statements = NODE
    return {
        "name": name,
        "amiFamily": "AmazonLinux2023",
        "instanceType": instance_type,
        "minSize": least,
        "desiredCapacity": least,
        "maxSize": most,
        "privateNetworking": True,
        "volumeSize": params.root_gib,
        "volumeType": "gp3",
        "volumeEncrypted": True,
        "disableIMDSv1": True,
        "disablePodIMDS": True,
        "securityGroups": {"attachIDs": [imported(facts, "network", "SecurityGroup")]},
        "iam": {"attachPolicyARNs": managed(names), "attachPolicy": policy(*statements)},
        "labels": labels(name),
        "nodeRepairConfig": {"enabled": params.repair},
    }


def _system(params: Params, facts: Facts, subnets: list[str]) -> dict[str, Any]:
    size = (params.system_nodes, params.system_nodes)
    return {**_nodes(SYSTEM, params.system_instance_type, size, params, facts), "subnets": subnets}


def _group(group: Group, params: Params, facts: Facts) -> dict[str, Any]:
    found = _nodes(group.name, group.instance_type, (group.at_least, group.at_most), params, facts)
    found |= {"subnets": ["zone-1"], **_bought(group)}
    if efa(group):
        found["efaEnabled"] = True  # it makes the placement group, too
    if key := taint(group):
        found["taints"] = [{"key": key, "value": "true", "effect": "NoSchedule"}]
    if group.custom_ami:
        found["ami"] = group.custom_ami
    if spec := disks(instances.instance(group.instance_type)):
        found["overrideBootstrapCommand"] = node_config(spec)
    return found


def _bought(group: Group) -> dict[str, Any]:
    if group.reservation is None:
        return {"spot": True} if group.capacity == "spot" else {}
    key = "capacityReservationID" if group.reservation.startswith("cr-") else "capacityReservationResourceGroupARN"
    found: dict[str, Any] = {"capacityReservation": {"capacityReservationTarget": {key: group.reservation}}}
    if group.capacity == "capacity-block":
        found["instanceMarketOptions"] = {"marketType": "capacity-block"}
    return found
