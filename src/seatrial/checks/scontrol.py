"""What `scontrol show` prints, whatever it is about."""

from __future__ import annotations

import re


def fields(record: str) -> dict[str, str]:
    """The ``KEY=value`` of one record; what follows a value with blanks, such as a node's OS, is passed over."""
    found: dict[str, str] = {}
    for key, value in re.findall(r"(?:^|(?<=\s))(\w+)=(\S*)", record):
        found.setdefault(key, value)  # the last one is a reason, in anybody's words
    return found
