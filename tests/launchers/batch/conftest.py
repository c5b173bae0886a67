"""An AWS account of moto's server: one for each module, empty at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launchers.batch import aws
from tests.launchers.batch.aws import Account


@pytest.fixture(scope="module")
def shared_account() -> Iterator[Account]:
    with aws.opened() as account:
        yield account


@pytest.fixture
def account(shared_account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    aws.isolate(monkeypatch, tmp_path, shared_account.endpoint)
    shared_account.clear()
    return shared_account
