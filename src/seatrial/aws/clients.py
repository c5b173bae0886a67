"""Clients of AWS's services, each made once."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from seatrial.aws.access import Access
from seatrial.aws.refusals import calls

CONNECT_SECONDS, READ_SECONDS = 10, 30
ATTEMPTS = 4
"""How often a request is sent that gets no good answer, with growing pauses: AWS was throttling, or has a failure."""


def client(access: Access, service: str, *, attempts: int = ATTEMPTS) -> Any:
    """A boto3 client for an AWS service. Raises UserError as `calls` does, and if profile or region cannot be."""
    read = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    with calls(access):
        return _client(access.profile, access.region, service, attempts, read)


# A client takes 0.1 s to make, and whoever watches something asks every few seconds.
@cache
def _client(
    profile: str | None, region: str | None, service: str, attempts: int, read: tuple[tuple[str, str], ...]
) -> Any:
    """`read` are the variables that boto3 reads: with others it is another client."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
    return boto3.Session(profile_name=profile, region_name=region).client(service, config=config)
