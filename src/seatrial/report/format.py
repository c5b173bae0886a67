"""Numbers for people. Every output of a run goes through here, so that one value looks the same everywhere.

None always becomes "unknown": a figure that is missing must not read like a zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from seatrial.strict_json import not_finite

UNKNOWN = "unknown"

_COUNT_PREFIXES = ("", "K", "M", "B", "T")
_SI_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_SI_UNITS = ("FLOP", "FLOP/s", "B/s", "bit/s", "Hz", "W")
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

# What XML 1.0 and UTF-8 cannot hold (controls, lone surrogates), and what would move a terminal's cursor or turn
# the reading direction around. Job titles, error texts and folder names come from outside and may hold any of them.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def quantity(value: float | None, unit: str = "") -> str:
    """A value with three significant digits: ``12.3K tokens/s``, ``989 TFLOP/s``, ``0.25 nats``.

    Counts take K, M, B, T; physical units take SI prefixes.
    """
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return _with_unit(not_finite(value), unit)
    prefixes = _SI_PREFIXES if unit in _SI_UNITS else _COUNT_PREFIXES
    scaled, prefix = _scale(value, 1000.0, prefixes)
    return (
        _with_unit(f"{scaled:.3g}", prefix + unit) if unit in _SI_UNITS else _with_unit(f"{scaled:.3g}{prefix}", unit)
    )


def number(value: float | None, digits: int = 5) -> str:
    """A plain number with `digits` significant digits, for values that are compared closely: losses, rates."""
    if value is None:
        return UNKNOWN
    return f"{value:.{digits}g}" if math.isfinite(value) else not_finite(value)


def duration(seconds: float | None) -> str:
    """A length of time: ``850 µs``, ``12.3 ms``, ``4.5 s``, ``3 min 20 s``, ``5 h 7 min``, ``2 d 3 h``."""
    if seconds is None:
        return UNKNOWN
    if not math.isfinite(seconds):
        return not_finite(seconds)
    if seconds < 0:
        return "-" + duration(-seconds)
    for unit, factor in (("µs", 1e6), ("ms", 1e3)):
        if seconds and round(seconds * factor, 1) < 1000:
            return f"{seconds * factor:.3g} {unit}"
    if round(seconds, 1) < 60:
        return f"{seconds:.3g} s"
    if round(seconds) < 3600:
        return _two(seconds, "min", "s", 1, 60)
    if round(seconds / 60) < 24 * 60:
        return _two(seconds, "h", "min", 60, 60)
    return _two(seconds, "d", "h", 3600, 24)


def bytes_(count: float | None) -> str:
    """An amount of memory or storage in binary units: ``1.5 GiB``."""
    if count is None:
        return UNKNOWN
    if not math.isfinite(count):
        return _with_unit(not_finite(count), "B")
    scaled, unit = _scale(count, 1024.0, _BINARY_UNITS)
    return f"{scaled:.4g} {unit}" if abs(scaled) >= 1000 else f"{scaled:.3g} {unit}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with three significant digits: 0.412 -> ``41.2 %``."""
    if fraction is None:
        return UNKNOWN
    if not math.isfinite(fraction):
        return not_finite(fraction)
    share = 100 * fraction
    return f"{share:.3g} %" if abs(share) < 1000 else f"{share:.0f} %"


def loss_text(value: float | None) -> str:
    """A loss with the digits that comparing it takes: ``2.3457 nats``."""
    return f"{number(value)} nats" if value is not None and math.isfinite(value) else number(value)


def value_text(value: float | None, unit: str) -> str:
    """A figure in its unit: seconds (``s``), bytes (``B``), a ``fraction`` as a percentage, ``nats``, any other."""
    written = {"s": duration, "B": bytes_, "fraction": percent, "nats": loss_text}.get(unit)
    if written is not None:
        return written(value)
    return quantity(value, unit) if unit else number(value)


def moment(seconds: float | None) -> str:
    """A point in time, given in Unix seconds, in UTC: the reader's time zone is not the cluster's."""
    if seconds is None:
        return UNKNOWN
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


def capped(names: Sequence[str], limit: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def clean(text: str) -> str:
    """`text` with everything replaced that XML, UTF-8 or a terminal would choke on."""
    return _UNSAFE.sub("\ufffd", text)


def _scale(value: float, base: float, names: tuple[str, ...]) -> tuple[float, str]:
    index = 0
    # Compared after rounding: 999.96 is to read 1K, not 1e+03.
    while round(abs(value), 1 if abs(value) < 100 else 0) >= base and index < len(names) - 1:
        value /= base
        index += 1
    return value, names[index]


def _two(seconds: float, large: str, small: str, size: int, per: int) -> str:
    # Rounded to the small unit first, so that 119.9 s are 2 min and never 1 min 60 s.
    whole, rest = divmod(round(seconds / size), per)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text
