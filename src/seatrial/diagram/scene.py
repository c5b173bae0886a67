"""What is in the picture: read from the rendered templates, so that nothing is drawn that is not made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seatrial.architectures import PREFIX, Deployment, parsed

Kind = Literal["network", "compute", "storage", "database", "service"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One box: a resource, or instances of one kind."""

    id: str
    """Stack and logical id, by which lines find it."""
    title: str
    detail: str
    kind: Kind
    deployment: str
    """The one that makes it."""
    public: bool | None = None
    """In a public or a private subnet; None: in none."""
    zone: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    """One subnet."""

    id: str
    public: bool
    zone: int
    cidr: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Everything that is drawn."""

    name: str
    title: str
    region: str
    cidr: str
    """Of the VPC; empty where it is there already, or there is none."""
    zones: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    parts: tuple[Part, ...]
    links: tuple[tuple[str, str, str], ...]
    """Id, id, and what the line says."""


Resources = Mapping[str, Mapping[str, Any]]

SHOWN: Mapping[str, tuple[str, Kind]] = {
    "AWS::EC2::NatGateway": ("NAT gateway", "network"),
    "AWS::EC2::VPCEndpoint": ("VPC endpoint", "network"),
    "AWS::EC2::InternetGateway": ("Internet gateway", "network"),
    "AWS::EC2::Instance": ("Instance", "compute"),
    "AWS::FSx::FileSystem": ("FSx", "storage"),
    "AWS::S3::Bucket": ("S3 bucket", "storage"),
    "AWS::RDS::DBCluster": ("Aurora", "database"),
    "AWS::SecretsManager::Secret": ("Secret", "service"),
    "AWS::Logs::LogGroup": ("CloudWatch log group", "service"),
    "AWS::SSM::Parameter": ("SSM parameter", "service"),
    "AWS::Batch::JobQueue": ("Job queue of AWS Batch", "service"),
    "AWS::EKS::Cluster": ("Control plane of EKS", "service"),
    "AWS::ECR::Repository": ("ECR repository", "storage"),
    "AWS::SageMaker::Cluster": ("SageMaker HyperPod", "service"),
    "Custom::PclusterCluster": ("ParallelCluster", "service"),
}
"""Type of a resource that has a box -> its title, and what it is."""


def scene(deployment: Deployment) -> Scene:
    """What the deployment and all that it needs consist of."""
    order = deployment.order()
    templates = {one.stack: parsed(one.template()) for one in order}
    bodies: dict[str, Resources] = {stack: template["Resources"] for stack, template in templates.items()}
    subnets = tuple(subnet for stack, body in bodies.items() for subnet in _subnets(stack, body))
    parts = [part for stack, body in bodies.items() for part in _parts(stack, body, subnets)]
    for one in order:
        parts += _instances(one, bodies[one.stack])
    vpcs = [r for body in bodies.values() for r in body.values() if r["Type"] == "AWS::EC2::VPC"]
    names = [zone for template in templates.values() for zone in _zones(template, deployment.params.region)]
    count = max([len(names), *(subnet.zone + 1 for subnet in subnets), *(part.zone + 1 for part in parts)])
    return Scene(
        name=deployment.name,
        title=deployment.architecture.title.rstrip("."),
        region=deployment.params.region,
        cidr=next((str(vpc["Properties"]["CidrBlock"]) for vpc in vpcs), ""),
        zones=tuple((names + [f"availability zone {number + 1}" for number in range(count)][len(names) :])[:count]),
        subnets=subnets,
        parts=tuple(parts),
        links=tuple(link for stack, body in bodies.items() for link in _links(stack, body, parts)),
    )


def _subnets(stack: str, body: Resources) -> Iterator[Subnet]:
    seen: dict[bool, int] = {}
    for name, resource in body.items():
        if resource["Type"] == "AWS::EC2::Subnet":
            public = "Public" in name
            yield Subnet(
                id=f"{stack}.{name}",
                public=public,
                zone=seen.get(public, 0),
                cidr=str(resource["Properties"]["CidrBlock"]),
            )
            seen[public] = seen.get(public, 0) + 1


def _zones(template: Mapping[str, Any], region: str) -> list[str]:
    """Names of the zones that a template's subnets are in, where the parameters name them."""
    named: Mapping[str, str] = template.get("Mappings", {}).get("Zones", {}).get(region, {})
    return [named[key] for key in sorted(named)]


def _parts(stack: str, body: Resources, subnets: tuple[Subnet, ...]) -> Iterator[Part]:
    for name, resource in body.items():
        if resource["Type"] in SHOWN:
            title, kind = SHOWN[resource["Type"]]
            properties = resource.get("Properties", {})
            public, zone = _place(stack, properties, subnets)
            more, detail = _detail(resource["Type"], name, properties)
            yield Part(
                id=f"{stack}.{name}",
                title=more or title,
                detail=detail,
                kind=kind,
                deployment=stack.removeprefix(PREFIX),
                public=public,
                zone=zone,
            )


def _place(stack: str, properties: Mapping[str, Any], subnets: tuple[Subnet, ...]) -> tuple[bool | None, int]:
    """Whether in a public subnet, and in which zone; None: in no subnet."""
    for key in ("SubnetId", "SubnetIds", "DBSubnetGroupName"):
        value = properties.get(key)
        if value is None:
            continue
        if key == "DBSubnetGroupName":
            return False, 0
        text = str(value)
        own = next((s for s in subnets if s.id.startswith(f"{stack}.") and f"'{s.id.split('.')[1]}'" in text), None)
        if own:
            return own.public, own.zone
        return "PublicSubnets" in text, _selected(value)
    return None, 0


def _selected(value: Any) -> int:
    """The place in a list of subnets that Fn::Select takes; the first where all are named."""
    if isinstance(value, list):
        return _selected(value[0]) if value else 0
    if isinstance(value, Mapping) and "Fn::Select" in value:
        return int(value["Fn::Select"][0])
    return 0


def _detail(type_: str, name: str, properties: Mapping[str, Any]) -> tuple[str, str]:
    """A better title, if there is one, and a line below it."""
    if type_ == "AWS::FSx::FileSystem":
        kind = {"LUSTRE": "FSx for Lustre", "OPENZFS": "FSx for OpenZFS"}.get(properties["FileSystemType"], "FSx")
        return kind, f"{properties.get('StorageCapacity', '?')} GiB"
    if type_ == "AWS::EC2::Instance":
        return name, str(properties.get("InstanceType", ""))
    if type_ == "AWS::RDS::DBCluster":
        return "Aurora MySQL", f"version {str(properties.get('EngineVersion', '?')).rpartition('aurora.')[2]}"
    if type_ == "AWS::EC2::VPCEndpoint":
        service = str(properties.get("ServiceName", "")).rpartition(".")[2].rstrip("'}")
        return f"{service} endpoint", str(properties.get("VpcEndpointType", "Gateway")).lower()
    if type_ == "AWS::S3::Bucket":
        return "", "private, TLS only"
    return "", "" if type_ in ("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway") else name


def _instances(one: Deployment, body: Resources) -> Iterator[Part]:
    if any(resource["Type"] == "AWS::EC2::Instance" for resource in body.values()):
        return  # drawn as resources
    for row in one.architecture.instances(one.params, one.facts):
        count = str(row.at_most) if row.at_least == row.at_most else f"{row.at_least} to {row.at_most}"
        bought = "" if row.capacity == "on-demand" else f", {row.capacity}"
        yield Part(
            id=f"{one.stack}.{row.what}",
            title=row.what,
            detail=f"{count} x {row.instance_type}{', EFA' if row.efa else ''}{bought}",
            kind="compute",
            deployment=one.name,
            public=False,
        )


def _links(stack: str, body: Resources, parts: list[Part]) -> Iterator[tuple[str, str, str]]:
    bucket = next((part.id for part in parts if part.title == "S3 bucket"), None)
    for resource in body.values():
        if resource["Type"] == "AWS::FSx::DataRepositoryAssociation" and bucket:
            system = resource["Properties"]["FileSystemId"]
            if isinstance(system, Mapping) and "Ref" in system:
                yield f"{stack}.{system['Ref']}", bucket, "data repository"
