"""AWS as a cluster's options say."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from seatrial import aws
from seatrial.cluster import Cluster

if TYPE_CHECKING:
    from seatrial.launchers.batch import Options


def client(cluster: Cluster, service: str, **how: int) -> Any:
    """A boto3 client for an AWS service, as `aws.client` makes it."""
    return aws.client(_access(cluster), service, **how)


def calls(cluster: Cluster) -> AbstractContextManager[None]:
    """Calls of AWS, whose refusals become problems of the cluster."""
    return aws.calls(_access(cluster))


def _access(cluster: Cluster) -> aws.Access:
    options: Options = cluster.options
    where = f"clusters.{cluster.name}"
    return aws.Access(
        profile=options.profile,
        region=options.region,
        where=where,
        settings=f"{where}.options",
        look=f"aws batch describe-job-queues --job-queues {shlex.quote(options.queue)}",
    )
