"""Whose machine this is does not count: no tracker of theirs is sent anything."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def no_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "WANDB_")):
            monkeypatch.delenv(name)
