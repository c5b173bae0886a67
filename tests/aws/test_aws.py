"""Whoever asks AWS, problems name the places that the asker gave, and say whether something may have been done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from seatrial import aws
from seatrial.errors import CutOff, UserError

ACCESS = aws.Access(profile=None, region=None, where="vpc", settings="deployment", look="aws ec2 describe-vpcs")


def refused(error: Exception) -> UserError:
    with pytest.raises(UserError) as caught, aws.calls(ACCESS):
        raise error
    return caught.value


def client_error(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "CreateVpc")


@pytest.mark.parametrize(
    ("error", "cut_off", "told"),
    [
        (client_error("VpcLimitExceeded", 400), False, "vpc: CreateVpc: no\n    try: aws ec2 describe-vpcs"),
        (client_error("UnauthorizedOperation", 403), False, "vpc: CreateVpc: no\n    ask for an IAM policy"),
        (client_error("InternalError", 500), True, "vpc: CreateVpc: no"),
        (client_error("RequestLimitExceeded", 503), False, "vpc: AWS takes no more requests for the moment"),
        (
            ResponseParserError("invalid XML received:\n<html>"),
            True,
            "vpc: the answer is not AWS's: invalid XML received: <html>",
        ),
        (ReadTimeoutError(endpoint_url="x"), True, "deployment.region: AWS cannot be reached"),
        (ConnectTimeoutError(endpoint_url="x"), False, "deployment.region: AWS cannot be reached"),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_a_refusal_is_a_problem_of_the_asker(error: Exception, cut_off: bool, told: str) -> None:
    found = refused(error)
    assert str(found).startswith(told)
    assert isinstance(found, CutOff) is cut_off


def test_one_client_for_one_set_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    first = aws.client(ACCESS, "sts")
    assert aws.client(ACCESS, "sts") is first
    assert aws.client(ACCESS, "sts", attempts=1) is not first
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert aws.client(ACCESS, "sts").meta.region_name == "eu-west-1"
