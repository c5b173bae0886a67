"""Lines that tell how a run ended, and lines that only look like it."""

from __future__ import annotations

import pytest

from seatrial.reading import ends

FAILED = [
    "Traceback (most recent call last):",
    "  + Exception Group Traceback (most recent call last):",
    "RuntimeError: CUDA error: an illegal memory access was encountered",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
    "Fatal Python error: Segmentation fault",
    "terminate called after throwing an instance of 'c10::DistBackendError'",
    "Signal: Bus error (7)",
    "run.sh: line 9: 4711 Segmentation fault      (core dumped) python train.py",
    "run.sh: line 9: 4711 Killed                  python train.py",
    "Killed",
    "Bus error (core dumped)",
    "Aborted (core dumped)",
    "srun: error: gpu-7: task 12: Exited with exit code 1",
    "srun: error: gpu-7: task 12: Out Of Memory",
    "srun: Job step aborted: Waiting up to 32 seconds for job step to finish.",
    "slurmstepd: error: *** STEP 88.0 ON gpu-7 CANCELLED AT 2025-01-01T00:00:00 ***",
    "slurmstepd: error: *** JOB 88 ON gpu-7 CANCELLED AT 2025-01-01T00:00:00 DUE TO PREEMPTION ***",
    "slurmstepd: error: *** JOB 88 ON gpu-7 CANCELLED AT 2025-01-01T00:00:00 DUE TO NODE FAILURE ***",
    "slurmstepd: error: Detected 2 oom_kill events in StepId=88.0. Some of the step tasks have been OOM Killed.",
    "E0101 00:00:00.000000 88 torch/distributed/elastic/multiprocessing/api.py] failed (exitcode: -9) local_rank: 3",
    "W0101 00:00:00.000000 88 torch/distributed/elastic/api.py] Sending process 9 closing signal SIGTERM",
    "[Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9) ran for 600000 milliseconds",
    "[PG ID 0 PG GUID 0 Rank 3] Process group watchdog thread terminated with exception: CUDA error",
    "NVRM: Xid (PCI:0000:53:00): 79, pid=4711, GPU has fallen off the bus.",
    "Memory cgroup out of memory: Killed process 4711 (python)",
    "mpirun noticed that process rank 3 with PID 0 on node gpu-7 exited on signal 9 (Killed).",
    "MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD",
    "command terminated with exit code 137",
    "Error from server (NotFound): pods \"titan-0\" not found",
    "ERROR:composer.cli.launcher:Rank 1 crashed with exit code 1.",
    "[INFO] [launch.py:335:sigkill_handler] process 4711 exits with return code = 1",
    "pod titan-0: OOMKilled",
    "subprocess.CalledProcessError: Command '['python']' returned non-zero exit status 1.",
]  # fmt: skip
HARMLESS = [
    "[rank0]:[W101 ProcessGroupNCCL.cpp:1496] Warning: WARNING: destroy_process_group() was not called before exit",
    "CUDA out of memory detected. Train microbatch size will be decreased from 16 -> 8.",
    "process 4711 exits with return code = 0",
    "[launch.py:348:main] Process 4711 exits successfully.",
    "step: 10  loss: 5.0",
    "FutureWarning: torch.cuda.amp.GradScaler is deprecated",
    "NCCL INFO comm 0x55 rank 3 nranks 8 - Init COMPLETE",
    "number of errors: 0",
    "the connection was reset, retrying in 5 s: RuntimeError: timeout",
    "Process group destroyed",
    "kill_loss_spike: enabled",
    "room for 10 checkpoints",
]  # fmt: skip


@pytest.mark.parametrize("line", FAILED)
def test_it_ends_a_run(line: str) -> None:
    assert any(word in line.lower() for word in ends.WORDS), "or it is never looked at"
    assert ends.ends(line)


@pytest.mark.parametrize("line", HARMLESS)
def test_it_ends_none(line: str) -> None:
    assert not ends.ends(line)


def test_steps_that_go_on_may_have_waited_in_a_buffer_and_then_show_that_it_was_survived() -> None:
    watch = ends.Watch()
    watch.line(7, FAILED[0])
    for _ in range(ends.SURVIVED - 1):
        watch.step(again=False)
    assert watch.sign is not None and watch.survived is None
    watch.step(again=False)
    assert watch.sign is None and watch.survived is not None


def test_a_start_anew_or_a_step_that_is_repeated_ends_a_failure() -> None:
    for anew in (True, False):
        watch = ends.Watch()
        watch.line(7, FAILED[-1])
        if anew:
            watch.line(8, "loading checkpoint from /fsx/ckpt at iteration 40")
        watch.step(again=not anew)
        assert watch.sign is None and watch.survived is None


def test_the_last_line_of_a_traceback_says_more_than_its_first() -> None:
    watch = ends.Watch()
    watch.line(7, "[rank3]: Traceback (most recent call last):")
    watch.line(9, "[rank3]: ValueError: no such column")
    watch.line(11, "srun: error: gpu-7: task 3: Exited with exit code 1")
    assert str(watch.sign) == "line 9: 'ValueError: no such column'"


def test_a_good_end_is_that_of_all_processes_and_behind_the_newest_step() -> None:
    watch = ends.Watch()
    watch.line(1, "process 811 spawned with command: ['python']")
    watch.line(2, "process 812 spawned with command: ['python']")
    watch.line(3, "Process 811 exits successfully.")
    assert not watch.succeeded
    watch.line(4, "Process 812 exits successfully.")
    assert watch.succeeded
    watch.step(again=False)
    assert not watch.succeeded
