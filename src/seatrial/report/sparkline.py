"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seatrial.report.axes import drawable

BARS = "▁▂▃▄▅▆▇█"
GAP = "\u00d7"
"""Where a value is no number."""


def sparkline(values: Sequence[float | None], width: int) -> str:
    """At most `width` characters, each the mean of its share of the values; what is not a number shows."""
    if not values or width < 1:
        return ""
    columns = min(width, len(values))
    shares = [values[at * len(values) // columns : (at + 1) * len(values) // columns] for at in range(columns)]
    means = [_mean(share) for share in shares]
    known = [mean for mean in means if math.isfinite(mean)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    step = (high - low) / (len(BARS) - 1)
    return "".join(
        GAP if not math.isfinite(mean) else BARS[round((mean - low) / step) if step > 0 else 0] for mean in means
    )


def _mean(values: Sequence[float | None]) -> float:
    """NaN if one of them is no number: a spike to infinity must not be averaged away."""
    known = [value for value in values if value is not None and drawable(value)]
    return sum(known) / len(known) if len(known) == len(values) else math.nan
