"""A private bucket for data sets, checkpoints and results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from seatrial.architectures._architecture import Architecture, ArchitectureParams, Facts
from seatrial.bounds import Bound, Count
from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.plan import Plan

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, without dots, which break TLS.
BucketName = Annotated[str, Bound(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]

OUTPUTS = {
    "Bucket": "Name of the bucket",
    "BucketArn": "ARN of the bucket",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A private bucket."""

    bucket: BucketName | None = None
    """Name of a bucket that is there already, to be used instead of a new one: nothing about it is changed."""
    checkpoint_days: Count = 30
    """Days after which a version of a checkpoint that was overwritten or deleted is gone for good; all that lies
    under checkpoints/ is a checkpoint."""
    upload_days: Count = 7
    """Days after which what an upload left that was never completed is gone."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.s3.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """An account's id is no bucket."""
    if params.bucket and params.bucket.isdigit() and len(params.bucket) == 12:
        yield Problem(f"{params.bucket} looks like the id of an account", "bucket", "name a bucket, or leave it out")


ARCHITECTURE = Architecture(name="s3", title=__doc__, Params=Params, render=render, check=check)
