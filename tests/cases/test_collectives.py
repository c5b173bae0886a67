"""The case collectives without processes: its rules, and that every wrong element is noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.cases.collectives import CASE, OPERATIONS, Args, check, names
from seatrial.spec import Layout

TWO = Layout(nodes=1, processes_per_node=2, device="cpu")


def problems(layout: Layout = TWO, **changes: Any) -> list[str]:
    args = replace(Args(), **changes)
    return [str(problem) for problem in (*args.problems(), *check(args, layout))]


def test_all_operations_are_swept_unless_some_are_chosen():
    assert names(Args().operations) == [*OPERATIONS] and problems() == []
    assert names(" all_reduce, sendrecv,") == ["all_reduce", "sendrecv"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"operations": "allreduce"}, "allreduce"),
        ({"operations": ","}, "names none"),
        ({"max_bytes": 4}, "4 is less than min_bytes, 8"),
        ({"step_factor": 1}, "step_factor: 1 is less than 2"),
        ({"iterations": 0}, "iterations: 0 is less than 1"),
        ({"slow_factor": 1.0}, "slow_factor"),
    ],
)
def test_what_cannot_be_swept_is_refused(changes, said):
    [problem] = problems(**changes)
    assert said in problem


def test_one_rank_and_trainium_are_refused():
    assert "needs 2" in problems(Layout(nodes=1, processes_per_node=1, device="cpu"))[0]
    assert "nccom-tests" in problems(Layout(nodes=1, processes_per_node=32, device="neuron"))[0]


def test_each_recipe_of_gpus_has_nodes_that_are_published_or_none():
    assert {recipe.instance_type for recipe in CASE.recipes if recipe.instance_type} == {
        "p4d.24xlarge",
        "p5.48xlarge",
        "p5en.48xlarge",
        "p6-b200.48xlarge",
        "p6-b300.48xlarge",
    }


@pytest.mark.torch
class TestData:
    """Elements are known beforehand, so that each wrong one is seen."""

    @pytest.mark.parametrize("name", OPERATIONS)
    @pytest.mark.parametrize("count", [2, 7])
    def test_right_elements_are_right_and_each_other_is_wrong(self, name: str, count: int) -> None:
        """Against the plainest reckoning there is, rank by rank."""
        import torch

        from seatrial.cases.collectives.operations import Operation, Ranks, values

        def made(rank: int) -> Operation:
            return Operation.of(name, 420, torch.float32, torch.device("cpu"), Ranks(rank, count))

        inputs = torch.stack([values(rank, 0, made(rank).source) for rank in range(count)])
        for rank in range(count):
            operation = made(rank)
            n = operation.elements
            must = {
                "all_reduce": lambda: inputs.sum(0),
                "broadcast": lambda: inputs[0],
                "all_gather": lambda: inputs.flatten(),
                "reduce_scatter": lambda rank=rank, n=n: inputs.sum(0)[rank * n : (rank + 1) * n],
                "all_to_all": lambda rank=rank, n=n: inputs[:, rank * n : (rank + 1) * n].flatten(),
                "sendrecv": lambda rank=rank: inputs[rank - 1],
            }[name]()
            assert torch.equal(operation._expected(0, operation.target), must)
            assert torch.equal(operation._expected(5, operation.target[5:9]), must[5:9])

    def test_sizes_are_counted_as_nccl_tests_does(self) -> None:
        import torch

        from seatrial.cases.collectives.operations import Operation, Ranks

        def made(name: str, size: int) -> Operation:
            return Operation.of(name, size, torch.float32, torch.device("cpu"), Ranks(0, 4))

        assert [(made(n, 1024).size, made(n, 1024).elements) for n in ("all_reduce", "all_gather")] == [
            (1024, 256),
            (1024, 64),
        ]
        gather, scatter = made("all_gather", 1024), made("reduce_scatter", 1024)
        assert (len(gather.source), len(gather.target)) == (64, 256) == (len(scatter.target), len(scatter.source))
        assert made("all_to_all", 8).size == 16  # an element for each rank at least
