"""Trackers, each one value TRACKER in a module here: where people who train look at their runs."""

from __future__ import annotations

import pkgutil

from seatrial import loading
from seatrial.errors import UserError, unknown
from seatrial.observe.trackers._senders import Senders, unwritable
from seatrial.observe.trackers._tracker import Sink, Tracker

__all__ = ["Senders", "Sink", "Tracker", "find", "names", "unwritable"]


def names() -> list[str]:
    """Names of all trackers, without importing them."""
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]


def find(name: str, where: str = "") -> Tracker:
    """The tracker of that name. Raises UserError with the nearest names; `where` it was asked for."""
    if name not in names():
        raise UserError(unknown("tracker", name, names(), where))
    found: Tracker = loading.module(f"{__name__}.{name}").TRACKER
    return found
