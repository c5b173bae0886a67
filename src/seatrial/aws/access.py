"""Clients of AWS's services, each made once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from seatrial.aws.refusals import calls
from seatrial.errors import Problem, UserError

CONNECT_SECONDS, READ_SECONDS = 10, 30
ATTEMPTS = 4
"""How often a request is sent that gets no good answer, with growing pauses: AWS was throttling, or has a failure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """As whom and where AWS is asked, and where that was said."""

    profile: str | None
    """Profile of AWS's own configuration; None: the environment's own credentials."""
    region: str | None
    """Region; None: the profile's, or AWS_REGION."""
    where: str
    """Place of what needs AWS, for problems: ``clusters.p5``."""
    settings: str
    """Place of the keys ``profile`` and ``region``: ``clusters.p5.options``."""
    look: str
    """Command that shows what AWS may have refused."""


def client(access: Access, service: str, *, attempts: int = ATTEMPTS) -> Any:
    """A boto3 client for an AWS service. Raises UserError without boto3, and if profile or region cannot be."""
    read = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    try:
        with calls(access):
            return _client(access.profile, access.region, service, attempts, read)
    except ModuleNotFoundError:
        remedy = "pip install 'seatrial[aws]'"
        raise UserError(Problem("boto3 is not installed", access.where, remedy)) from None


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
