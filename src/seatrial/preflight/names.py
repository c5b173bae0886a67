"""Whether names that a deployment gives are free, or its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seatrial import aws
from seatrial.findings import Finding, judged
from seatrial.preflight.site import PASS, Site, rule

_CLOUDFORMATION = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"

STACK = rule(
    "stack-name",
    reads="cloudformation describe-stacks",
    expected="no stack of the name, or one that is the deployment's, by its tag",
    why="a stack of somebody else would be changed into ours, and what it made be deleted",
    remedy="give the deployment another name, or delete the other stack",
    source=f"{_CLOUDFORMATION}/cfn-console-create-stack.html",
    good="seatrial-vpc is free",
    bad="seatrial-vpc is there, without the tag seatrial:deployment=vpc",
)
EXPORT = rule(
    "export-name",
    reads="cloudformation list-exports; the templates",
    expected="no other stack exports the names",
    why="CloudFormation lets a name be exported once in a region, and the stack fails at its end",
    remedy="give the deployment another name, or delete the other stack",
    source=f"{_CLOUDFORMATION}/using-cfn-stack-exports.html",
    good="seatrial-vpc exports seatrial-vpc-VpcId",
    bad="the stack old-network exports seatrial-vpc-VpcId",
)
BUCKET = rule(
    "bucket-name",
    reads="s3 head-bucket; the templates",
    expected="no bucket of the name is there yet",
    why="a bucket's name is unique in all of AWS, and the stack fails",
    remedy="give it another name, or none: then CloudFormation makes one up",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    good="my-checkpoints is free",
    bad="my-checkpoints belongs to another account",
)


def judge_stack(deployment: str, stack: str, there: Mapping[str, Any] | None) -> Finding:
    """About the name of one stack; None: it is free."""
    from seatrial.architectures._cloudformation import TAG  # with troposphere

    if there is None:
        return STACK.finding(PASS, f"{stack} is free")
    tags = {tag["Key"]: tag["Value"] for tag in there.get("Tags", ())}
    ours = tags.get(TAG) == deployment
    told = f"{stack} is there, {'with' if ours else 'without'} the tag {TAG}={deployment}"
    return STACK.finding(judged(ours), told)


def judge_exports(stack: str, names: frozenset[str], there: Mapping[str, str]) -> Finding:
    """About the names that one stack exports; `there`: name -> id of the stack that exports it."""
    # arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
    others = {
        name: owner for name in sorted(names) if (owner := there.get(name, "").partition("/")[2].partition("/")[0])
    }
    taken = [f"the stack {owner} exports {name}" for name, owner in others.items() if owner != stack]
    return EXPORT.finding(judged(not taken), "; ".join(taken) or f"{len(names)} names of {stack}")


def judge_bucket(name: str, status: int) -> Finding:
    """About the name of a bucket that is to be made, by what HTTP status S3 answers."""
    told = {404: "is free", 200: "is there already, in this account"}.get(status, "belongs to another account")
    return BUCKET.finding(judged(status == 404), f"{name} {told}")


def look(site: Site) -> Iterator[Finding]:
    """Stacks and exports."""
    order = site.deployment.order()
    for one in order:
        yield judge_stack(one.name, one.stack, site.stacks.get(one.stack))
    pages = site.client("cloudformation").get_paginator("list_exports").paginate()
    there = {export["Name"]: export["ExportingStackId"] for page in pages for export in page["Exports"]}
    for one in order:
        outputs = site.templates[one.name].get("Outputs", {}).values()
        names = frozenset(output["Export"]["Name"] for output in outputs if "Export" in output)
        yield judge_exports(one.stack, names, there)


def concerns(site: Site) -> bool:
    """Whether templates name a bucket that is to be made."""
    return bool(_buckets(site))


def _buckets(site: Site, deployments: Iterable[str] | None = None) -> list[str]:
    found = (properties.get("BucketName") for properties in site.resources("AWS::S3::Bucket", deployments))
    return [name for name in found if isinstance(name, str)]


def look_buckets(site: Site) -> Iterator[Finding]:
    """Buckets of stacks that are not there yet."""
    for name in _buckets(site, [one.name for one in site.deployment.order() if site.is_new(one.name)]):
        yield judge_bucket(name, _status(site, name))


def _status(site: Site, bucket: str) -> int:
    from botocore.exceptions import ClientError

    try:
        site.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if aws.error_code(error) in ("404", "403", "301") and status in (404, 403, 301):
            return status
        raise
    return 200
