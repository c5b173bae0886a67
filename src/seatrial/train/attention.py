"""Which kernel torch's scaled_dot_product_attention takes, and which it would take if nothing were switched off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

KERNELS = (
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.MATH,
)


class FirstAttention(TorchFunctionMode):
    """Looks at the first call in the first forward pass of a model; then it is gone.

    It asks what that call itself asks, torch._fused_sdp_choice (torch 2.13), with the same arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken = ""
        """Empty: not seen."""
        self.possible = ""

    def watch(self, model: torch.nn.Module) -> None:
        """Look at the next forward pass of `model`."""

        def begin(*_: Any) -> None:
            first.remove()
            self.__enter__()  # type: ignore[no-untyped-call]

        def end(*_: Any) -> None:
            last.remove()
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

        first = model.register_forward_pre_hook(begin)
        last = model.register_forward_hook(end, always_call=True)

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # whatever torch is called with goes through it
        kwargs = kwargs or {}
        if function is F.scaled_dot_product_attention and not self.taken:
            self._look(args, kwargs)
        return function(*args, **kwargs)

    def _look(self, args: Any, kwargs: Any) -> None:
        try:
            self.taken = _name(torch._fused_sdp_choice(*args, **kwargs))
            with sdpa_kernel([*KERNELS]):
                self.possible = _name(torch._fused_sdp_choice(*args, **kwargs))
        except (AttributeError, RuntimeError, TypeError, ValueError):
            pass  # another torch, or tensors that it cannot ask for: the call itself says what is wrong, if anything is


def _name(choice: int) -> str:
    """``flash_attention``; empty for none."""
    return next((name.lower() for name, kind in SDPBackend.__members__.items() if kind.value == choice), "")
