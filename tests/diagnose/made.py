"""Dumps and what runs leave, made for tests. Of gloo's form; NCCL's after what torch 2.13's ProcessGroupNCCL writes."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.diagnose import dumps
from seatrial.diagnose.dumps import Dump
from seatrial.diagnose.left import Left
from seatrial.diagnose.tracebacks import Line
from seatrial.events import EventLog, RunEnd, Timed
from seatrial.findings import Finding, Verdict
from seatrial.runs import State
from tests.stories import JOB, START, Events, start, step

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> dict[int, Dump]:
    """The dumps of a folder, by rank."""
    paths = sorted((RECORDED / name).glob("gloo-rank-*"))
    numbers = [int(path.name.removeprefix("gloo-rank-")) for path in paths]
    return {rank: dumps.read(path.read_bytes(), rank) for rank, path in zip(numbers, paths, strict=True)}


def entry(number: int, name: str = "nccl:all_reduce", *, done: bool = True, group: str = "0", **changes: Any) -> Any:
    """One collective as a recorder writes it."""
    return {
        "record_id": number,
        "pg_id": 0,
        "process_group": (group, "default_pg"),
        "collective_seq_id": number,
        "p2p_seq_id": 0,
        "op_id": number,
        "profiling_name": name,
        "time_created_ns": int((START + number) * 1e9),
        "input_sizes": [[1000]],
        "input_dtypes": ["Float"],
        "output_sizes": [[1000]],
        "output_dtypes": ["Float"],
        "state": "completed" if done else "started",
        "retired": done,
        "is_p2p": False,
        "timeout_ms": 600000,
    } | changes


def content(entries: Sequence[Any], members: Mapping[str, Sequence[int]] | None = None) -> bytes:
    """A dump as it stands in a file."""
    config = {name: {"name": name, "desc": "", "ranks": str([*ranks])} for name, ranks in (members or {}).items()}
    record = {"version": "2.10", "pg_config": config, "pg_status": {}, "entries": [*entries]}
    return pickle.dumps(record, protocol=2)


def dump(rank: int, entries: Sequence[Any], members: Mapping[str, Sequence[int]] | None = None) -> Dump:
    """The same, read."""
    return dumps.read(content(entries, members), rank, f"stacks/nccl-rank-{rank}")


def left(
    *,
    state: State = State.FAILED,
    reason: str = "",
    events: Events | None = None,
    logs: Mapping[str, str] | None = None,
    final: bool = False,
    **changes: Any,
) -> Left:
    """What a run left; `reason` is what its end says, `logs` are texts by rank, or by name."""
    told = [(0.0, start()), (1.0, step(1)), *(events or [])]
    if reason:
        rule = "run.hang" if "no sign" in reason else "run.rank-died"
        told.append((2.0, Finding(check=rule, verdict=Verdict.FAIL, observed=reason)))
    if state in (State.FAILED, State.COMPLETED, State.STOPPED):
        told.append((3.0, RunEnd(outcome=state.value, step=1, reason=reason, final=final)))
    lines = {}
    for name, text in (logs or {}).items():
        number = name.removeprefix("rank-")
        rank = int(number) if number.isdigit() else None
        lines[f"logs/{name}.log"] = [Line(line, rank) for line in text.splitlines()]
    log = EventLog([Timed(START + moment, event) for moment, event in told])
    job = changes.pop("job", replace(JOB, processes_per_node=4))
    return Left(job=job, log=log, state=state, logs=lines, **changes)


def traceback(error: str, *, rank: int = 0, at: float | None = None) -> str:
    """What a rank leaves in its log; `at`: seconds after START."""
    from seatrial.rank.lines import failure

    told = [failure(rank, START + at)] if at is not None else []
    return "\n".join([*told, "Traceback (most recent call last):", '  File "train.py", line 7, in main', error])
