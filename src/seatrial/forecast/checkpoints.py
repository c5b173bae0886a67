"""How often to write a checkpoint, and what is left of the time, when interruptions come at random.

Seconds throughout; every argument may be an array of numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Numbers = Any
"""A number, or an array of them."""


def daly(stall: Numbers, mean_time: Numbers) -> Numbers:
    """Seconds of training between checkpoints that each stop it for `stall`: `mean_time` where a stall is twice that.

    Daly, FGCS 22 (2006) 303, eq. 37.
    """
    stall, mean_time = np.asarray(stall, float), np.asarray(mean_time, float)
    share = np.minimum(stall / (2 * mean_time), 1.0)
    best = np.sqrt(2 * stall * mean_time) * (1 + np.sqrt(share) / 3 + share / 9) - stall
    return np.where(stall < 2 * mean_time, best, mean_time)


def shares(
    mean_time: Numbers, *, interval: Numbers, stall: Numbers, detection: Numbers = 0.0, restart: Numbers = 0.0
) -> dict[str, Numbers]:
    """Of the time of a run without end, by the parts of seatrial.forecast.simulate; `useful` is its goodput (ETTR).

    Exact for interruptions that come at random, also during a restart: a period between two lasts `mean_time` and the
    `detection`, whole intervals with their checkpoints count, and the rest has an exponential's truncated distribution.
    Daly 2006, section 4, with what is said there of work said of time.
    """
    mean_time, interval, stall = (np.asarray(value, float) for value in (mean_time, interval, stall))
    started = np.exp(-restart / mean_time)
    with np.errstate(over="ignore"):  # of intervals that are never reached
        whole = started / np.expm1((interval + stall) / mean_time)
    unfinished = np.exp(-(interval + stall) / mean_time)
    rest = (mean_time * -np.expm1(-interval / mean_time) - interval * unfinished) / (1 - unfinished)
    period = {
        "useful": whole * interval,
        "checkpoints": mean_time * started - whole * interval - started * rest,
        "lost work": started * rest,
        "detection": detection + 0.0 * mean_time,
        "restart": mean_time * (1 - started),
    }
    return {part: seconds / (mean_time + detection) for part, seconds in period.items()}
