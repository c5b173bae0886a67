"""Answers of AWS's pricing API, made by hand after its documentation and public price list files: none was recorded.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

from __future__ import annotations

import json
from typing import Any


def product(attributes: dict[str, str], *rates: str, unit: str = "Hrs", terms: str = "OnDemand") -> str:
    """One entry of PriceList: JSON in a string, as the API gives it; of several rates each is a step."""
    sku = f"SKU{abs(hash(tuple(attributes.items()))):X}"[:16]
    dimensions = {
        f"{sku}.JRTCKXETXF.{number}": {
            "unit": unit,
            "beginRange": str(number),
            "endRange": "Inf",
            "description": f"${rate} per {unit}",
            "appliesTo": [],
            "rateCode": f"{sku}.JRTCKXETXF.{number}",
            "pricePerUnit": {"USD": rate},
        }
        for number, rate in enumerate(rates)
    }
    term = {
        "priceDimensions": dimensions,
        "sku": sku,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF",
        "termAttributes": {},
    }
    entry: dict[str, Any] = {
        "product": {"productFamily": attributes.get("productFamily", ""), "attributes": attributes, "sku": sku},
        "serviceCode": attributes["servicecode"],
        "terms": {terms: {f"{sku}.JRTCKXETXF": term}},
        "version": "20261120174529",
        "publicationDate": "2026-11-20T17:45:29Z",
    }
    return json.dumps(entry)


def compute(kind: str, rate: str, **more: str) -> str:
    """An instance type."""
    attributes = {
        "servicecode": "AmazonEC2",
        "instanceType": kind,
        "regionCode": "us-west-2",
        "operatingSystem": "Linux",
        "usagetype": f"USW2-BoxUsage:{kind}",
        "operation": "RunInstances",
    }
    return product({**attributes, **more}, rate)


def usage(service: str, kind: str, *rates: str) -> str:
    """Something that a usage type names."""
    return product({"servicecode": service, "regionCode": "us-west-2", "usagetype": kind}, *rates)
