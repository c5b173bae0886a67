"""How often to write a checkpoint, and what is left of the time, when interruptions come at random.

Seconds throughout; every argument may be an array of numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Numbers = Any
"""A number, or an array of them."""


def young(stall: Numbers, mean_time: Numbers) -> Numbers:
    """Seconds of training between checkpoints that each stop it for `stall`: Young, CACM 17 (1974) 530."""
    return np.sqrt(2 * np.asarray(stall, float) * mean_time)


def daly(stall: Numbers, mean_time: Numbers) -> Numbers:
    """The same to higher order: Daly, FGCS 22 (2006) 303, eq. 37. `mean_time` where a stall takes twice that."""
    stall, mean_time = np.asarray(stall, float), np.asarray(mean_time, float)
    share = np.minimum(stall / (2 * mean_time), 1.0)
    best = np.sqrt(2 * stall * mean_time) * (1 + np.sqrt(share) / 3 + share / 9) - stall
    return np.where(stall < 2 * mean_time, best, mean_time)


def goodput(
    mean_time: Numbers, *, interval: Numbers, stall: Numbers, detection: Numbers = 0.0, restart: Numbers = 0.0
) -> Numbers:
    """Share of the time that is training which counts, in a run without end (ETTR).

    Exact for interruptions that come at random, also during a restart: of the periods between them, whole intervals
    with their checkpoint count. Daly 2006, section 4, with what is said there of time rather than of work.
    """
    rate = 1 / np.asarray(mean_time, float)
    period = mean_time + np.asarray(detection, float)
    return interval * np.exp(-rate * restart) / np.expm1(rate * (np.asarray(interval, float) + stall)) / period
