"""Prices: those that come with Seatrial, and before them those of the user's own table. What is missing is unknown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

from seatrial.cache import folder
from seatrial.errors import Problem, UserError
from seatrial.prices.built_in import PRICES
from seatrial.prices.entry import Price


def price(item: str, region: str) -> Price | None:
    """That of ``ec2/p5.48xlarge`` or ``nat-gateway``; None: not known. Raises UserError for a table that is broken."""
    return known(region).get(item)


def known(region: str) -> dict[str, Price]:
    """Item -> price, of all that are known there, the user's own first."""
    return {**PRICES.get(region, {}), **own().get(region, {})}


def regions() -> list[str]:
    """Where prices are known."""
    return sorted({*PRICES, *own()})


def path() -> Path:
    """The user's own table, which `seatrial prices refresh` writes. A folder of its own: what lies beside it is a
    cache, and goes with time."""
    return folder() / "prices" / "table.json"


def own() -> Mapping[str, Mapping[str, Price]]:
    """Region -> item -> price, of the user's own table."""
    file = path()
    return _read(file, file.stat().st_mtime_ns) if file.is_file() else {}


@cache
def _read(file: Path, _: int) -> Mapping[str, Mapping[str, Price]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {region: {item: Price(**one) for item, one in items.items()} for region, items in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        remedy = "seatrial prices refresh writes it anew, once it is removed"
        raise UserError(Problem(f"is no table of prices: {error}", str(file), remedy)) from None


def write(prices: Mapping[str, Mapping[str, Price]]) -> None:
    """Put prices into the user's own table; regions and items that are not among them stay."""
    whole = {region: dict(items) for region, items in own().items()}
    for region, items in prices.items():
        whole[region] = {**whole.get(region, {}), **items}
    text = {region: {item: asdict(one) for item, one in sorted(items.items())} for region, items in whole.items()}
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    temporary.replace(file)
