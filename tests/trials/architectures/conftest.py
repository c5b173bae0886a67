"""The account of all these trials, and what the tests of one see of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.aws import clients
from tests.trials.architectures import tools
from tests.trials.architectures.account import Account, account


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with account(tmp_path_factory.mktemp("moto") / "log") as running:
        yield running


@pytest.fixture
def aws(server: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account in which nothing is, and nothing goes wrong."""
    clients._client.cache_clear()
    server.isolate(monkeypatch, tmp_path)
    tools.put_in_place(tmp_path / "tools", monkeypatch)
    server.reset()
    yield server
    server.reset()
