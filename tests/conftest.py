"""For all tests: the caller's environment does not count, and golden files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
UPDATE_GOLDEN = "SEATRIAL_UPDATE_GOLDEN"

RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK")
PREFIXES = ("MASTER_", "TORCHELASTIC_", "SLURM_", "SEATRIAL_", "HF_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may itself run inside a training job, or on the machine of someone with a token."""
    for name in list(os.environ):
        if name != UPDATE_GOLDEN and (name in RANK_VARIABLES or name.startswith(PREFIXES)):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with tests/golden/NAME, or writes it there: SEATRIAL_UPDATE_GOLDEN=1 pytest."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get(UPDATE_GOLDEN):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == expected, f"{path} differs; if that is meant: make goldens"

    return compare
