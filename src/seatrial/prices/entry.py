"""One price, in what it buys, and who said so when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HOURS_OF_A_MONTH = 730
"""AWS's own figure: https://aws.amazon.com/calculator/calculator-assumptions/"""

Unit = Literal["hour", "month", "GiB-month", "MBps-month"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """AWS's public list price of something, without taxes and agreements of one's own."""

    usd: float
    unit: Unit
    """What it buys. AWS says GB where it counts GiB."""
    source: str
    date: str
    """Day, month or year at which it was this."""

    @property
    def hourly(self) -> float:
        """USD of one for an hour."""
        return self.usd / (1 if self.unit == "hour" else HOURS_OF_A_MONTH)
