"""The case rates without processes: what is measured, and that it can be run forward and backward."""

from __future__ import annotations

import itertools
import math

import pytest

from seatrial.cases.rates import CASE, Args, check
from seatrial.spec import Layout


def test_neuron_is_refused_and_cpus_are_not():
    assert not list(check(Args(), Layout(nodes=1, processes_per_node=1, device="cpu")))
    assert "Neuron" in str(*check(Args(), Layout(nodes=1, processes_per_node=32, device="neuron")))


def test_the_recipe_tiny_measures_the_same_parts_as_the_whole():
    small, whole = CASE.recipe("tiny").args, CASE.recipe("whole").args
    assert small.sweeps == 1 and small.largest < whole.largest and small.dtype == whole.dtype


@pytest.fixture(scope="module")
def maker():
    import torch

    from seatrial.cases.rates.parts import Maker

    return Maker(torch.device("cpu"), torch.float32)


@pytest.mark.torch
class TestParts:
    def test_every_part_has_shapes_of_its_axes_also_at_the_smallest(self):
        from seatrial.cases.rates import sharding
        from seatrial.cases.rates.parts import AXES, shapes

        for name, axes in AXES.items():
            few, many = list(shapes(name, CASE.recipe("tiny").args.largest)), list(shapes(name, Args().largest))
            assert 2 <= len(few) < len(many) and set(few) < set(many)
            assert {len(shape) for shape in many} == {len(axes)}
        assert list(sharding.shapes(CASE.recipe("tiny").args.largest))

    def test_what_gradients_take_to_be_made_is_told_apart(self):
        import torch

        from seatrial.cases.rates.sharding import Unit

        seconds = itertools.count()
        unit, x = Unit(3, 192, torch.device("cpu")), torch.ones(4, requires_grad=True)
        unit(x, lambda: float(next(seconds))).backward(torch.ones(4))
        assert unit.making == 1.0
        assert [parameter.grad.shape for parameter in unit.held] == [(1, 64)] * 3 and x.grad.tolist() == [1.0] * 4

    def test_a_round_in_which_memory_was_touched_first_does_not_count_nor_which_rank_is_late(self, monkeypatch):
        from types import SimpleNamespace

        import torch

        from seatrial.cases.rates import measure

        monkeypatch.setattr(measure.dist, "all_reduce", lambda *_, **__: None)
        worker = SimpleNamespace(device=torch.device("cpu"), gather=lambda mine: [mine, [1.0] * len(mine)])
        rounds = iter([50.0, 1.0, 9.0, 2.0])  # the first warms up
        found = measure.measured(worker, lambda: {"norm": (seconds := next(rounds), 2 * seconds)}, least=0.0)
        assert found == {"norm": (1.5, 2.5)} and next(rounds, None) is None

    def test_of_all_sweeps_the_median_counts(self):
        from seatrial.cases.rates.measure import event

        told = event("norm", {(8192,): [(1.0, 6.0), (9.0, 5.0), (2.0, 1.0)]})
        assert (told.shapes, told.forward, told.backward) == ([[8192]], [2.0], [5.0])

    def test_no_product_is_larger_than_allowed(self):
        from seatrial.cases.rates.parts import shapes

        assert max(2 * math.prod(shape) for shape in shapes("product", 2**25)) == 2**25

    @pytest.mark.parametrize(
        ("name", "shape", "bytes_"),
        [
            ("product", (64, 32, 128), 4 * (64 * 32 + 32 * 128)),
            ("attention", (64, 32), 4 * 3 * 64 * 8 * 32),
            ("norm", (8192,), 4 * (8192 + 256)),
            ("activation", (8192,), 4 * 2 * 8192),
            ("rotation", (8192,), 4 * 8192),
            ("sum", (8192,), 4 * 2 * 8192),
            ("loss", (8192,), 4 * 8192),
            ("embedding", (8192,), 4 * 8192),
        ],
    )
    def test_a_part_is_of_its_shape_and_gives_all_its_inputs_gradients(self, maker, name, shape, bytes_):
        part = getattr(maker, name)(*shape)
        assert part.size == 3 * bytes_
        result = part.run()
        assert result.isfinite().all()
        if part.gradient is None:
            assert name == "sum" and not result.requires_grad
        else:
            result.backward(part.gradient)
            assert all(one.grad is not None and one.grad.isfinite().all() for one in part.inputs)

    def test_copies_are_as_many_as_layers_may_be_and_no_more_than_memory(self, maker):
        from seatrial.cases.rates.parts import TOGETHER, TOGETHER_BYTES, copies

        assert len(copies(maker, "norm", (8192,))) == TOGETHER
        large = copies(maker, "sum", (2**21,))
        assert sum(part.size for part in large) <= TOGETHER_BYTES and 1 <= len(large) < TOGETHER
        assert large[0].inputs[0] is not large[-1].inputs[0] or len(large) == 1
