"""Where a process stands, however it was started."""

from __future__ import annotations

import pytest

from seatrial.rank.place import Place, place

JOB = {"launch": "rank", "nodes": 2, "processes_per_node": 4}


@pytest.mark.parametrize(
    ("launch", "variables", "expected"),
    [
        ("rank", {"RANK": "6", "LOCAL_RANK": "2", "WORLD_SIZE": "8"}, Place(6, 2, 8)),
        ("mpi", {"RANK": "6", "LOCAL_RANK": "2", "WORLD_SIZE": "8"}, Place(6, 2, 8)),
        ("node", {"NODE_RANK": "1"}, Place(4, 0, 8)),
        # A PyTorchJob's operator counts nodes in RANK and WORLD_SIZE.
        ("node", {"NODE_RANK": "1", "RANK": "1", "WORLD_SIZE": "2"}, Place(4, 0, 8)),
        ("node", {"NODE_RANK": "1", "RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8"}, Place(5, 1, 8)),
        ("driver", {}, Place(0, 0, 8)),
        ("driver", {"NODE_RANK": "1"}, Place(0, 0, 8)),
    ],
    ids=[
        "rank",
        "mpi",
        "node",
        "node of a PyTorchJob",
        "rank that a node's process started",
        "driver",
        "driver anywhere",
    ],
)
def test_place(monkeypatch: pytest.MonkeyPatch, launch: str, variables: dict[str, str], expected: Place) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert place(JOB | {"launch": launch}) == expected


@pytest.mark.parametrize("launch", ["rank", "mpi", "node"])
def test_a_forgotten_variable_is_no_rank_0(launch: str) -> None:
    """Two ranks that take themselves for the first would both write."""
    with pytest.raises(KeyError):
        place(JOB | {"launch": launch})
