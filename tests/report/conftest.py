"""Run folders that tell a story."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from seatrial.runs import Run
from tests import stories


@pytest.fixture
def story() -> ModuleType:
    """The builders of tests.stories, for tests that tell a story of their own."""
    return stories


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Write a run's folder: make_run(events, name=, job fields that differ from JOB)."""
    return partial(stories.write_run, tmp_path)
