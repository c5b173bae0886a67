"""Rules about the files of eksctl, https://eksctl.io: node groups with EFA, capacity blocks, images, add-ons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.manifest import Map, Text, known_instance, unseen, walk
from seatrial.lint.rules import Hit, Tree, gathered, rule

EKS = "https://docs.aws.amazon.com/eks/latest/userguide"
_LAST_AL2 = (1, 32)
"""The last version of Kubernetes with images of Amazon Linux 2 (EKS user guide, 2026-11)."""
_RESERVATION = re.compile(r"cr-[0-9a-f]{8}(?:[0-9a-f]{9})?")
_DRIVERS = {
    "ebs.csi.aws.com": "aws-ebs-csi-driver",
    "efs.csi.aws.com": "aws-efs-csi-driver",
    "fsx.csi.aws.com": "aws-fsx-csi-driver",
}
"""Drivers of volumes -> EKS add-ons that bring them (EKS user guide, 2026-11)."""


def _example(
    *, group: str = "", zones: str = "", top: str = "", version: str = "1.34", kind: str = "p5.48xlarge"
) -> str:
    zones = zones or '    availabilityZones: ["us-west-2a"]\n'
    return (
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  name: train\n  region: us-west-2\n"
        f'  version: "{version}"\n{top}nodeGroups:\n  - name: gpu\n    instanceType: {kind}\n{zones}'
        f"    efaEnabled: true\n{group}"
    )


_GOOD = _example()
_MARKET = "    instanceMarketOptions:\n      marketType: capacity-block\n"
_TARGET = "    capacityReservation:\n      capacityReservationTarget:\n        capacityReservationID: {}\n"


def _groups(document: Document) -> list[Map]:
    """The node groups of a cluster that eksctl makes."""
    manifest = document.manifest or Map()
    if not str(manifest.get("apiVersion", "")).startswith("eksctl.io/"):
        return []
    return [*manifest.items_of("nodeGroups"), *manifest.items_of("managedNodeGroups")]


def _instance_types(group: Map) -> Iterator[Text]:
    listed = [group.get("instanceTypes"), group.map("instancesDistribution").get("instanceTypes")]
    for one in [
        group.get("instanceType"),
        *(item for several in listed if isinstance(several, list) for item in several),
    ]:
        if isinstance(one, Text):
            yield one


@rule(
    "eksctl.efa-instance",
    Verdict.FAIL,
    ("yaml",),
    expected="efaEnabled on instance types that have EFA",
    why="eksctl refuses the group: the instance type has no EFA interface.",
    remedy="take a type that has EFA, or remove efaEnabled",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html, supported instance types",
    bad=_example(kind="g5.2xlarge"),
    at=9,
    good=_GOOD,
)
def efa_instance(document: Document, _: Tree) -> Iterator[Hit]:
    for group in _groups(document):
        for name in _instance_types(group) if group.get("efaEnabled") == "true" else ():
            instance = known_instance(name)
            if instance and instance.efa_interfaces == 0:
                yield name.line, f"efaEnabled, and {name} has no EFA"


@rule(
    "eksctl.efa-zone",
    Verdict.WARN,
    ("yaml",),
    expected="one Availability Zone, or one subnet, for a group with EFA",
    why="EFA does not reach from one zone to another, and not every zone has the instance type or the reservation: the "
    "group starts in a zone that nobody chose.",
    remedy="name the zone in the group: availabilityZones: [the one that has the capacity]",
    source=f"{EKS}/node-efa.html; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html, limitations",
    bad=_example(zones="    privateNetworking: true\n"),
    at=11,
    good=_GOOD,
)
def efa_zone(document: Document, _: Tree) -> Iterator[Hit]:
    for group in _groups(document):
        places = group.get("availabilityZones") or group.get("subnets")
        if group.get("efaEnabled") != "true" or unseen(group) or isinstance(places, (Text, Map)):
            continue
        private = (document.manifest or Map()).map("vpc", "subnets", "private")
        if not places and len(private) == 1 and group.get("privateNetworking") == "true":
            continue
        if not places:
            yield group.line_of("efaEnabled"), "efaEnabled, and no Availability Zone"
        elif len(places) > 1:
            yield group.line_of("efaEnabled"), f"efaEnabled, and {len(places)} zones or subnets"


@rule(
    "eksctl.capacity-block",
    Verdict.FAIL,
    ("yaml",),
    expected="a capacity block with the id of its reservation",
    why="Instances of a capacity block start only where the reservation is named: without its id none does.",
    remedy="set capacityReservation.capacityReservationTarget.capacityReservationID to the id of the block",
    source=f"{EKS}/capacity-blocks.html; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-using.html",
    bad=_example(group=_MARKET),
    at=13,
    good=_example(group=_MARKET + _TARGET.format("cr-0123456789abcdef0")),
)
def capacity_block(document: Document, _: Tree) -> Iterator[Hit]:
    for group in _groups(document):
        target = group.map("capacityReservation", "capacityReservationTarget")
        market = group.map("instanceMarketOptions")
        named = [*filter(None, map(target.get, ("capacityReservationID", "capacityReservationResourceGroupARN")))]
        seen = not any(unseen(one) for one in (group, group.map("capacityReservation"), target))
        if market.get("marketType") == "capacity-block" and not named and seen and "launchTemplate" not in group:
            yield market.line_of("marketType"), "marketType capacity-block, and no reservation"
        for name in named:
            if isinstance(name, Text) and re.fullmatch(r"cr-[\w.-]+", name) and not _RESERVATION.fullmatch(name):
                yield name.line, f"{name} is no id of a reservation"


@rule(
    "eksctl.ami-family",
    Verdict.FAIL,
    ("yaml",),
    expected="an amiFamily that there are images of for the version and the instance type",
    why="EKS has made no image of Amazon Linux 2 for Kubernetes above 1.32, none of it for GPUs beside ARM, and one of "
    "Amazon Linux 2023 alone for p6e. eksctl refuses Trainium and Inferentia with Ubuntu and Windows, and with "
    "Bottlerocket commands at its start, since it runs none.",
    remedy="amiFamily: AmazonLinux2023; and for Bottlerocket settings under bottlerocket: instead of commands",
    source=f"{EKS}/eks-ami-deprecation-faqs.html; {EKS}/ml-eks-optimized-ami.html; eksctl-io/eksctl, validation.go and "
    "amitype.go in pkg/apis/eksctl.io/v1alpha5 (b7e0e6b, 5f201b7)",
    bad=_example(version="1.33", group="    amiFamily: AmazonLinux2\n"),
    at=12,
    good=_example(group="    amiFamily: AmazonLinux2023\n"),
)
def ami_family(document: Document, _: Tree) -> Iterator[Hit]:
    version = re.fullmatch(r"(\d+)\.(\d+)", str((document.manifest or Map()).map("metadata").get("version")))
    for group in _groups(document):
        family = group.text("amiFamily") or Text()
        kind = family.lower()  # as eksctl compares it
        if kind == "amazonlinux2" and version and tuple(map(int, version.groups())) > _LAST_AL2:
            yield group.line_of("amiFamily"), f"AmazonLinux2 for Kubernetes {version[0]}"
        for key in ("preBootstrapCommands", "overrideBootstrapCommand") if kind == "bottlerocket" else ():
            if key in group:
                yield group.line_of(key), f"{key} for Bottlerocket"
        for name in _instance_types(group):
            if _lacks_drivers(name, kind, own="ami" in group):
                yield family.line, f"{family} on {name}"


def _lacks_drivers(instance: str, family: str, *, own: bool) -> bool:
    """No image of a family drives the accelerators of an instance type. `own`: the group names its image itself."""
    if instance.startswith(("inf", "trn")):
        return family.startswith(("ubuntu", "windows"))
    if own:
        return False
    if instance.startswith("g5g."):
        return family == "amazonlinux2"
    return instance.startswith("p6e-") and family in ("amazonlinux2", "bottlerocket")


@rule(
    "eksctl.missing-addon",
    Verdict.WARN,
    ("yaml",),
    expected="the add-ons that the nodes and the volumes beside it need",
    why="Without vpc-cni no node becomes ready; without a driver the claims of its volumes stay Pending.",
    remedy="add it to addons",
    source=f"https://docs.aws.amazon.com/eks/latest/eksctl/addons.html; {EKS}/workloads-add-ons-available-eks.html",
    bad=_example(top="addonsConfig:\n  disableDefaultAddons: true\naddons:\n  - name: coredns\n"),
    at=9,
    good=_example(top="addonsConfig:\n  disableDefaultAddons: true\naddons:\n  - name: coredns\n  - name: vpc-cni\n"),
)
def missing_addon(document: Document, tree: Tree) -> Iterator[Hit]:
    manifest = document.manifest or Map()
    if not _groups(document) or unseen(manifest) or unseen(manifest.get("addons")) or "autoModeConfig" in manifest:
        return
    named = {str(addon.get("name")) for addon in manifest.items_of("addons")}
    if manifest.map("addonsConfig").get("disableDefaultAddons") == "true" and "vpc-cni" not in named:
        yield manifest.line_of("addons"), "disableDefaultAddons, and no vpc-cni"
    for driver, addon in _DRIVERS.items():
        users = [path for path, used in tree.all(users_of_drivers) if used == driver]
        users = sorted(path for path in users if path.parent == document.path.parent)
        if users and addon not in named and addon not in tree.all(addons_named):
            yield manifest.line_of("addons"), f"{users[0].name} uses {driver}, and nothing installs {addon}"


@gathered
def users_of_drivers(document: Document) -> Iterator[tuple[Path, str]]:
    """Manifests, each with a driver of volumes that it names."""
    for driver in _DRIVERS:
        if driver in document.text and any(driver in part.values() for part in walk(document.manifest)):
            yield document.path, driver


@gathered
def addons_named(document: Document) -> Iterator[str]:
    """Add-ons that a file speaks of, which may install them."""
    return (addon for addon in _DRIVERS.values() if addon in document.text)
