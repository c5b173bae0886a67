"""cfn-lint finds nothing in any shape; tests/trials/architectures tries combinations of all parameters."""

from __future__ import annotations

import pytest

from seatrial import architectures
from tests.architectures.deployments import deployment, shapes
from tests.architectures.linting import lint

EVERY = [(name, shape) for name in architectures.names() for shape in shapes(name)]


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_nothing_is_found_in_a_shape(name: str, shape: str) -> None:
    one = deployment(name, shapes(name)[shape])
    assert one.problems() == []
    assert lint(one) == []
