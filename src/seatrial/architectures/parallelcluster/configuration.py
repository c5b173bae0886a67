"""The configuration that ParallelCluster makes a cluster of.

It is written once, with CloudFormation's functions where something comes from other stacks; `literal` fills in what is
known of that. https://docs.aws.amazon.com/parallelcluster/latest/ug/cluster-configuration-file-v3.html
"""

from __future__ import annotations

from typing import Any

from troposphere import Join, Ref, Select, Split, Sub

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import imported
from seatrial.architectures.parallelcluster import Params, Queue, efa, placement_group
from seatrial.hardware import accelerators, instances

SCRIPT = "node.sh"
CERTIFICATE = "/etc/seatrial/directory.pem"
"""Where nodes have the certificate of whoever signed that of the directory."""
POLICY = "NodePolicy"
"""The policy of our own that all nodes have."""

CAPACITY_TYPES = {
    "on-demand": "ONDEMAND",
    "spot": "SPOT",
    "reservation": "ONDEMAND",
    "capacity-block": "CAPACITY_BLOCK",
}


def key(facts: Facts) -> str:
    """Where the bucket has the script that nodes run when they start. It stays the same: ParallelCluster refuses a
    change of the head node's."""
    return f"seatrial/{facts.deployment}/{SCRIPT}"


def own_policy(params: Params) -> bool:
    """Whether nodes need a policy of our own."""
    return bool(params.bucket or params.containers)


def configuration(params: Params, facts: Facts) -> dict[str, Any]:
    """The whole configuration."""
    image = {"Os": params.os, "CustomAmi": params.custom_ami}
    made = {
        "Region": params.region,
        "Image": image,
        "Imds": {"ImdsSupport": "v2.0"},
        "HeadNode": _head(params, facts),
        "LoginNodes": {"Pools": [_login(params, facts)]} if params.login_nodes else None,
        "Scheduling": {
            "Scheduler": "slurm",
            "SlurmSettings": _slurm(params, facts),
            "SlurmQueues": [_queue(queue, params, facts) for queue in params.queues],
        },
        "SharedStorage": _storage(facts),
        "DirectoryService": _directory(facts) if "directory" in facts.needs else None,
        "Monitoring": _monitoring(params),
    }
    whole: dict[str, Any] = _without_nothing(made)
    return whole


def _head(params: Params, facts: Facts) -> dict[str, Any]:
    return {
        "InstanceType": params.head_instance_type,
        "Networking": {
            "SubnetId": _subnet(facts),
            "AdditionalSecurityGroups": [
                *_security_groups(facts),
                *([imported(facts, "accounting", "DatabaseClientSecurityGroup")] if params.accounting else []),
            ],
        },
        "Ssh": {"KeyName": params.key_pair, "AllowedIps": imported(facts, "network", "Cidr")},
        "LocalStorage": {"RootVolume": _root(params.head_root_gib)},
        "CustomActions": {
            "OnNodeStart": _certificate(params, facts),
            "OnNodeConfigured": _actions(facts, [["enroot", "/var/enroot"], ["pyxis"]] if params.containers else []),
        },
        "Iam": _iam(params),
    }


def _login(params: Params, facts: Facts) -> dict[str, Any]:
    return {
        "Name": "login",
        "InstanceType": params.login_instance_type,
        "Count": params.login_nodes,
        "Networking": {"SubnetIds": [_subnet(facts)], "AdditionalSecurityGroups": _security_groups(facts)},
        "Ssh": {"AllowedIps": imported(facts, "network", "Cidr")},
        "CustomActions": {"OnNodeStart": _certificate(params, facts)},
        "Iam": _iam(params),
    }


def _queue(queue: Queue, params: Params, facts: Facts) -> dict[str, Any]:
    nvme = instances.instance(queue.instance_type).nvme_gb > 0
    enroot = ["enroot", "/scratch/enroot" if nvme else "/var/enroot"]
    return {
        "Name": queue.name,
        "CapacityType": CAPACITY_TYPES[queue.capacity],
        "Networking": {
            "SubnetIds": [_subnet(facts)],
            "AdditionalSecurityGroups": _security_groups(facts),
            "PlacementGroup": {"Enabled": placement_group(queue)},
        },
        "ComputeSettings": {
            "LocalStorage": {
                "RootVolume": _root(params.root_gib) | {"Encrypted": True},
                "EphemeralVolume": {"MountDir": "/scratch"} if nvme else None,
            }
        },
        "JobExclusiveAllocation": True,
        "CustomActions": {
            "OnNodeStart": _certificate(params, facts),
            "OnNodeConfigured": _actions(facts, [enroot] if params.containers else []),
        },
        "Iam": _iam(params),
        "Image": {"CustomAmi": queue.custom_ami},
        "ComputeResources": [_resource(queue, params)],
    }


def _resource(queue: Queue, params: Params) -> dict[str, Any]:
    instance = instances.instance(queue.instance_type)
    gpus = instance.accelerator is not None and accelerators.accelerator(instance.accelerator).vendor == "NVIDIA"
    group = bool(queue.reservation) and str(queue.reservation).startswith("arn:")
    target = "CapacityReservationResourceGroupArn" if group else "CapacityReservationId"
    return {
        "Name": queue.instance_type.replace(".", "-"),
        "InstanceType": queue.instance_type,
        "MinCount": queue.at_least,
        "MaxCount": queue.at_most,
        "Efa": {"Enabled": True} if efa(queue) else None,
        "CapacityReservationTarget": {target: queue.reservation},
        "HealthChecks": {"Gpu": {"Enabled": True}} if params.health_checks and gpus else None,
    }


def _slurm(params: Params, facts: Facts) -> dict[str, Any]:
    settings = {"AccountingStorageTRES": "gres/gpu"} if params.accounting else {}
    return {
        "ScaledownIdletime": params.scaledown_minutes,
        "QueueUpdateStrategy": "DRAIN",
        "CustomSlurmSettings": [{name: value} for name, value in (settings | dict(params.slurm)).items()],
        "Database": _database(facts) if params.accounting else None,
    }


def _database(facts: Facts) -> dict[str, Any]:
    host, port = (imported(facts, "accounting", output) for output in ("DatabaseHost", "DatabasePort"))
    return {
        "Uri": Join(":", [host, port]),
        "UserName": imported(facts, "accounting", "DatabaseUser"),
        "PasswordSecretArn": imported(facts, "accounting", "DatabaseSecretArn"),
    }


def _directory(facts: Facts) -> dict[str, Any]:
    return {
        "DomainName": imported(facts, "directory", "DirectoryDomain"),
        "DomainAddr": imported(facts, "directory", "DirectoryUri"),
        "DomainReadOnlyUser": imported(facts, "directory", "DirectoryReadOnlyUser"),
        "PasswordSecretArn": imported(facts, "directory", "DirectoryPasswordSecretArn"),
        "LdapTlsCaCert": CERTIFICATE,
        "LdapTlsReqCert": "hard",
        # Else SSSD looks for the attributes of an Active Directory.
        "AdditionalSssdConfigs": {"ldap_schema": "rfc2307", "ldap_id_mapping": "False"},
    }


def _storage(facts: Facts) -> list[dict[str, Any]]:
    lustre = {"FileSystemId": imported(facts, "storage", "LustreId")}
    home = {"VolumeId": imported(facts, "storage", "HomeVolumeId")}
    return [
        {"Name": "fsx", "MountDir": "/fsx", "StorageType": "FsxLustre", "FsxLustreSettings": lustre},
        {"Name": "home", "MountDir": "/home", "StorageType": "FsxOpenZfs", "FsxOpenZfsSettings": home},
    ]


def _monitoring(params: Params) -> dict[str, Any]:
    return {
        "DetailedMonitoring": params.detailed_monitoring,
        "Logs": {"CloudWatch": {"Enabled": True, "RetentionInDays": params.log_days}},
        "Dashboards": {"CloudWatch": {"Enabled": params.dashboard}},
        "Alarms": {"Enabled": params.dashboard},
    }


def _subnet(facts: Facts) -> Any:
    return Select(0, Split(",", imported(facts, "network", "PrivateSubnets")))


def _security_groups(facts: Facts) -> list[Any]:
    """Beside ParallelCluster's own, what lets a node reach the file systems, and the directory."""
    groups = [imported(facts, "network", "SecurityGroup")]
    return [
        *groups,
        *([imported(facts, "directory", "DirectoryClientSecurityGroup")] if "directory" in facts.needs else []),
    ]


def _root(gib: int) -> dict[str, Any]:
    return {"Size": gib, "VolumeType": "gp3", "Encrypted": True}


def _iam(params: Params) -> dict[str, Any]:
    session = Sub("arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore")
    policies = [session, *([Ref(POLICY)] if own_policy(params) else [])]
    return {"AdditionalIamPolicies": [{"Policy": policy} for policy in policies]}


def _certificate(params: Params, facts: Facts) -> dict[str, Any] | None:
    if "directory" not in facts.needs:
        return None
    parameter = imported(facts, "directory", "DirectoryCertificateParameter")
    return _actions(facts, [["certificate", parameter, params.region, CERTIFICATE]])


def _actions(facts: Facts, runs: list[list[Any]]) -> dict[str, Any] | None:
    """Runs of our script, with these arguments."""
    if not runs:
        return None
    script = Join("", ["s3://", imported(facts, "bucket", "Bucket"), f"/{key(facts)}"])
    return {"Sequence": [{"Script": script, "Args": arguments} for arguments in runs]}


def _without_nothing(value: Any) -> Any:
    """Without what is None, and without what then is empty."""
    if isinstance(value, dict):
        kept = {name: _without_nothing(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one is not None and one != {} and one != []}
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value
