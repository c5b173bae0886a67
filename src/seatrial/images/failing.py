"""Why an image was not made: of the causes that the user can repair the one that a program's log names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from seatrial.errors import Problem

LAST = 80
"""Lines in which a cause is looked for: before, something may have failed that was then tried again."""


class Cause(NamedTuple):
    """What the user can repair."""

    says: str
    """What a log says of it: a regular expression."""
    means: str
    remedy: str


def problem(what: str, causes: Iterable[Cause], lines: Sequence[str], log: Path, said: str, at: str = "") -> Problem:
    """`what` did not happen, with the first of the causes that the log's lines name, the step that it was at, the words
    that were `said` of it, and where the whole log is."""
    text = "\n".join(lines[-LAST:])
    cause = next((cause for cause in causes if re.search(cause.says, text)), None)
    means = f": {cause.means}" if cause else ""
    remedies = [cause.remedy] if cause else []
    at = at and f" at {at}"
    return Problem(f"{what}{means}{at}\n    {said}", "", "; ".join([*remedies, f"its log: {log}"]))
