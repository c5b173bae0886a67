"""What AWS's pricing API says goes into the user's own table; what is not certain of it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from seatrial import aws
from seatrial.errors import UserError
from seatrial.prices import price, table
from seatrial.prices.refreshing import refresh
from tests.prices.answers import compute, usage

BESIDE = {
    ("AmazonEC2", "NAT Gateway"): [
        usage("AmazonEC2", "USW2-NatGateway-Hours", "0.0450000000"),
        usage("AmazonEC2", "USW2-NatGateway-Bytes", "0.0450000001"),
    ],
    ("AmazonEC2", "Storage"): [usage("AmazonEC2", "USW2-EBS:VolumeUsage.gp3", "0.0800000000")],
    ("AmazonVPC", ""): [
        usage("AmazonVPC", "USW2-PublicIPv4:InUseAddress", "0.0050000000"),
        usage("AmazonVPC", "USW2-PublicIPv4:IdleAddress", "0.0060000000"),
    ],
    ("AmazonVPC", "VpcEndpoint"): [usage("AmazonVPC", "VpcEndpoint-Hours", "0.0100000000")],
    ("AmazonRDS", "ServerlessV2"): [usage("AmazonRDS", "USW2-Aurora:ServerlessV2Usage", "0.1200000000")],
    # Two that differ: which one it would be is not known.
    ("AmazonRDS", "Database Storage"): [
        usage("AmazonRDS", "USW2-Aurora:StorageUsage", "0.1000000000"),
        usage("AmazonRDS", "USW2-Aurora:StorageUsage", "0.2000000000"),
    ],
    # Steps are no price of one.
    ("AWSSecretsManager", ""): [usage("AWSSecretsManager", "USW2-AWSSecretsManager-Secrets", "0.4", "0.3")],
}


@pytest.fixture
def pricing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("pricing", region_name="us-east-1", **keys)
    monkeypatch.setattr(aws, "client", lambda access, service: client)
    with Stubber(client) as stubber:
        yield stubber


def asked(service: str, family: str, **more: Any) -> dict[str, Any]:
    filters = {"regionCode": "us-west-2", **({"productFamily": family} if family else {}), **more}
    return {
        "ServiceCode": service,
        "Filters": [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()],
    }


def answer(pricing: Stubber, *pages: list[str]) -> None:
    plain = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
    expected = asked("AmazonEC2", "Compute Instance", **plain, marketoption="OnDemand")
    for number, page in enumerate(pages):
        token = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        again = {"NextToken": str(number)} if number else {}
        pricing.add_response("get_products", {"PriceList": page, **token}, {**expected, **again})
    for (service, family), products in BESIDE.items():
        more = {"volumeApiName": "gp3"} if family == "Storage" else {}
        pricing.add_response("get_products", {"PriceList": products}, asked(service, family, **more))


def test_the_answers_are_kept_and_count_first(pricing):
    answer(
        pricing,
        [compute("p5.48xlarge", "54.0000000000"), compute("x9.large", "1.0000000000")],
        [compute("trn2.48xlarge", "36.5000000000"), compute("p5e.48xlarge", "0.0000000000")],
    )
    found = refresh(["us-west-2"])["us-west-2"]
    pricing.assert_no_pending_responses()
    assert {item: one.usd for item, one in found.items()} == {
        "ec2/p5.48xlarge": 54.0,
        "ec2/trn2.48xlarge": 36.5,
        "nat-gateway": 0.045,
        "ebs/gp3": 0.08,
        "public-ipv4": 0.005,
        "vpc-endpoint": 0.01,
        "aurora-acu": 0.12,
    }
    kept = price("ec2/p5.48xlarge", "us-west-2")
    assert kept is not None and (kept.usd, kept.date, kept.source) == (54.0, "2026-11-20", "AWS pricing API")
    assert price("secret", "us-west-2") is not None  # the one that comes with Seatrial


def test_two_prices_of_one_type_are_none(pricing):
    answer(pricing, [compute("p5.48xlarge", "54.0"), compute("p5.48xlarge", "31.0", operation="RunInstances:CB")])
    assert "ec2/p5.48xlarge" not in refresh(["us-west-2"])["us-west-2"]


def test_a_refusal_is_told_and_writes_nothing(pricing):
    pricing.add_client_error("get_products", "AccessDeniedException", "User: arn is not authorized", 400)
    with pytest.raises(UserError, match="ask for an IAM policy that allows GetProducts"):
        refresh(["us-west-2"])
    assert not table.path().exists()
