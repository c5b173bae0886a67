"""Every price says who said so and when; the user's own table counts first, and a broken one is told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seatrial.errors import UserError
from seatrial.hardware import instances
from seatrial.prices import Price, known, price, table
from seatrial.prices.built_in import PRICES

OWN = Price(usd=50.0, unit="hour", source="AWS pricing API", date="2026-11-01")

USED = (
    "nat-gateway", "public-ipv4", "vpc-endpoint", "fsx-lustre/125", "fsx-lustre/250", "fsx-lustre/500",
    "fsx-lustre/1000", "aurora-acu", "aurora-storage", "secret", "ebs/gp3",
)  # fmt: skip
"""What architectures use beside instances, and has a list price."""


@pytest.mark.parametrize("region", PRICES)
def test_every_price_says_who_said_so_and_when(region):
    for item, one in PRICES[region].items():
        assert one.usd > 0 and one.source.startswith("https://"), item
        assert re.fullmatch(r"20\d\d(-\d\d(-\d\d)?)?", one.date), item
        if item.startswith("ec2/"):
            assert instances.instance(item.removeprefix("ec2/")) and one.unit == "hour"
    assert set(USED) <= set(PRICES[region])


def test_what_nobody_was_certain_of_is_unknown():
    assert price("ec2/p5e.48xlarge", "us-east-2") is None  # sold in Capacity Blocks alone
    assert price("ec2/ml.p5.48xlarge", "us-east-1") is None  # SageMaker's price is another
    assert price("fsx-openzfs", "us-east-1") is None
    assert price("nat-gateway", "eu-west-3") is None


def test_a_month_has_730_hours():
    found = price("fsx-lustre/250", "us-east-1")
    assert found is not None and found.unit == "GiB-month" and found.hourly == pytest.approx(0.21 / 730)
    found = price("ec2/p5.48xlarge", "us-west-2")
    assert found is not None and found.hourly == found.usd == 55.04


def test_ones_own_table_counts_first_and_only_for_what_it_has():
    table.write({"us-east-1": {"ec2/p5.48xlarge": OWN}, "eu-west-3": {"nat-gateway": replace(OWN, usd=0.05)}})
    assert price("ec2/p5.48xlarge", "us-east-1") == OWN
    assert price("ec2/p5.48xlarge", "us-west-2") == PRICES["us-west-2"]["ec2/p5.48xlarge"]
    assert known("us-east-1")["nat-gateway"].usd == 0.045 and known("eu-west-3")["nat-gateway"].usd == 0.05
    assert "eu-west-3" in table.regions()


def test_what_is_written_later_leaves_the_rest():
    table.write({"us-east-1": {"ec2/p5.48xlarge": OWN}})
    table.write({"us-east-1": {"secret": OWN}, "us-west-2": {}})
    assert {"ec2/p5.48xlarge", "secret"} <= set(table.own()["us-east-1"])


@pytest.mark.parametrize("text", ["{", "[]", '{"us-east-1": {"secret": {"usd": 1}}}', '{"us-east-1": 3}'])
def test_a_broken_table_is_told_with_its_place(text):
    table.path().parent.mkdir(parents=True)
    table.path().write_text(text)
    with pytest.raises(UserError, match=r"table\.json: is no table of prices"):
        price("secret", "us-east-1")
