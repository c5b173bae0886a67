"""cfn-lint finds nothing in any combination of parameters, in several regions."""

from __future__ import annotations

import pytest

from seatrial import architectures
from tests.architectures.deployments import combinations, values
from tests.architectures.linting import lint


@pytest.mark.parametrize("name", architectures.names())
def test_nothing_is_found_in_any_combination(name: str) -> None:
    rendered = list(combinations(name))
    for parameter, choices in values(name).items():
        never = [one for one in choices if all(choice[parameter] != one for choice, _ in rendered)]
        assert never == [], f"{parameter}: every combination with one of these has a problem"
    found = {str(choice): lines for choice, one in rendered if (lines := lint(one))}
    assert found == {}
