"""Charts of Helm: which files are theirs."""

from __future__ import annotations

import itertools
import re
from pathlib import Path


def is_values(path: Path) -> bool:
    """The values of a chart stand in it, those that it has or those of one place."""
    return bool(re.match(r"values.*\.ya?ml$", path.name)) and (path.parent / "Chart.yaml").is_file()


def chart_of(path: Path) -> Path | None:
    """The folder of the chart that a template belongs to."""
    for place, folder in itertools.pairwise(path.parents):
        if place.name == "templates" and (folder / "Chart.yaml").is_file():
            return folder
    return None
