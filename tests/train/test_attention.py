"""Which kernel attention takes is seen once, and is what the call itself decides."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from seatrial.models import LLAMA
from seatrial.train.attention import FirstAttention
from seatrial.train.model import Llama, rotary_table

pytestmark = pytest.mark.torch


class Attention(torch.nn.Module):
    """As often as it is told, of one head."""

    def __init__(self, calls: int = 1, **how: float) -> None:
        super().__init__()
        self.calls, self.how = calls, how

    def forward(self, rows: Tensor) -> Tensor:
        for _ in range(self.calls):
            rows = F.scaled_dot_product_attention(rows, rows, rows, **self.how)
        return rows


def seen(model: torch.nn.Module, *inputs: Tensor) -> tuple[str, str]:
    """What it sees of a forward pass, after which nothing of it is left."""
    first = FirstAttention()
    first.watch(model)
    model(*(inputs or (torch.ones(1, 1, 8, 16),)))
    assert not model._forward_hooks and not model._forward_pre_hooks, "the hooks are gone"
    assert not torch.overrides._get_current_function_mode_stack(), "and the mode"
    return first.taken, first.possible


@pytest.mark.parametrize(
    ("allowed", "taken"), [(SDPBackend.FLASH_ATTENTION, "flash_attention"), (SDPBackend.MATH, "math")]
)
def test_what_is_allowed_is_taken_and_what_is_possible_is_told_beside_it(allowed: SDPBackend, taken: str) -> None:
    with sdpa_kernel(allowed):
        assert seen(Attention()) == (taken, "flash_attention")
        assert torch.backends.cuda.flash_sdp_enabled() is (taken != "math"), "it left the switches as they were"


def test_inputs_that_only_math_takes() -> None:
    """On CPUs no fused kernel has dropout."""
    assert seen(Attention(dropout_p=0.5)) == ("math", "math")


def test_of_several_calls_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    choice = torch._fused_sdp_choice
    monkeypatch.setattr(torch, "_fused_sdp_choice", lambda *args, **kwargs: asked.append(1) or choice(*args, **kwargs))
    seen(Attention(calls=5))
    assert len(asked) == 2


@pytest.mark.parametrize("switched", [nullcontext(), sdpa_kernel(SDPBackend.MATH)])
def test_the_reference_model(switched) -> None:
    config = LLAMA["tiny"]
    tokens = torch.zeros(1, 16, dtype=torch.int64)
    with switched:
        taken = seen(Llama(config), tokens, tokens, *rotary_table(config, 16, torch.device("cpu")))
    assert taken == ("flash_attention" if isinstance(switched, nullcontext) else "math", "flash_attention")


def test_without_attention_nothing_is_seen() -> None:
    assert seen(torch.nn.Linear(16, 16)) == ("", "")


def test_a_torch_that_cannot_be_asked_trains_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "_fused_sdp_choice")
    assert seen(Attention()) == ("", "")


def test_a_forward_pass_that_fails_leaves_nothing_behind() -> None:
    with pytest.raises(TypeError):
        seen(Attention(surprise=1.0))
    assert not torch.overrides._get_current_function_mode_stack()
