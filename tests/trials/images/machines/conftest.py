"""Trials of machine images: with Debian's Packer and Ansible."""

from __future__ import annotations

import pytest

from tests.trials.images.machines.packer import missing


@pytest.fixture(scope="session", autouse=True)
def requirements() -> None:
    if lack := missing():
        pytest.skip(f"no template can be read here: {lack}")
