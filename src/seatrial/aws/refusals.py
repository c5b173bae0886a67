"""AWS's errors, as problems that the user can repair."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seatrial.aws.access import Access
from seatrial.errors import CutOff, Problem, UserError, unknown
from seatrial.extras import needed

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

CREDENTIALS = (
    "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId",
    "InvalidSignatureException", "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
)  # fmt: skip
"""Codes of credentials that are refused: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""

THROTTLED = (
    "EC2ThrottledException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
    "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
)  # fmt: skip
"""Codes of too many requests: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""

LONGEST = 200
"""Characters of an answer that are shown."""


@contextmanager
def calls(access: Access) -> Iterator[None]:
    """Calls of AWS. Raises UserError for what it refuses and where it cannot be reached, CutOff in the middle.

    And UserError without the package boto3, which brings what it takes.
    """
    with needed("boto3", access.where):
        import boto3  # noqa: F401
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ParamValidationError:  # ours to repair
        raise
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        leaves_open = status >= 500 and error_code(error) not in THROTTLED  # some services throttle with 503
        raise (CutOff if leaves_open else UserError)(_refused(error, access)) from error
    except ResponseParserError as error:  # a proxy's page, say
        what = f"the answer is not AWS's: {' '.join(str(error).split())[:LONGEST]}"
        raise CutOff(Problem(what, access.where, "is there a proxy in between? try it again")) from error
    except HTTPClientError as error:  # after it was connected
        raise CutOff(_failed(error, access)) from error
    except BotoCoreError as error:
        raise UserError(_failed(error, access)) from error


def error_code(error: ClientError) -> str:
    """AWS's own name of an error: ``AccessDeniedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: ClientError, access: Access) -> Problem:
    code = error_code(error)
    # In one line: between here and AWS somebody may answer with a page.
    message = " ".join((error.response.get("Error", {}).get("Message") or code).split())
    said = f"{error.operation_name}: {message}"
    if code in CREDENTIALS:
        return Problem(f"AWS does not accept the credentials: {message}", access.where, _log_in(access))
    if code in THROTTLED:
        remedy = "wait a minute; everything in the account shares the limit, other programs too"
        return Problem(f"AWS takes no more requests for the moment: {said}", access.where, remedy)
    if code.startswith(("AccessDenied", "UnauthorizedOperation")):
        return Problem(said, access.where, f"ask for an IAM policy that allows {error.operation_name}")
    return Problem(said, access.where, f"try: {access.look}")


def _failed(error: BotoCoreError, access: Access) -> Problem:
    from botocore import exceptions, session

    region = f"{access.settings}.region"
    if isinstance(error, exceptions.ProfileNotFound):
        profiles = session.Session().available_profiles
        return unknown("AWS profile", access.profile or "", profiles, f"{access.settings}.profile")
    if isinstance(error, (exceptions.NoRegionError, exceptions.InvalidRegionError)):
        return Problem(str(error), region, 'name the region, such as "us-east-1"')
    if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError)):
        remedy = f"is the region right ({access.region or 'none is named'})? is there a network, or a proxy?"
        return Problem(f"AWS cannot be reached: {error}", region, remedy)
    return Problem(f"AWS cannot be used: {error}", access.where, _log_in(access))


def _log_in(access: Access) -> str:
    profile = f" --profile {shlex.quote(access.profile)}" if access.profile else ""
    return f"aws sso login{profile}, or aws configure{profile}; then try: aws sts get-caller-identity{profile}"
