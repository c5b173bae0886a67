"""The software a case needs on the machine that trains."""

from __future__ import annotations

import importlib.util

from seatrial.errors import Problem
from seatrial.spec import Job


def missing(job: Job) -> list[Problem]:
    """Modules of `job` that this interpreter cannot import, each with the command that installs it."""
    return [
        Problem(f"the Python module {name} is not installed", job.case, "pip install 'seatrial[train]'")
        for name in job.requires
        if importlib.util.find_spec(name) is None
    ]
