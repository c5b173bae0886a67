"""Prices as AWS's pricing API says them, for the user's own table.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import aws
from seatrial.hardware import instances
from seatrial.prices import table
from seatrial.prices.entry import Price, Unit

ENDPOINT = "us-east-1"
"""The API answers for all regions from a few places: https://docs.aws.amazon.com/general/latest/gr/billing.html"""
SOURCE = "AWS pricing API"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One item, and how the API is asked for it."""

    item: str
    service: str
    filters: Mapping[str, str]
    usage: str
    """How its usage type ends, behind the code of the region: ``USW2-NatGateway-Hours``."""
    unit: Unit


_COMPUTE = {
    "productFamily": "Compute Instance",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""Of all that is sold as one instance type: plain Linux on shared hardware, on demand."""

# FSx is missing: its answers were never seen here.
WANTED = (
    Wanted(
        item="nat-gateway",
        service="AmazonEC2",
        filters={"productFamily": "NAT Gateway"},
        usage="NatGateway-Hours",
        unit="hour",
    ),
    Wanted(
        item="ebs/gp3",
        service="AmazonEC2",
        filters={"productFamily": "Storage", "volumeApiName": "gp3"},
        usage="EBS:VolumeUsage.gp3",
        unit="GiB-month",
    ),
    Wanted(item="public-ipv4", service="AmazonVPC", filters={}, usage="PublicIPv4:InUseAddress", unit="hour"),
    Wanted(
        item="vpc-endpoint",
        service="AmazonVPC",
        filters={"productFamily": "VpcEndpoint"},
        usage="VpcEndpoint-Hours",
        unit="hour",
    ),
    Wanted(
        item="aurora-acu",
        service="AmazonRDS",
        filters={"productFamily": "ServerlessV2"},
        usage="Aurora:ServerlessV2Usage",
        unit="hour",
    ),
    Wanted(
        item="aurora-storage",
        service="AmazonRDS",
        filters={"productFamily": "Database Storage"},
        usage="Aurora:StorageUsage",
        unit="GiB-month",
    ),
    Wanted(item="secret", service="AWSSecretsManager", filters={}, usage="AWSSecretsManager-Secrets", unit="month"),
)


def refresh(regions: Iterable[str], profile: str | None = None) -> dict[str, dict[str, Price]]:
    """Region -> item -> price, as AWS says now, put into the user's own table. Raises UserError."""
    access = aws.Access(
        profile=profile,
        region=ENDPOINT,
        where="seatrial prices refresh",
        settings="seatrial prices refresh",
        look=f"aws pricing describe-services --region {ENDPOINT}",
    )
    client = aws.client(access, "pricing")
    with aws.calls(access):
        found = {region: ask(client, region) for region in regions}
    table.write(found)
    return found


def ask(client: Any, region: str) -> dict[str, Price]:
    """Item -> price of a region; what the API does not say, or says twice, is missing."""
    kinds = {one.name for one in instances.INSTANCES}
    found: dict[str, list[Price]] = defaultdict(list)
    for attributes, price in _products(client, "AmazonEC2", region, _COMPUTE, "hour"):
        if attributes.get("instanceType") in kinds:
            found[f"ec2/{attributes['instanceType']}"].append(price)
    for wanted in WANTED:
        for attributes, price in _products(client, wanted.service, region, wanted.filters, wanted.unit):
            if f"-{attributes.get('usagetype', '')}".endswith(f"-{wanted.usage}"):
                found[wanted.item].append(price)
    return {item: prices[0] for item, prices in found.items() if len({one.usd for one in prices}) == 1}


def _products(
    client: Any, service: str, region: str, filters: Mapping[str, str], unit: Unit
) -> Iterator[tuple[dict[str, str], Price]]:
    """Attributes and price of each product that the filters leave and that is sold on demand, at one price."""
    asked = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in {"regionCode": region, **filters}.items()
    ]
    for page in client.get_paginator("get_products").paginate(ServiceCode=service, Filters=asked):
        for text in page["PriceList"]:
            product = json.loads(text)
            rates = _rates(product)
            if len(rates) == 1:
                date = str(product["publicationDate"])[:10]
                yield product["product"]["attributes"], Price(usd=rates.pop(), unit=unit, source=SOURCE, date=date)


def _rates(product: Mapping[str, Any]) -> set[float]:
    """USD of one, on demand. Steps, such as those of traffic, are several; what is free is none."""
    dimensions = [
        dimension
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
    ]
    rates = {float(dimension["pricePerUnit"].get("USD", 0)) for dimension in dimensions}
    return rates - {0.0}
