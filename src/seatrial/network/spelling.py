"""Names that no library reads: those that are nearly one that is read, and the rest."""

from __future__ import annotations

import functools
from itertools import pairwise

from seatrial.network.gone import GONE
from seatrial.network.names import KNOWN, SOURCES
from seatrial.network.readers import looks_own, reader

_WHOLE = ("NCCL_", "FI_EFA_", "OFI_NCCL_")
"""Prefixes of which every name that is read stands in our tables."""
_FILLING = frozenset({"USE", "EFA"})
"""Words that are often left out of a name."""


def prefix(name: str) -> str:
    """What of the known beginnings a name has; empty: none."""
    return next((one for one in SOURCES if name.startswith(one)), "")


def is_read(name: str) -> bool:
    """Some component reads it, or did so in an older release."""
    return name in KNOWN or name in GONE or reader(name) is not None


@functools.lru_cache(maxsize=1024)
def unread(name: str) -> bool:
    """No library reads it, as far as all that they read is known, and it does not look like a script's own."""
    return name.startswith(_WHOLE) and not is_read(name) and not looks_own(name)


@functools.lru_cache(maxsize=1024)
def meant_name(name: str) -> str | None:
    """The variable that is meant by a name that nobody reads: one of its words is misspelt, or left out; None: none, or
    more than one could be."""
    begin = prefix(name)
    if not begin or is_read(name) or looks_own(name.removeprefix(begin)):
        return None
    near = {known for known in KNOWN if known.startswith(begin) and _near(name, known)}
    return near.pop() if len(near) == 1 else None


def _near(written: str, known: str) -> bool:
    if written.replace("_", "") == known.replace("_", ""):
        return True
    ours, theirs = written.split("_"), known.split("_")
    if len(ours) != len(theirs):
        missing = [word for word in theirs if word not in ours]
        return len(theirs) == len(ours) + 1 and set(missing) <= _FILLING and [w for w in theirs if w in ours] == ours
    wrong = [(our, their) for our, their in zip(ours, theirs, strict=True) if our != their]
    return len(wrong) == 1 and _like(*wrong[0])


def _like(our: str, their: str) -> bool:
    """One letter more, less or other, or two that changed places. In short words any letter makes another word."""
    if min(len(our), len(their)) < 3 or max(len(our), len(their)) < 5 or abs(len(our) - len(their)) > 1:
        return False
    if len(our) != len(their):
        longer, shorter = sorted((our, their), key=len, reverse=True)
        return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
    differ = [at for at, (a, b) in enumerate(zip(our, their, strict=True)) if a != b]
    swapped = len(differ) == 2 and all(b - a == 1 for a, b in pairwise(differ)) and sorted(our) == sorted(their)
    return len(differ) == 1 or swapped
