"""What each launcher makes of each shape of a job is as it was."""

from __future__ import annotations

from dataclasses import fields

import pytest

from seatrial import launchers
from tests.compact import differences
from tests.conftest import GOLDEN
from tests.launchers.shapes import SHAPES, Shape
from tests.launchers.texts import own_text, pods_apart

CASES = [pytest.param(launcher, name, id=f"{launcher}-{name}") for launcher in SHAPES for name in SHAPES[launcher]]


def text(launcher: str, shape: Shape) -> str:
    return pods_apart(own_text(launchers.find(launcher).render(shape.job, shape.cluster, "run-1")))


def recorded(launcher: str, shape: Shape) -> str:
    """The text, or how it differs from that of the shape that this one is like."""
    if not shape.like:
        return text(launcher, shape)
    base = SHAPES[launcher][shape.like]
    return f"as {shape.like}, but:\n{differences(text(launcher, base), text(launcher, shape))}"


@pytest.mark.parametrize(("launcher", "name"), CASES)
def test_a_shape_is_rendered_as_it_was(launcher, name, golden):
    golden(f"launchers/{launcher}/{name}.txt", recorded(launcher, SHAPES[launcher][name]))


def test_every_launcher_has_shapes_and_every_golden_file_is_one_of_them():
    assert sorted(SHAPES) == launchers.names()
    there = {path.relative_to(GOLDEN / "launchers") for path in (GOLDEN / "launchers").rglob("*.*")}
    assert sorted(map(str, there)) == sorted(f"{case.values[0]}/{case.values[1]}.txt" for case in CASES)


@pytest.mark.parametrize("launcher", SHAPES)
def test_what_a_shape_is_like_stands_before_it_and_is_shorter_told_so(launcher):
    """Never in a circle: a change of both would not be seen."""
    shapes = list(SHAPES[launcher].items())
    for number, (name, shape) in enumerate(shapes):
        assert shape.like in ("", *(before for before, _ in shapes[:number])), name
        assert not shape.like or len(recorded(launcher, shape)) < len(text(launcher, shape)), name


@pytest.mark.parametrize("launcher", [name for name in SHAPES if launchers.find(name).hands_over])
def test_every_option_is_in_a_shape(launcher):
    """So that the text of a new one is seen. Those of this machine are for who watches the ranks: no text has them."""
    usual = launchers.find(launcher).Options()
    chosen = [shape.cluster.options for shape in SHAPES[launcher].values()]
    names = [field.name for field in fields(usual)]
    assert [n for n in names if all(getattr(options, n) == getattr(usual, n) for options in chosen)] == []


def test_no_two_shapes_have_the_same_text():
    texts = [text(launcher, shape) for launcher, shapes in SHAPES.items() for shape in shapes.values()]
    assert len(set(texts)) == len(texts) > 20
