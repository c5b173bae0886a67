"""Placeholders of packages that are not there: imported, subclassed and decorated with, but never run."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from seatrial.train.shims.stubs import stub


@pytest.fixture
def absent() -> Iterator[str]:
    """Name of a package that nobody has, stood in for."""
    name, finders = "absent_accelerator", list(sys.meta_path)
    stub(name)
    yield name
    sys.meta_path[:] = finders
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def test_its_modules_can_be_imported_however_deep(absent: str) -> None:
    package = importlib.import_module(absent)
    module = importlib.import_module(f"{absent}.language.extra")
    assert package.language.extra is module
    assert repr(module.exp) == "<placeholder for absent_accelerator.language.extra.exp>"


def test_it_decorates_configures_annotates_and_is_derived_from(absent: str) -> None:
    package: Any = importlib.import_module(absent)

    @package.autotune(configs=[package.Config({"BLOCK": 64}, num_warps=4)], key=["n"])
    @package.jit
    def kernel(n: package.constexpr) -> None: ...

    class Derived(package.Base):  # type: ignore[misc]
        answer = 42

    assert Derived().answer == 42
    assert Derived.__mro__ == (Derived, object)
    assert not isinstance(Derived(), (package.Base, int))
    with pytest.raises(
        RuntimeError, match=r"absent_accelerator.autotune\(\)\(\) was to be used, but absent_accelerator"
    ):
        kernel[(1,)](3)


@pytest.mark.parametrize(
    "use",
    [
        bool,
        len,
        iter,
        int,
        float,
        lambda x: x + 1,
        lambda x: 1 + x,
        lambda x: x == 1,
        lambda x: x < 1,
        lambda x: x[0],
        lambda x: x(5) * 2,
    ],
)
def test_it_has_no_value(absent: str, use: Any) -> None:
    with pytest.raises(RuntimeError, match="only a placeholder is there"):
        use(importlib.import_module(absent).next_power_of_2)


def test_it_has_no_version(absent: str) -> None:
    """So that nobody takes it for some release of the real thing."""
    with pytest.raises(AttributeError):
        _ = importlib.import_module(absent).__version__


def test_what_is_there_is_left_alone() -> None:
    finders = list(sys.meta_path)
    stub("json")
    stub("wave")  # installed, and not imported yet
    assert sys.meta_path == finders


def test_others_are_still_missing(absent: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{absent}_2")


TRITON = textwrap.dedent(
    """
    import importlib.util, torch
    installed = importlib.util.find_spec("triton") is not None
    from seatrial.train.shims.stubs import stub

    stub("triton")
    import triton, triton.language as tl
    import torch._inductor.ir, torch._inductor.runtime.triton_compat, torch.utils._triton, torch.utils.flop_counter

    assert torch.utils._triton.has_triton_package() == installed, "torch takes the placeholder for Triton"
    assert torch._inductor.runtime.triton_compat.HAS_TRITON == installed
    assert torch._inductor.ir.has_triton == installed
    """
)


@pytest.mark.torch
def test_torch_knows_that_there_is_no_triton() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", TRITON], check=True, timeout=200)
