"""What one step consists of: the dtype of its products, its attention, its graphs, and its collectives, by torch's
flight recorder.

Looked at once an attempt, past the warm-up: two dumps of the recorder, 20 ms each, and hooks that are gone after their
first call.
"""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import torch

from seatrial.events import StepContent
from seatrial.rank import flight
from seatrial.steady import WARM_UP
from seatrial.train import compiler
from seatrial.train.attention import FirstAttention

TRIES = 5
"""Steps that are looked at, at most: one in which a checkpoint was written or validated tells of that as well."""
PATIENCE = 32
"""Steps that may pass until there is one in which nothing was compiled; a bound of ours: torch.compile gives up a
function that it compiled 8 times."""
_SIZES = {"Float": 4, "Double": 8, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2}
"""Name of a dtype in the recorder -> bytes of a number; others have one."""


class StepContents:
    """Looks at the first step past the warm-up in which nothing but training happened."""

    def __init__(self) -> None:
        self.products = ""
        self.attention = FirstAttention()
        self._compiled = 0.0
        """Seconds of the compiler until the last step."""
        self._taken = 0
        """Steps of this attempt."""
        self._before: set[tuple[str, int]] | None = None
        """Collectives that were known when the step began; None: none is looked at."""
        self._tries = 0

    def watch(self, model: torch.nn.Module) -> None:
        """See what the first linear layer gives, and the first attention takes; not of compiled code, which a hook
        would have compiled again."""
        modules = [*model.modules()]
        if any(getattr(module, "_compiled_call_impl", None) is not None for module in modules):
            return
        self.attention.watch(model)
        linear = next((module for module in modules if isinstance(module, torch.nn.Linear)), None)
        if linear is None:
            return

        def see(_: torch.nn.Module, __: Any, result: torch.Tensor) -> None:
            self.products = str(result.dtype).removeprefix("torch.")
            hook.remove()

        hook = linear.register_forward_hook(see)

    def after_step(self, done: int, *, only_trained: bool) -> StepContent | None:
        """Step `done` is over: its content, if it is looked at. `only_trained`: it neither saved nor validated."""
        try:
            return self._look(done, only_trained=only_trained)
        except (LookupError, TypeError, ValueError, pickle.UnpicklingError):
            self._tries, self._before = TRIES, None  # a recorder of another torch: no reason to end a training
            return None

    def _look(self, done: int, *, only_trained: bool) -> StepContent | None:
        self._taken += 1
        if self._tries >= TRIES:
            return None
        before, self._before = self._before, None
        compiled, self._compiled = self._compiled, compiler.seconds()
        if self._taken <= WARM_UP or (self._compiled > compiled and self._taken < PATIENCE):
            return None
        if before is not None and only_trained:
            self._tries = TRIES
            return self._told(done, before)
        self._tries += 1
        self._before = {_key(entry) for entry in _entries()}
        return None

    def _told(self, step: int, before: set[tuple[str, int]]) -> StepContent:
        calls: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for entry in _entries():
            if _key(entry) not in before and not entry["is_p2p"]:
                name = f"{_operation(entry)} {'/'.join(dict.fromkeys(entry['input_dtypes']))}"
                calls[name] += 1
                sizes[name] += max(_bytes(entry, "input"), _bytes(entry, "output"))
        return StepContent(
            step=step,
            products=self.products,
            calls=dict(calls),
            bytes=dict(sizes),
            attention=self.attention.taken,
            attention_possible=self.attention.possible,
            graphs=compiler.graphs(),
            eager=compiler.eager(),
        )


def _entries() -> list[dict[str, Any]]:
    """Of all recorders, each with its kind."""
    known = {kind: pickle.loads(content)["entries"] for kind, content in flight.known().items() if content}
    return [entry | {"kind": kind} for kind, entries in known.items() for entry in entries]


def _key(entry: dict[str, Any]) -> tuple[str, int]:
    return entry["kind"], entry["record_id"]


def _operation(entry: dict[str, Any]) -> str:
    """``all_reduce`` of ``gloo:all_reduce``; FSDP's own names of what it gathers and scatters are the recorder's."""
    name = str(entry["profiling_name"]).rpartition(":")[2].strip("_")
    return {"allgather_base": "all_gather", "allreduce": "all_reduce"}.get(name, name.removesuffix("_base"))


def _bytes(entry: dict[str, Any], side: str) -> int:
    total = 0
    for shape, dtype in zip(entry[f"{side}_sizes"], entry[f"{side}_dtypes"], strict=False):
        total += _SIZES.get(dtype, 1) * torch.Size(shape).numel()
    return total
