"""What is made for each shape of each architecture: `make goldens` writes the files anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.architectures.deployments import EVERY_SHAPE, deployment, shapes
from tests.architectures.outline import outline


@pytest.mark.parametrize(("name", "shape"), EVERY_SHAPE)
def test_a_shape_is_as_it_was_looked_at(golden: Callable[[str, str], None], name: str, shape: str) -> None:
    golden(f"architectures/{name}-{shape}.txt", outline(deployment(name, shapes(name)[shape])))
