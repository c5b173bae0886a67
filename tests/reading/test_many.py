"""Many lines at once say what they say one after the other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import catalog, reading, steady
from seatrial.attempts import Attempts
from seatrial.cases.torchtitan.log import Reader
from seatrial.events import Event, Step, Timed
from seatrial.rank import lines
from seatrial.reading.kinds import BATCH
from seatrial.reading.thinning import ENDS, MOST

LINE = "{label}[titan] 2025-06-01 00:00:{step:02d},000 - root - INFO - step: {step:2d}  loss: {loss}  {rest}"
REST = "memory: 68.00GiB(86.00%)  tps: {tps}  tflops: 380.00  mfu: 39.00%"
OTHERS = [
    "gpu-3:4711 [3] NCCL INFO Channel 02/0 : 3[3] -> 5[5] [send]",
    "[titan] 2025-06-01 00:00:09,000 - root - INFO - validate step: 10  loss:  7.0000",
    "loading checkpoint from /fsx/ckpt at iteration 4",
    "RuntimeError: peer is gone",
    "[titan] 2025-06-01 00:00:09,000 - root - INFO - Training starts at step 3",
    "",
]
CASE, RECIPE = catalog.recipe("torchtitan/llama3-8b")
JOB, INSTANCE = reading.job(CASE, RECIPE)


def line(step: int, label: str = "0: ", loss: str = " 7.1000", tps: str = "6,700") -> str:
    return LINE.format(label=label, step=step, loss=loss, rest=REST.format(tps=tps))


LINES = st.builds(
    line,
    st.integers(1, 40),
    st.sampled_from(["0: ", "[rank3]:", "", "\x1b[36m"]),
    st.sampled_from([" 7.1000", "nan", "-1.0000"]),
    st.sampled_from(["6,700", "0"]),
)
LOGS = st.lists(
    st.one_of(
        LINES,
        st.integers(1, 40).map(line),
        st.tuples(LINES, st.integers(0, 160)).map(lambda torn: torn[0][: torn[1]]),
        st.tuples(LINES, LINES).map("".join),
        st.sampled_from(OTHERS),
    ),
    max_size=25,
)


def events(log: list[str]) -> list[tuple[float, Event]]:
    head = [line(1), *["another line"] * (BATCH - 1)]
    return reading.events(CASE, JOB, [*head, *log], 0.0, INSTANCE)


@given(st.one_of(LOGS, st.lists(LINES, max_size=6)))
@settings(deadline=None)
def test_it_is_the_same_line_by_line(log: list[str]) -> None:
    at_once = events(log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "many", lambda *_: None)
        assert repr(at_once) == repr(events(log))  # NaN is no NaN


@pytest.mark.parametrize("ranks", [1, 4])
def test_whole_lines_of_all_ranks_are_read_at_once(ranks: int) -> None:
    reader = Reader(CASE.Args(**JOB.args), 32)
    [*reader.read(lines.clean(line(1)))]
    found = reader.many([line(step, f"{rank}: ") for step in range(1, 20) for rank in range(ranks)], 1, 0)
    assert found is not None and [(at, step.step) for at, step in found] == [
        ((step - 1) * ranks, step) for step in range(2, 20)
    ]


def test_of_a_long_log_the_sums_the_ends_and_what_was_not_finite_stay() -> None:
    count = MOST * 4
    log = [line(step, tps=f"6,{step % 900:03d}", loss=f"{20 - step / count:.4f}") for step in range(1, count + 1)]
    log[count - 2 * BATCH] = line(count - 2 * BATCH + 1, loss="nan")
    steps = [event for _, event in reading.events(CASE, JOB, log, 0.0, INSTANCE) if isinstance(event, Step)]
    assert len(steps) < MOST + BATCH
    assert [step.step for step in steps[-ENDS:]] == list(range(count - ENDS + 1, count + 1))
    assert sum(math.isnan(step.loss) for step in steps) == 1
    batch = 32 * 8192
    seconds = sum(batch / (32 * (6000 + step % 900)) for step in range(1 + steady.WARM_UP, count + 1))
    seconds += batch / (32 * 6700) - batch / (32 * (6000 + (count - 2 * BATCH + 1) % 900))
    found = Attempts(Timed(0.0, event) for _, event in reading.events(CASE, JOB, log, 0.0, INSTANCE)).steady()
    assert found.steps == count - steady.WARM_UP and found.seconds == pytest.approx(seconds)
