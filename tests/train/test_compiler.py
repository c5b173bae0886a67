"""What torch.compile says of itself, by really compiling: without C++, by its backend `eager`."""

from __future__ import annotations

import sys

import pytest
import torch

from seatrial.train import compiler

pytestmark = pytest.mark.torch


class Function(torch.nn.Module):
    """Compiled anew for each name; it may look at its numbers, or print."""

    def __init__(self, *, looks: bool = False, prints: bool = False) -> None:
        super().__init__()
        self.name, self.looks, self.prints = "", looks, prints
        self.compile(backend="eager", dynamic=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.looks and x.sum() > 0:
            x = x + 1
        if self.prints:
            print("nothing")
        return x + (self.name == "none")


@pytest.fixture(autouse=True)
def afresh():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def test_a_graph_is_made_once() -> None:
    function, before = Function(), compiler.seconds()
    for _ in range(3):
        function(torch.ones(2))
        assert (compiler.graphs(), compiler.eager()) == (1, {})
    assert compiler.seconds() > before
    before = compiler.seconds()
    function(torch.ones(2))
    assert compiler.seconds() == before, "nothing was compiled"


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("looks", "Data-dependent branching: Detected data-dependent branching"),
        ("prints", "Failed to trace builtin operator: Dynamo does not know how to trace builtin operator `print`"),
    ],
)
def test_a_graph_that_breaks(why: str, reason: str) -> None:
    """torch counts these two in different places."""
    Function(**{why: True})(torch.ones(2))
    [(said, count)] = compiler.eager().items()
    assert said.startswith(reason) and count == 1


def test_of_a_long_reason_the_beginning_is_kept() -> None:
    torch._dynamo.utils.counters["graph_break"] |= {
        f"{'why ' * 100}\nExplanation: long": 2,
        "why\nExplanation: b\nc": 3,
    }
    assert compiler.eager() == {("why " * 100)[: compiler.MAX_REASON]: 2, "why: b": 3}


def test_a_function_that_is_given_up() -> None:
    function = Function()
    for number in range(12):
        function.name = str(number)
        function(torch.ones(2))
    [reason] = compiler.eager()
    assert "recompile limit" in reason and compiler.graphs() == 8


def test_where_nothing_compiled_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch._dynamo.utils")
    assert (compiler.seconds(), compiler.graphs(), compiler.eager()) == (0.0, 0, {})
    assert "torch._dynamo.utils" not in sys.modules
