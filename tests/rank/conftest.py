"""For ranks without any framework: a rank, and a run's folder to start in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.rank.core import Rank
from tests.ranks import JOB, leaving_is_an_exception, making


@pytest.fixture
def make_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rank]]:
    """Makes a rank outside of any launcher."""
    with making(Rank, tmp_path / "run", monkeypatch) as make:
        yield make


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run's folder as the launcher leaves it for rank 0 of 1, to be started in: leaving is an exception."""
    folder = tmp_path / "a run"
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(JOB | {"args": {"steps": 3}}))
    variables = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "SEATRIAL_RUN": str(folder)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with leaving_is_an_exception(monkeypatch):
        yield folder
