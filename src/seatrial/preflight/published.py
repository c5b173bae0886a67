"""Whether the bucket has what nodes run when they are made, as `seatrial arch deploy` put it there."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping

from seatrial.architectures import IN_BUCKET, Deployment
from seatrial.findings import Finding
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, WARN, Site, rule

PUBLISHED = rule(
    "bucket-files",
    (PASS, WARN, FAIL, UNKNOWN),
    reads="s3 list-objects; the plan",
    expected="each file is there, and what it was when it was put there",
    why="nodes run it as root: whoever changes it has every node that is made or replaced from then on",
    remedy="find out who changed it (aws s3api list-object-versions), delete it, then: seatrial arch deploy",
    source="https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-lifecycle-best-practices-slurm.html",
    good="17 files as they were put there",
    bad="seatrial/lifecycle/0123456789abcdef/on_create.sh is not what was put there",
)


def judge(name: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> Finding:
    """About the files of a deployment; both: key -> MD5 of its content, which is what S3 calls an object by."""
    changed = sorted(key for key in wanted if there.get(key, wanted[key]) != wanted[key])
    missing = sorted(key for key in wanted if key not in there)
    if changed:
        return PUBLISHED.finding(FAIL, f"{name}: {', '.join(changed)}: not what was put there")
    if missing:
        told = f"{name}: {len(missing)} of {len(wanted)} files are not there: they, or the change, are not deployed"
        return PUBLISHED.finding(WARN, told, remedy=f"seatrial arch deploy {name}")
    return PUBLISHED.finding(PASS, f"{name}: {len(wanted)} files as they were put there")


def _files(site: Site, one: Deployment) -> dict[str, str]:
    return {
        path.removeprefix(IN_BUCKET): hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        for path, text in site.plans[one.name].files.items()
        if path.startswith(IN_BUCKET)
    }


def concerns(site: Site) -> bool:
    """Whether a deployment puts files into a bucket."""
    return any(_files(site, one) for one in site.deployment.order())


def look(site: Site) -> Iterator[Finding]:
    """Files of stacks that are there."""
    for one in site.deployment.order():
        wanted = {} if site.is_new(one.name) else _files(site, one)
        bucket = _bucket(site, one) if wanted else None
        if bucket:
            paginator = site.client("s3").get_paginator("list_objects_v2")
            pages = paginator.paginate(Bucket=bucket, Prefix=posixpath.commonpath([*wanted]))
            there = {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", ())}
            yield judge(one.name, wanted, there)


def _bucket(site: Site, one: Deployment) -> str | None:
    """That of the s3 deployment that it needs, if it is there."""
    for need in one.order():
        if need.architecture.name == "s3":
            return site.outputs(need).get("Bucket")
    return None
