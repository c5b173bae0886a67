"""torch.cuda on a machine without CUDA: every "GPU" is the CPU, streams run in order, events tell the wall time.

Frameworks that were written for GPUs name the device in every tensor that they make. Here such a name means the CPU;
`torch.cuda.is_available()` stays False, so code that asks still takes its CPU path. What is not covered:
``with torch.device("cuda")``, ``torch.autocast("cuda")`` (torch disables it with a warning), CUDA graphs and memory
pools. Since all tensors are on one device, ``x.cuda()`` and ``x.cpu()`` are x itself, never a copy.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import importlib
import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils._device import _device_constructors

_LIKE = ("empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "randint_like")
_NEW = ("new_empty", "new_zeros", "new_ones", "new_full", "new_tensor", "new_empty_strided")
_TYPES = ("Half", "BFloat16", "Float", "Double", "Byte", "Char", "Short", "Int", "Long", "Bool")
_NOTHING = (
    "init", "_lazy_init", "set_device", "synchronize", "empty_cache", "ipc_collect", "set_stream",
    "reset_peak_memory_stats", "reset_max_memory_allocated",
)  # fmt: skip


def cuda_on_cpu() -> None:
    """Let torch.cuda and device="cuda" mean the CPU, in this process and for good; call it before the framework is
    imported. Does nothing where CUDA is there, or at a second call."""
    if torch.cuda.is_available() or torch.cuda.current_device is _current_device:
        return
    importlib.import_module("torch._dynamo")  # it sorts torch's functions by identity, and refuses one with two names
    _make_tensors_on_cpu()
    _move_tensors_to_cpu()
    _name_one_device()
    _share_the_generator()
    _run_streams_in_order()


def _make_tensors_on_cpu() -> None:
    # torch keeps this set of functions from its first use on: `with torch.device("meta")` needs the originals in it.
    for function in _device_constructors():
        owner = torch if getattr(torch, function.__name__, None) is function else None
        if owner is not None:
            setattr(torch, function.__name__, _on_cpu(function))
    for name in _LIKE:
        setattr(torch, name, _on_cpu(getattr(torch, name)))
    for name in _NEW:
        setattr(Tensor, name, _on_cpu(getattr(Tensor, name)))
    for name in _TYPES:
        setattr(torch.cuda, f"{name}Tensor", getattr(torch, f"{name}Tensor"))


def _on_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        if "device" in kwargs:
            kwargs["device"] = _cpu_for(kwargs["device"])
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        return function(*args, **kwargs)

    return made


def _cpu_for(device: Any) -> Any:
    """The CPU for any spelling of a CUDA device: ``cuda``, ``cuda:0``, 0, torch.device("cuda"). Others stay."""
    if isinstance(device, int) and not isinstance(device, bool):
        return torch.device("cpu")
    if isinstance(device, torch.device | str) and str(device).partition(":")[0] == "cuda":
        return torch.device("cpu")
    return device


def _move_tensors_to_cpu() -> None:
    to, type_ = Tensor.to, Tensor.type

    @functools.wraps(to)
    def moved(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if "device" in kwargs:
            kwargs["device"] = _cpu_for(kwargs["device"])
        return to(self, *map(_cpu_for, args[:1]), *args[1:], **kwargs)

    @functools.wraps(type_)
    def typed(self: Tensor, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if dtype is None:  # frameworks compare the name with torch.cuda.FloatTensor
            return str(type_(self)).replace("torch.", "torch.cuda.", 1)
        return type_(self, dtype.replace("torch.cuda.", "torch.") if isinstance(dtype, str) else dtype, *args, **kwargs)

    replacements: dict[str, Callable[..., Any]] = {
        "to": moved,
        "type": typed,
        "cuda": lambda self, *_, **__: self,
        "pin_memory": lambda self, *_, **__: self,
        "record_stream": lambda self, *_: None,
    }
    for name, replacement in replacements.items():
        setattr(Tensor, name, replacement)


def _current_device() -> int:
    return 0


def _name_one_device() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    properties = SimpleNamespace(name="cpu", major=0, minor=0, total_memory=memory, multi_processor_count=1)
    replacements: dict[str, Any] = {
        "current_device": _current_device,
        "get_device_name": lambda *_: "cpu",
        "get_device_capability": lambda *_: (0, 0),  # none: no kernel that asks for one is chosen
        "get_device_properties": lambda *_: properties,
        "mem_get_info": lambda *_: (memory, memory),
        "memory_stats": lambda *_: collections.defaultdict(int),
        "device": lambda *_: contextlib.nullcontext(),
        "_lazy_call": lambda call, **_: call(),  # else it is kept for a start of CUDA that never comes
    }
    replacements |= dict.fromkeys(_NOTHING, lambda *_, **__: None)
    for name, replacement in replacements.items():
        setattr(torch.cuda, name, replacement)


def _share_the_generator() -> None:
    """Operations on the CPU draw from the CPU's generator, so that is the "GPU's" too."""
    replacements: dict[str, Any] = {
        "get_rng_state": lambda *_, **__: torch.get_rng_state(),
        "get_rng_state_all": lambda: [torch.get_rng_state()],
        "set_rng_state": lambda state, *_, **__: torch.set_rng_state(state),
        "set_rng_state_all": _set_rng_state_all,
        "manual_seed": lambda seed: torch.default_generator.manual_seed(seed),
        "manual_seed_all": lambda seed: torch.default_generator.manual_seed(seed),
        "initial_seed": lambda: torch.initial_seed(),
    }
    for module in (torch.cuda, torch.cuda.random):
        for name, replacement in replacements.items():
            setattr(module, name, replacement)
    torch.cuda.default_generators = (torch.default_generator,)


def _set_rng_state_all(states: list[Tensor]) -> None:
    for state in states[:1]:  # Lightning, which asked whether there is CUDA, has none
        torch.set_rng_state(state)


class Event:
    """Like torch.cuda.Event, of work that is done when its call returns."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._moment = time.perf_counter()

    def record(self, stream: object = None) -> None:
        """Remember now."""
        self._moment = time.perf_counter()

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to another."""
        return (end._moment - self._moment) * 1e3

    def wait(self, stream: object = None) -> None:
        """Everything before it is done already."""

    def synchronize(self) -> None:
        """Everything before it is done already."""

    def query(self) -> bool:
        """Whether it is over: always."""
        return True


class Stream:
    """Like torch.cuda.Stream, of work that is done when its call returns."""

    cuda_stream = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        self.device = torch.device("cpu")

    def record_event(self, event: Event | None = None) -> Event:
        """An event of now."""
        event = event or Event()
        event.record()
        return event

    def wait_stream(self, stream: object) -> None:
        """Nothing is under way."""

    def wait_event(self, event: object) -> None:
        """Nothing is under way."""

    def synchronize(self) -> None:
        """Nothing is under way."""

    def query(self) -> bool:
        """Whether all is done: always."""
        return True


_STREAM = Stream()


@contextlib.contextmanager
def _stream(_: object) -> Iterator[None]:
    yield


def _run_streams_in_order() -> None:
    replacements: dict[str, Any] = {
        "Event": Event,
        "Stream": Stream,
        "stream": _stream,
        "current_stream": lambda *_: _STREAM,
        "default_stream": lambda *_: _STREAM,
        "is_current_stream_capturing": lambda: False,
    }
    for name, replacement in replacements.items():
        setattr(torch.cuda, name, replacement)
    for name in ("range_push", "range_pop", "mark"):
        setattr(torch.cuda.nvtx, name, lambda *_, **__: None)
    setattr(torch.cuda.nvtx, "range", lambda *_, **__: contextlib.nullcontext())  # noqa: B010, typed otherwise
