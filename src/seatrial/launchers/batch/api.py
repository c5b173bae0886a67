"""AWS's interface: clients, and its errors in words that say how to repair them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from seatrial.errors import CutOff, Problem, UserError, unknown
from seatrial.spec import Cluster

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

    from seatrial.launchers.batch import Options

CONNECT_SECONDS, READ_SECONDS = 10, 30

REFUSED_CREDENTIALS = (
    "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId",
    "InvalidSignatureException", "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
)  # fmt: skip
"""https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""


def client(cluster: Cluster, service: str, *, attempts: int = 4) -> Any:
    """A boto3 client for an AWS service. `attempts`: how often a request is sent that gets no good answer."""
    options: Options = cluster.options
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    try:
        with calls(cluster):
            return _client(options.profile, options.region, service, attempts, settings)
    except ModuleNotFoundError:
        remedy = "pip install 'seatrial[aws]'"
        raise UserError(Problem("boto3 is not installed", f"clusters.{cluster.name}", remedy)) from None


# A client takes 0.1 s to make, and whoever watches a job asks every few seconds.
@cache
def _client(
    profile: str | None, region: str | None, service: str, attempts: int, settings: tuple[tuple[str, str], ...]
) -> Any:
    """`settings` are the variables that boto3 reads: with others it is another client."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
    return boto3.Session(profile_name=profile, region_name=region).client(service, config=config)


@contextmanager
def calls(cluster: Cluster) -> Iterator[None]:
    """Calls of AWS. Raises UserError for what it refuses and where it cannot be reached, CutOff in the middle."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError

    try:
        yield
    except ParamValidationError:  # ours to repair
        raise
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise (CutOff if status >= 500 else UserError)(_refused(error, cluster)) from error
    except HTTPClientError as error:  # after it was connected
        raise CutOff(_failed(error, cluster)) from error
    except BotoCoreError as error:
        raise UserError(_failed(error, cluster)) from error


def error_code(error: ClientError) -> str:
    """AWS's own name of an error: ``AccessDeniedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: ClientError, cluster: Cluster) -> Problem:
    options: Options = cluster.options
    where, code = f"clusters.{cluster.name}", error_code(error)
    message = error.response.get("Error", {}).get("Message") or code
    said = f"{error.operation_name}: {message}"
    if code in REFUSED_CREDENTIALS:
        return Problem(f"AWS does not accept the credentials: {message}", where, _log_in(options))
    if code.startswith(("AccessDenied", "UnauthorizedOperation")):
        return Problem(said, where, f"ask for an IAM policy that allows {error.operation_name}")
    return Problem(said, where, f"try: aws batch describe-job-queues --job-queues {shlex.quote(options.queue)}")


def _failed(error: BotoCoreError, cluster: Cluster) -> Problem:
    from botocore import exceptions, session

    options: Options = cluster.options
    where = f"clusters.{cluster.name}.options"
    if isinstance(error, exceptions.ProfileNotFound):
        profiles = session.Session().available_profiles
        return unknown("AWS profile", options.profile or "", profiles, f"{where}.profile")
    if isinstance(error, (exceptions.NoRegionError, exceptions.InvalidRegionError)):
        return Problem(str(error), f"{where}.region", 'name the region of the queue, such as "us-east-1"')
    if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError)):
        remedy = f"is the region right ({options.region or 'none is named'})? is there a network, or a proxy?"
        return Problem(f"AWS cannot be reached: {error}", f"{where}.region", remedy)
    return Problem(f"AWS cannot be used: {error}", f"clusters.{cluster.name}", _log_in(options))


def _log_in(options: Options) -> str:
    profile = f" --profile {shlex.quote(options.profile)}" if options.profile else ""
    return f"aws sso login{profile}, or aws configure{profile}; then try: aws sts get-caller-identity{profile}"
