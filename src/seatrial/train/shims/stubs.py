"""Placeholders for packages that are not installed, so that what merely imports them can be imported.

A framework that writes its GPU kernels in Triton imports it even where none of them is ever run; Triton itself is a
gigabyte, and useless without a GPU. A placeholder lets itself be imported, subclassed and used as a decorator, which is
what happens while modules are imported. It refuses to be run, indexed, compared or asked whether it is true.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn


def stub(package: str) -> None:
    """From now on `package` and every module in it can be imported. Does nothing where it is installed."""
    if package in sys.modules or importlib.util.find_spec(package) is not None:
        return
    if package == "triton":
        _let_torch_see_that_there_is_no_triton()
    sys.meta_path.append(_Finder(package))


class Placeholder:
    """Any attribute of a package that is not there, by its full name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Placeholder:
        return Placeholder(_within(self._name, name))

    def __call__(self, *_: Any, **__: Any) -> Placeholder:
        return Placeholder(f"{self._name}()")  # @jit, @autotune(...), Config(...): they decorate and configure

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[type, ...]:
        return ()  # a class that derives from it derives from nothing

    def __instancecheck__(self, _: object) -> bool:
        return False  # nothing is an instance of what is not there

    def __repr__(self) -> str:
        return f"<placeholder for {self._name}>"

    def _refuse(self, *_: Any) -> NoReturn:
        package = self._name.partition(".")[0]
        raise RuntimeError(f"{self._name} was to be used, but {package} is not installed: only a placeholder is there")

    # A Triton kernel is launched by kernel[grid](...).
    __getitem__ = __iter__ = __len__ = __bool__ = __index__ = __int__ = __float__ = _refuse
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __mul__ = __rmul__ = __truediv__ = __floordiv__ = _refuse
    __hash__ = object.__hash__


class _Finder:
    """Finds the modules of one package, and is asked last."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, _: Sequence[str] | None = None, __: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] != self._package:
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type] # create and exec are all it takes

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Placeholder:
        return Placeholder(_within(self.__name__, name))


def _within(owner: str, name: str) -> str:
    """The full name of an attribute. Raises AttributeError for what Python itself asks everything for."""
    if name.startswith("__"):
        raise AttributeError(f"the placeholder {owner} has no {name}")
    return f"{owner}.{name}"


def _let_torch_see_that_there_is_no_triton() -> None:
    # Torch asks once and remembers. Had it not asked yet, it would take the placeholder for a Triton of some version.
    from torch.utils import _triton

    for name in ("_inductor.compile_fx", "_inductor.runtime.triton_compat", "utils.flop_counter"):
        importlib.import_module(f"torch.{name}")
    for name in vars(_triton):
        if name.startswith("has_"):
            getattr(_triton, name)()
