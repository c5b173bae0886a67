"""What eksctl takes, of the parts that a file of ours has: names and types, of 2026-11, in
https://github.com/eksctl-io/eksctl/blob/009491b/pkg/apis/eksctl.io/v1alpha5/assets/schema.json. The whole has 142,000
characters, most of them descriptions."""

from __future__ import annotations

from typing import Any

TEXT, NUMBER, YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}


def table(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object that has no other keys."""
    return {"type": "object", "required": [*required], "properties": properties, "additionalProperties": False}


def of(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item}


def named(value: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value}


def one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": [*values]}


POLICY = {"type": "object"}
IDENTITY = table(
    namespace=TEXT,
    serviceAccountName=TEXT,
    roleARN=TEXT,
    createServiceAccount=YES,
    permissionPolicyARNs=of(TEXT),
    permissionPolicy=POLICY,
)
ADDON = table(
    ("name",),
    name=TEXT,
    version=TEXT,
    resolveConflicts=TEXT,
    configurationValues=TEXT,
    podIdentityAssociations=of(IDENTITY),
)
NODES = table(
    ("name",),
    name=TEXT,
    ami=TEXT,
    amiFamily=one_of("AmazonLinux2023", "AmazonLinux2", "Bottlerocket"),
    capacityReservation=table(
        capacityReservationTarget=table(capacityReservationID=TEXT, capacityReservationResourceGroupARN=TEXT)
    ),
    desiredCapacity=NUMBER,
    disableIMDSv1=YES,
    disablePodIMDS=YES,
    efaEnabled=YES,
    iam=table(attachPolicy=POLICY, attachPolicyARNs=of(TEXT), instanceRoleARN=TEXT),
    instanceMarketOptions=table(marketType=TEXT),
    instanceType=TEXT,
    labels=named(TEXT),
    maxSize=NUMBER,
    minSize=NUMBER,
    nodeRepairConfig=table(enabled=YES),
    overrideBootstrapCommand=TEXT,
    privateNetworking=YES,
    securityGroups=table(attachIDs=of(TEXT)),
    spot=YES,
    subnets=of(TEXT),
    taints=of(table(key=TEXT, value=TEXT, effect=TEXT)),
    volumeEncrypted=YES,
    volumeSize=NUMBER,
    volumeType=one_of("gp2", "gp3", "io1", "io2", "sc1", "st1"),
)
ENTRY = table(
    principalARN=TEXT,
    type=TEXT,
    accessPolicies=of(table(policyARN=TEXT, accessScope=table(type=TEXT, namespaces=of(TEXT)))),
)
LOGS = one_of("api", "audit", "authenticator", "controllerManager", "scheduler", "all", "*")
SCHEMA = table(
    ("metadata", "kind", "apiVersion"),
    apiVersion=one_of("eksctl.io/v1alpha5"),
    kind=one_of("ClusterConfig"),
    metadata=table(("name", "region"), name=TEXT, region=TEXT, version=TEXT),
    upgradePolicy=table(supportType=one_of("STANDARD", "EXTENDED")),
    kubernetesNetworkConfig=table(serviceIPv4CIDR=TEXT),
    iam=table(podIdentityAssociations=of(IDENTITY)),
    accessConfig=table(authenticationMode=TEXT, bootstrapClusterCreatorAdminPermissions=YES, accessEntries=of(ENTRY)),
    vpc=table(
        id=TEXT,
        subnets=table(private=named(table(id=TEXT, az=TEXT)), public=named(table(id=TEXT, az=TEXT))),
        clusterEndpoints=table(privateAccess=YES, publicAccess=YES),
        publicAccessCIDRs=of(TEXT),
    ),
    addonsConfig=table(disableDefaultAddons=YES),
    addons=of(ADDON),
    managedNodeGroups=of(NODES),
    cloudWatch=table(clusterLogging=table(enableTypes=of(LOGS), logRetentionInDays=NUMBER)),
)
