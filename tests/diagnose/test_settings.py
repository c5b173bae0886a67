"""What was set up wrongly from the first step on, and what only looks like it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import Step, StepContent
from seatrial.runs import State
from tests.diagnose.made import left
from tests.stories import JOB, Events, start


def run(
    *,
    asked: str = "bf16",
    seen: str = "bfloat16",
    carried: int = 4_000_000,
    wait: float = 0.2,
    again: bool = False,
    needed: float = 4e6,
    attention: tuple[str, str] = ("", ""),
) -> Diagnosis:
    """Two ranks on GPUs; `again`: an attempt before it, of whose step the content is told."""
    begun = start(world_size=2, hosts=["a", "b"], dtype=asked, collective_bytes={"all_reduce": needed})
    sizes = {"all_reduce Float": carried, "all_gather Double": 64}
    content = StepContent(
        step=4,
        products=seen,
        calls={"all_reduce Float": 3},
        bytes=sizes,
        attention=attention[0],
        attention_possible=attention[1],
    )
    events: Events = [(0.1, begun), (0.2, content)]
    if again:
        events.append((0.3, replace(begun, attempt=1)))
    for n in range(1, 31):
        ranks = {"busy": [1.0, 1.0], "wait": [wait, wait + 0.1], "data_wait": [0.0, 0.0], "cpu": [0.3, 0.3]}
        events.append((1.0 + n, Step(step=n, loss=1.0, count=8, seconds=1.0, ranks=ranks)))
    return judge(left(state=State.COMPLETED, events=events, job=replace(JOB, device="cuda")))


@pytest.mark.parametrize(
    ("asked", "seen", "named"),
    [
        ("bf16", "float32", True),
        ("fp8", "float32", True),
        ("bf16", "bfloat16", False),
        ("fp8", "bfloat16", False),
        ("fp32", "float32", False),
        ("bf16", "", False),
        ("", "float32", False),
    ],
)
def test_the_dtype_of_products_against_what_was_asked_for(asked: str, seen: str, named: bool) -> None:
    found = run(asked=asked, seen=seen)
    assert (found.cause.check == "diagnose.precision") is named is found.named
    assert found.share is None, "how much faster the other dtype is depends on the shapes"


@pytest.mark.parametrize(
    ("taken", "possible", "named"),
    [
        ("math", "flash_attention", True),
        ("math", "cudnn_attention", True),
        ("math", "math", False),
        ("math", "", False),
        ("efficient_attention", "flash_attention", False),
        ("", "", False),
    ],
)
def test_attention_against_what_its_inputs_allow(taken: str, possible: str, named: bool) -> None:
    found = run(attention=(taken, possible))
    assert (found.cause.check == "diagnose.attention") is named is found.named
    assert found.share is None, "how much faster a fused kernel is depends on the lengths"


def test_what_an_earlier_attempt_did_does_not_count() -> None:
    assert not run(seen="float32", carried=10**8, again=True).named


@pytest.mark.parametrize(("carried", "named"), [(4_000_000, False), (5_900_000, False), (6_100_000, True)])
def test_more_is_sent_than_the_layout_needs(carried: int, named: bool) -> None:
    assert run(carried=carried).named is named


def test_of_a_tiny_model_the_requests_to_stop_are_not_too_much() -> None:
    assert not run(carried=12_000, needed=4_000).named
    assert run(carried=80_000, needed=4_000).named


def test_the_share_is_that_part_of_the_time_in_collectives() -> None:
    found = run(carried=8_000_000 - 64)
    assert found.cause.check == "diagnose.communication" and found.share == pytest.approx(0.1)
    assert found.cause.observed == (
        "the collectives of step 4 carry 8 MB, the layout needs 4 MB; most are 3 x all_reduce Float, 8 MB"
    )


def computing(*, threads: int | None = 1, cores: int = 8, cpu: float = 0.9, device: str = "cpu") -> Diagnosis:
    """One rank, whose step of a second takes so much CPU time."""
    events: Events = [(0.1, start(world_size=1, hosts=["a"], threads=threads))]
    for n in range(1, 31):
        ranks = {"busy": [1.0], "data_wait": [0.0], "cpu": [cpu]}
        events.append((1.0 + n, Step(step=n, loss=1.0, count=8, seconds=1.0, ranks=ranks)))
    job = replace(JOB, processes_per_node=1, threads_per_process=cores, device=device)  # type: ignore[arg-type]
    return judge(left(state=State.COMPLETED, events=events, job=job))


def test_one_thread_of_eight_cores() -> None:
    found = computing()
    assert found.cause.check == "diagnose.threads" and found.share == pytest.approx(0.9 * 7 / 8)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"threads": 8}, id="as many as there are cores"),
        pytest.param({"threads": None}, id="nobody tells"),
        pytest.param({"cores": 1}, id="one core is all that it has"),
        pytest.param({"cpu": 3.0}, id="other threads use the cores"),
        pytest.param({"cpu": 0.2}, id="it hardly computes"),
        pytest.param({"device": "cuda"}, id="the device computes"),
    ],
)
def test_where_threads_are_no_cause(changes: dict[str, object]) -> None:
    assert not computing(**changes).named  # type: ignore[arg-type]
