"""The environment of the frameworks: the developer's own, made on first use."""

from __future__ import annotations

import pytest

from seatrial import environments


@pytest.fixture(scope="session")
def frameworks() -> str:
    """Path of the Python that has torchtitan, megatron-core, Composer and what they need."""
    with pytest.MonkeyPatch.context() as patch:
        # As for the commands that tests start: see clean_environment.
        patch.delenv("SEATRIAL_ENVIRONMENTS", raising=False)
        return str(environments.python(environments.ensure("pytorch")))
