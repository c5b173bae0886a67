"""The cpu-ddp case without processes: no dead setting, every rule, data that can be learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases.cpu_ddp import CASE, TRAINING_IMAGES, Args, check
from seatrial.errors import UserError
from seatrial.spec import Layout
from tests.clusters import LOCAL

TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    "name", ["steps", "global_batch_size", "hidden_size", "validation_every", "checkpoint_every", "log_every"]
)
def test_counts_begin_at_1(name: str) -> None:
    assert problems(**{name: 0}) == [f"{name}: 0 is less than 1"]


def test_the_batch_divides_by_the_ranks() -> None:
    assert problems(global_batch_size=63) == ["global_batch_size: 63 does not divide by 2 ranks"]
    assert problems(Layout(nodes=2, processes_per_node=4, device="cpu"), global_batch_size=64) == []


def test_the_batch_is_not_more_than_all_images() -> None:
    expected = [f"global_batch_size: 1438 is more than the {TRAINING_IMAGES} images"]
    assert problems(global_batch_size=1438) == expected
    assert problems(global_batch_size=1436) == []


def test_all_problems_come_at_once() -> None:
    with pytest.raises(UserError) as caught:
        bind(CASE, TINY, LOCAL, settings={"steps": "0", "global_batch_size": "1501"})
    assert [problem.where for problem in caught.value.problems] == ["steps", "global_batch_size", "global_batch_size"]


def test_the_workload_counts_the_network() -> None:
    layers = [(64, 24), (24, 24), (24, 10)]
    workload = CASE.workload(replace(TINY.args, hidden_size=24), TWO_RANKS)
    assert workload is not None and workload.parameters == sum(wide * out + out for wide, out in layers)


@pytest.mark.torch
class TestData:
    """What the system that this replaces got wrong: it had one class, and so nothing to learn."""

    def test_images_are_shuffled_by_the_seed_and_keep_their_labels(self) -> None:
        from sklearn.datasets import load_digits

        from seatrial.cases.cpu_ddp.train import digits

        images, labels = digits(0)
        assert (tuple(images.shape), tuple(labels.shape)) == ((1797, 64), (1797,))
        assert (float(images.min()), float(images.max())) == (0.0, 1.0)
        original = {(tuple(image), int(label)) for image, label in zip(*load_digits(return_X_y=True), strict=True)}
        assert {
            (tuple(image), int(label)) for image, label in zip((images * 16).tolist(), labels, strict=True)
        } == original
        assert labels.equal(digits(0)[1])
        assert not labels.equal(digits(1)[1])

    def test_both_parts_have_every_class(self) -> None:
        from seatrial.cases.cpu_ddp.train import digits

        _, labels = digits(0)
        assert set(labels[:TRAINING_IMAGES].tolist()) == set(labels[TRAINING_IMAGES:].tolist()) == set(range(10))

    def test_an_epoch_shows_each_image_at_most_once_and_the_next_in_another_order(self) -> None:
        from seatrial.cases.cpu_ddp.train import batch_indices

        args = Args(global_batch_size=100)
        epochs = [[batch_indices(args, 14 * epoch + step) for step in range(14)] for epoch in range(2)]
        for batches in epochs:
            seen = [int(index) for batch in batches for index in batch]
            assert len(seen) == len(set(seen)) == 1400
            assert 0 <= min(seen) <= max(seen) < TRAINING_IMAGES, "none is held out for the accuracy"
        assert not epochs[0][0].equal(epochs[1][0])
        assert batch_indices(args, 5).equal(epochs[0][5]), "any step can be the first"
        assert not batch_indices(replace(args, seed=1), 5).equal(epochs[0][5])

    def test_the_whole_batch_is_used_at_any_batch_size(self) -> None:
        from seatrial.cases.cpu_ddp.train import batch_indices

        for size in (1, 64, TRAINING_IMAGES):
            assert {len(batch_indices(Args(global_batch_size=size), step)) for step in range(40)} == {size}
