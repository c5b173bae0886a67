"""Whether an AMI of one's own is there, and made for the instances and the operating system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.architectures import Deployment
from seatrial.findings import Finding
from seatrial.hardware import instances
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, Site, rule

IMAGE = rule(
    "image",
    reads="ec2 describe-images",
    expected="available, for the processors of the instance types, with the operating system that the parameters name",
    why="an instance does not start from an AMI for other processors, and a node with another operating system fails in"
    " its set-up, after minutes",
    remedy="name another AMI, or change os or instance type",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ComponentsAMIs.html, "
    "https://docs.aws.amazon.com/parallelcluster/latest/ug/building-custom-ami-v3.html",
    good="ami-0123456789abcdef0: available, x86_64, ubuntu2204",
    bad="ami-0123456789abcdef0: available, arm64, ubuntu2204; p5.48xlarge is x86_64",
)

OS_TAG = "parallelcluster:os"
"""Tag by which ParallelCluster says the operating system of an AMI that it built."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An AMI that parameters name, and what it must be."""

    what: str
    image: str
    architectures: frozenset[str]
    os: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An AMI as EC2 describes it."""

    state: str
    architecture: str
    os: str | None
    """None: it does not say."""

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Image:
        """Of an answer of EC2."""
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", ())}
        return cls(state=described["State"], architecture=described["Architecture"], os=tags.get(OS_TAG))


def wanted(one: Deployment) -> Iterator[Wanted]:
    """The AMIs that a deployment names as ``custom_ami``: for all of its nodes, or those of a queue or group."""
    params = one.params
    system = getattr(params, "os", None)
    listed = (queue for name in ("queues", "workers") for queue in getattr(params, name, ()))
    queues = [queue for queue in listed if hasattr(queue, "instance_type")]
    common = getattr(params, "custom_ami", None)
    if common:
        kinds = {group.instance_type for group in one.architecture.instances(params, one.facts)}
        kinds -= {queue.instance_type for queue in queues if getattr(queue, "custom_ami", None)}
        yield Wanted(what=f"{one.name}.custom_ami", image=common, architectures=_architectures(kinds), os=system)
    for queue in queues:
        if getattr(queue, "custom_ami", None):
            what, architectures = f"{one.name}: {queue.name}", _architectures([queue.instance_type])
            yield Wanted(what=what, image=queue.custom_ami, architectures=architectures, os=system)


def _architectures(kinds: Iterable[str]) -> frozenset[str]:
    known = {kind.name: kind.architecture for kind in instances.INSTANCES}
    return frozenset(known[kind] for kind in kinds if kind in known)


def judge(want: Wanted, image: Image | None) -> Finding:
    """About one AMI; None: there is none of that id that the account may use."""
    if image is None:
        remedy = "name an AMI of this region that the account may use"
        return IMAGE.finding(FAIL, f"{want.what}: there is no {want.image} in the region", remedy=remedy)
    wrong = []
    if image.state != "available":
        wrong.append(f"it is {image.state}")
    if want.architectures - {image.architecture}:
        wrong.append(f"it is for {image.architecture}, the instances are {' and '.join(sorted(want.architectures))}")
    if image.os and want.os and image.os != want.os:
        wrong.append(f"it has {image.os}, os is {want.os}")
    if wrong:
        return IMAGE.finding(FAIL, f"{want.what}: {want.image}: {'; '.join(wrong)}")
    if want.os and not image.os:
        observed = f"{want.what}: {want.image} does not say its operating system, os is {want.os}"
        return IMAGE.finding(UNKNOWN, observed, remedy=f"if it has {want.os}, tag it {OS_TAG}={want.os}")
    told = ", ".join(filter(None, (image.state, image.architecture, image.os)))
    return IMAGE.finding(PASS, f"{want.what}: {want.image}: {told}")


def concerns(site: Site) -> bool:
    """Whether parameters name an AMI."""
    return bool(_wanted(site))


def _wanted(site: Site) -> list[Wanted]:
    return [want for one in site.deployment.order() for want in wanted(one)]


def look(site: Site) -> Iterator[Finding]:
    """The AMIs that parameters name."""
    # A filter leaves out what is not there; naming ids would be refused as a whole.
    filters = [{"Name": "image-id", "Values": sorted({want.image for want in _wanted(site)})}]
    answer = site.client("ec2").describe_images(Filters=filters)["Images"]
    found = {one["ImageId"]: Image.of(one) for one in answer}
    for want in _wanted(site):
        yield judge(want, found.get(want.image))
