"""One root cause, whatever else a run left; what only follows is no cause, and UNKNOWN where nothing tells it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from seatrial.diagnose import diagnose
from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import Heartbeat, Restart, RunEnd, RunStart
from seatrial.findings import Finding, Verdict
from seatrial.rank.lines import failure
from seatrial.runs import State
from seatrial.standing import Phase, Standing, Submission
from tests.diagnose.made import RECORDED, content, dump, entry, left, recorded, traceback
from tests.stories import START, start, step, write_run

LOST_PEER = "RuntimeError: [pair.cc:553] Connection closed by peer [127.0.0.1]:7553"
GLOO_ABORT = "terminate called\n  what():  [enforce fail] op.preamble.length <= op.nbytes. 136 vs 68.\n"
GLOO_ABORT += 'Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n  File "a.py", line 7 in f'
WATCHDOG = "[E1128 ProcessGroupNCCL.cpp:685] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=41"


def named(found: Diagnosis) -> tuple[str, list[int]]:
    return found.cause.check.removeprefix("diagnose."), found.cause.scope.get("rank", [])


# --- errors, in time ---


def test_the_first_traceback_in_time_is_the_root() -> None:
    """Not that of the lowest rank, nor that of who ended first: rank 3 failed while it waited for rank 2 to be told."""
    logs = {
        "rank-0": traceback(LOST_PEER, rank=0, at=9.2),
        "rank-1": traceback("KeyError: 'step'", rank=1, at=9.1),
        "rank-2": traceback("ValueError: no such column", rank=2, at=9.0),
    }
    found = judge(left(reason="rank 1 ended with exit code 1", logs=logs))
    assert named(found) == ("error", [2])
    assert found.cause.evidence == "logs/rank-2.log:2"
    assert [one.observed for one in found.consequences] == [LOST_PEER, "KeyError: 'step'"]


def test_without_times_it_is_that_of_who_was_seen_to_end_first() -> None:
    logs = {f"rank-{rank}": traceback(f"ValueError: {rank}") for rank in range(3)}
    assert named(judge(left(reason="rank 1 ended with exit code 1", logs=logs))) == ("error", [1])


def test_only_lost_peers_are_no_cause() -> None:
    logs = {f"rank-{rank}": traceback(LOST_PEER, rank=rank, at=1.0) for rank in range(3)}
    found = judge(left(reason="rank 0 ended with exit code 1", logs=logs))
    assert found.cause.verdict is Verdict.UNKNOWN and not found.named
    assert found.cause.observed == "rank 0 ended with exit code 1; nothing says why"
    assert len(found.consequences) == 3


def test_an_error_of_the_attempt_before_is_not_this_ones() -> None:
    logs = {"rank-2": traceback("ValueError: of attempt 0", rank=2, at=1.5)}
    events = [(5.0, Restart(attempt=1, reason="rank 2 ended with exit code 1", rank=2)), (6.0, start(attempt=1))]
    assert judge(left(reason="rank 0 ended with exit code 1", logs=logs, events=events)).cause.verdict == "UNKNOWN"


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "device-memory"),
        ("XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 4 bytes", "device-memory"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried", "host-memory"),
        ("OSError: [Errno 28] No space left on device: '/fsx/a'", "disk"),
        ("OSError: [Errno 122] Disk quota exceeded", "disk"),
        ("OSError: [Errno 116] Stale file handle", "storage"),
        (
            "RuntimeError: unable to write to file </torch_1>: No space left on device (28), shared memory",
            "shared-memory",
        ),
        ("torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered", "device"),
        ("torch.AcceleratorError: CUDA error: an illegal memory access was encountered", "device-program"),
        ("RuntimeError: Detected mismatch between collectives on ranks. Rank 1 is running", "collective-mismatch"),
        ("RuntimeError: nrt_execute failed: NRT_EXEC_HW_ERR_NC_UE", "device"),
        ("KeyError: 'text'", "error"),
    ],
)
def test_what_errors_mean(error: str, rule: str) -> None:
    found = judge(left(reason="rank 0 ended with exit code 1", logs={"rank-0": traceback(error)}))
    assert named(found)[0] == rule
    assert found.cause.source and found.cause.remedy and found.cause.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "advice",
    [
        "CUDA kernel errors might be asynchronously reported at some other API call",
        "For debugging consider passing CUDA_LAUNCH_BLOCKING=1",
        "This could be caused by CUDA out of memory",
        "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions: CUDA error: device-side assert",
    ],
)
def test_advice_is_no_evidence(advice: str) -> None:
    assert judge(left(reason="rank 0 ended with exit code 1", logs={"rank-0": advice})).cause.verdict == "UNKNOWN"


def test_a_secret_in_an_error_is_masked() -> None:
    logs = {"rank-0": traceback("ValueError: bad token=hf_abcdefghijklmnopqrstuvwxyz")}
    assert "abcdefgh" not in judge(left(reason="rank 0 ended with exit code 1", logs=logs)).cause.observed


# --- signals ---


def test_a_bare_kill_has_no_cause_but_that_it_was_killed() -> None:
    logs = {"rank-0": traceback(LOST_PEER), "rank-1": "Killed"}
    found = judge(left(reason="rank 1 was killed by SIGKILL", logs=logs))
    assert named(found) == ("killed", [1])
    assert "memory" not in found.cause.observed


@pytest.mark.parametrize(
    "line",
    [
        "Memory cgroup out of memory: Killed process 4711 (python) total-vm:1kB",
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=17.0",
    ],
)
def test_a_kill_that_kernel_or_scheduler_confirm_is_memory(line: str) -> None:
    assert named(judge(left(reason="rank 1 was killed by SIGKILL", logs={"job": line})))[0] == "host-memory"


OOM = "the kernel's OOM killer ended 1 process of this memory cgroup (/sys/fs/cgroup/memory.events: oom_kill 1)"


def test_a_kill_that_the_launcher_saw_counted_is_memory_of_that_rank() -> None:
    logs = {"rank-0": traceback(LOST_PEER)}
    found = judge(left(reason=f"rank 1 was killed by SIGKILL; {OOM}", logs=logs))
    assert named(found) == ("host-memory", [1]) and "oom_kill 1" in found.cause.observed
    restart = [(1.5, Restart(attempt=1, reason=f"rank 1 was killed by SIGKILL; {OOM}", rank=1))]
    assert named(judge(left(state=State.COMPLETED, events=restart))) == ("host-memory", [1])


def test_who_tells_of_a_kill_is_not_who_was_killed() -> None:
    """As where no launcher watches: a rank that survived says so in its own log."""
    logs = {"rank-0": f"{OOM}\n{traceback(LOST_PEER)}"}
    assert named(judge(left(engine="FAILED: exit code 0:9", logs=logs))) == ("host-memory", [])


def test_a_data_worker_that_was_killed_is_memory_only_if_it_was_counted() -> None:
    error = traceback("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed. ", rank=1)
    reason = "rank 1 ended with exit code 1"
    assert named(judge(left(reason=reason, logs={"rank-1": error}))) == ("killed", [1])
    assert named(judge(left(reason=reason, logs={"rank-1": f"{OOM}\n{error}"}))) == ("host-memory", [1])


def test_a_fault_of_a_process_is_a_crash() -> None:
    log = 'Fatal Python error: Segmentation fault\n\nCurrent thread 0x1:\n  File "a.py", line 7 in f'
    assert named(judge(left(reason="rank 1 was killed by SIGSEGV", logs={"rank-1": log}))) == ("crash", [1])


def test_gloo_aborts_whoever_meets_the_mismatch_and_recorders_tell_whose_it_is() -> None:
    logs = {"rank-0": GLOO_ABORT, "rank-2": traceback(LOST_PEER)}
    found = judge(left(reason="rank 0 was killed by SIGABRT", logs=logs, dumps=recorded("shape")))
    assert named(found) == ("collective-mismatch", [1])


def test_who_lost_its_peer_may_be_seen_to_end_before_the_peer_that_aborts() -> None:
    """Writing its stacks takes the peer some time."""
    logs = {"rank-0": GLOO_ABORT, "rank-2": traceback(LOST_PEER, rank=2, at=1.5)}
    found = judge(left(reason="rank 2 ended with exit code 1", logs=logs, dumps=recorded("shape")))
    assert named(found) == ("collective-mismatch", [1])
    aborted = GLOO_ABORT.splitlines()[2:]
    found = judge(left(reason="rank 2 ended with exit code 1", logs=logs | {"rank-0": "\n".join(aborted)}))
    assert named(found) == ("crash", [0])


def test_where_the_others_agree_it_is_who_aborted() -> None:
    dumps = {rank: dump(rank, [entry(1, "gloo:all_reduce")]) for rank in (0, 1, 3)}
    found = judge(left(reason="rank 2 was killed by SIGABRT", logs={"rank-2": GLOO_ABORT}, dumps=dumps))
    assert named(found) == ("collective-mismatch", [2])


def test_without_recorders_a_mismatch_blames_nobody() -> None:
    found = judge(left(reason="rank 2 was killed by SIGABRT", logs={"rank-2": GLOO_ABORT}))
    assert named(found) == ("collective-mismatch", [])


# --- hangs ---


def test_a_hang_is_told_by_the_flight_recorders() -> None:
    found = judge(left(reason="rank 0 gave no sign of life for 8 s", dumps=recorded("absent")))
    assert named(found) == ("collective-missing", [2])
    found = judge(left(reason="rank 0 gave no sign of life for 8 s", dumps=recorded("skip")))
    assert named(found) == ("collective-mismatch", [1])


def test_a_watchdogs_time_out_is_a_consequence_if_anything_precedes_it() -> None:
    logs = {"rank-0": WATCHDOG, "rank-1": traceback("ValueError: no such column")}
    found = judge(left(reason="rank 0 ended with exit code 1", logs=logs))
    assert named(found) == ("error", [1])
    assert any("Watchdog" in one.observed for one in found.consequences)


def test_a_watchdogs_time_out_alone_is_no_cause() -> None:
    found = judge(left(reason="rank 0 ended with exit code 1", logs={"rank-0": WATCHDOG}))
    assert found.cause.verdict is Verdict.UNKNOWN
    waiting = [entry(1), entry(2, done=False)]
    dumps = {rank: dump(rank, waiting[: 1 if rank == 2 else 2]) for rank in range(4)}
    found = judge(left(reason="rank 0 ended with exit code 1", logs={"rank-0": WATCHDOG}, dumps=dumps))
    assert named(found) == ("collective-missing", [2])


STACK = """Thread 0x00007f (most recent call first):
  File "/x/seatrial/rank/flight.py", line 66 in wait
  File "/usr/lib/python3.11/threading.py", line 1002 in _bootstrap

Current thread 0x00007e (most recent call first):
  {frame}
  File "/home/a/train.py", line {line} in main
  File "/home/a/train.py", line 133 in <module>
"""
WAITS = 'File "/x/site-packages/torch/distributed/distributed_c10d.py", line 3252 in all_reduce'
READS = 'File "/x/site-packages/datasets/reader.py", line 5 in read'


def test_without_recorders_stacks_tell_who_stands_elsewhere() -> None:
    stacks = {rank: STACK.format(frame=READS if rank == 3 else WAITS, line=rank) for rank in range(4)}
    found = judge(left(reason="rank 0 gave no sign of life for 8 s", stacks=stacks))
    assert named(found) == ("hang", [3])
    assert "rank 3 stands in main (train.py:3)" in found.cause.observed


@pytest.mark.parametrize("frame", [READS, WAITS])
def test_stacks_that_are_alike_tell_nothing(frame: str) -> None:
    stacks = {rank: STACK.format(frame=frame, line=7) for rank in range(4)}
    assert judge(left(reason="rank 0 gave no sign of life for 8 s", stacks=stacks)).cause.verdict == "UNKNOWN"


def test_all_came_and_nobody_got_through_is_unknown_with_what_was_seen() -> None:
    dumps = {rank: dump(rank, [entry(1, done=False)]) for rank in range(4)}
    found = judge(left(reason="rank 0 gave no sign of life for 8 s", dumps=dumps))
    assert found.cause.verdict is Verdict.UNKNOWN
    assert "nobody got through" in found.consequences[0].observed


def test_dumps_that_cannot_be_read_are_told() -> None:
    found = judge(left(reason="rank 0 gave no sign of life for 8 s", unreadable=("stacks/gloo-rank-1: no pickle",)))
    assert "could not be read: stacks/gloo-rank-1" in found.cause.observed


# --- the run's own words, and its engine's ---


def test_a_loss_that_is_not_a_number() -> None:
    reason = "the loss of step 4 is not a finite number"
    found = judge(left(reason=reason, final=True, events=[(1.5, step(4, loss=math.nan))]))
    assert named(found) == ("not-finite", [])
    assert "step 4" in found.cause.observed


def test_input_that_the_program_refused() -> None:
    found = judge(left(final=True, reason="text:x: matches no file\n    check its folder"))
    assert named(found)[0] == "input"
    assert found.cause.observed == "text:x: matches no file"
    assert judge(left(final=True)).cause.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("OUT_OF_MEMORY: exit code 0:125", "host-memory"),
        ("BackoffLimitExceeded; pod a-0: OOMKilled, exit code 137", "host-memory"),
        ("FAILED: OutOfMemoryError: Container killed due to memory usage; exit code 137", "host-memory"),
        ("TIMEOUT: exit code 0:15", "time-limit"),
        ("DeadlineExceeded: Job was active longer than specified deadline", "time-limit"),
        ("FAILED: Job attempt duration exceeded timeout", "time-limit"),
        ("NODE_FAIL", "node"),
        ("PREEMPTED", "node"),
        ("BackoffLimitExceeded; pod a-0: Evicted: The node was low on resource", "node"),
        ("FAILED: Host EC2 (instance i-0a) terminated.", "node"),
    ],
)
def test_what_engines_say(words: str, rule: str) -> None:
    assert named(judge(left(state=State.FAILED, engine=words)))[0] == rule


@pytest.mark.parametrize("words", ["FAILED: exit code 1:0", "CANCELLED", "Completed", ""])
def test_an_engine_that_gives_no_cause_is_none(words: str) -> None:
    assert judge(left(state=State.FAILED, engine=words)).cause.verdict is Verdict.UNKNOWN


def test_a_time_limit_is_a_consequence_where_ranks_hung_or_failed_before() -> None:
    found = judge(left(engine="TIMEOUT", dumps=recorded("absent")))
    assert named(found) == ("collective-missing", [2])
    assert named(judge(left(engine="TIMEOUT", logs={"rank-1": traceback("ValueError: a")}))) == ("error", [1])


def test_a_run_that_was_lost_without_a_word_is_unknown() -> None:
    found = judge(left(state=State.LOST))
    assert found.cause.verdict is Verdict.UNKNOWN and "never said how it ended" in found.cause.observed


# --- nothing to explain, or a run that survived ---


@pytest.mark.parametrize("state", [State.COMPLETED, State.STOPPED])
def test_a_run_without_a_fault_names_no_cause(state: State) -> None:
    found = judge(left(state=state, logs={"rank-0": "CUDA error: device-side assert is the name of my dataset"}))
    assert found.cause.verdict is Verdict.PASS and not found.named and not found.consequences


def test_a_run_that_goes_on_is_unknown() -> None:
    assert judge(left(state=State.RUNNING)).cause.verdict is Verdict.UNKNOWN


def test_a_run_that_survived_a_kill_is_warned_of() -> None:
    restart = [(1.5, Restart(attempt=1, reason="rank 1 was killed by SIGKILL", rank=1))]
    found = judge(left(state=State.COMPLETED, events=restart))
    assert named(found) == ("killed", [1]) and found.cause.verdict is Verdict.WARN


def test_checkpoints_that_met_a_full_disk_are_warned_of() -> None:
    full = Finding(check="checkpoint.save", verdict=Verdict.WARN, observed="step 18: OSError: No space left on device")
    assert named(judge(left(state=State.COMPLETED, events=[(1.5, full)])))[0] == "disk"


# --- the folder ---


def test_a_folder_is_read_with_its_dumps_stacks_logs_and_engine(tmp_path: Path) -> None:
    run = write_run(tmp_path, [(0.0, start(world_size=4)), (1.0, step(1))], processes_per_node=4)
    for name in ("logs", "stacks", "heartbeats"):
        (run.path / name).mkdir()
    for path in (RECORDED / "absent").iterdir():
        (run.path / "stacks" / path.name).write_bytes(path.read_bytes())
    (run.path / "stacks" / "rank-2.txt").write_text(STACK.format(frame=READS, line=2))
    (run.path / "stacks" / "gloo-rank-3").write_bytes(b"?")
    standing = Standing(phase=Phase.ENDED, detail="TIMEOUT", failed=True)
    run.save_submission(Submission(name="a", cluster={}, standing=standing))
    found = diagnose(run)
    assert named(found) == ("collective-missing", [2])
    assert "rank 2 stands in main (train.py:2)" in found.cause.observed
    for path in (run.path / "stacks").iterdir():
        path.write_bytes(b"?")
    assert named(diagnose(run))[0] == "time-limit"


@pytest.mark.parametrize(
    "again", [Restart(attempt=1, reason="a"), Heartbeat(phase="start")], ids=["this machine", "an engine"]
)
def test_dumps_of_the_attempt_before_are_not_this_ones(tmp_path: Path, again: Any) -> None:
    reason = "rank 0 gave no sign of life for 9 s"
    events: list[Any] = [(0.0, start()), (1.0, again), (2.0, start(attempt=1))]
    run = write_run(tmp_path, [*events, (3.0, RunEnd(outcome="failed", step=1, reason=reason))])
    for name in ("logs", "stacks"):
        (run.path / name).mkdir()
    for rank in range(2):
        last = [] if rank else [entry(2, done=False)]
        old = [one | {"time_created_ns": int(START * 1e9)} for one in (entry(1), *last)]
        (run.path / "stacks" / f"gloo-rank-{rank}").write_bytes(content(old))
    assert diagnose(run).cause.verdict is Verdict.UNKNOWN


def test_a_failure_line_is_read_as_it_is_written() -> None:
    assert failure(3, START) == "seatrial: rank 3 failed at 2023-11-14T22:13:20.000000+00:00"
    assert left().log.of(RunStart)
