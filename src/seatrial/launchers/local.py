"""This machine: a job's programs, started directly and watched until the last one has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from seatrial import environments
from seatrial.cluster import Cluster, LauncherOptions
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.events import CheckpointSaved, Event, EventLog, EventWriter, Restart, RunEnd, Step, StopRequested
from seatrial.findings import Rule, Severity, Verdict
from seatrial.interrupts import Interrupts
from seatrial.job import PROGRAM, Job
from seatrial.launchers import _ranks
from seatrial.launchers._launcher import Launcher, Supervisor
from seatrial.launchers._machine import check, this_machine
from seatrial.launchers._processes import Failure, Group, Program
from seatrial.plan import Command, Plan
from seatrial.runs import Run
from seatrial.variables import CPU_TUNING

RUN_FOLDER = "{run}"
"""Stands in a plan for the run's folder, which gets its name when the plan is executed."""
FREE_PORT = "{port}"
"""Stands in a plan for a TCP port that is free when the plan is executed."""

# Variables by which an outer launcher would reach into ours: a run inside an srun, torchrun or mpirun shell must not
# believe that it belongs to them.
OUTER_NAMES = {
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "NNODES", "NPROC_PER_NODE", "MASTER_ADDR",
    "MASTER_PORT",
}  # fmt: skip
OUTER_PREFIXES = ("TORCHELASTIC_", "GROUP_", "ROLE_", "SLURM_", "PMI_", "PMIX_", "OMPI_", "SEATRIAL_")
KEPT_NAME = "SEATRIAL_DATA"
"""The user's own choice of a folder of data sets, which ranks follow."""

GRACE = 60.0
"""Seconds that ranks get to write a checkpoint after a request to stop, before they are killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """Options of this machine."""

    max_restarts: int = 1
    """Times that all ranks of a job that keeps checkpoints are started again after one of them died."""
    hang_seconds: float = 300.0
    """Seconds without a sign of life after which a rank hangs."""


def check_options(options: Options) -> Iterable[Problem]:
    """What is wrong with the options alone."""
    if options.max_restarts < 0:
        yield Problem(f"{options.max_restarts} is less than 0", "max_restarts")
    yield from _ranks.check_hang(options.hang_seconds)


def check_job(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """What keeps this job from running here, beside what `bind` looks at."""
    if job.launch == "mpi":
        remedy = "run it on a cluster with Slurm, or on Kubernetes as an MPIJob"
        yield Problem("nothing here starts an MPI program", job.case, remedy)


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    """The processes of a job: a command for each rank, for each node, or one for the whole job. Pure.

    Raises UserError with everything that `check_job` finds.
    """
    problems = list(check_job(job, cluster))
    if problems:
        raise UserError(problems)
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": FREE_PORT,
        "OMP_NUM_THREADS": str(job.threads_per_process),
        **(CPU_TUNING if job.device == "cpu" else {}),
        "SEATRIAL_RUN": RUN_FOLDER,
        "SEATRIAL_HEARTBEATS": "1",
    }
    argv = ("python", *_ranks.program(job, f"{RUN_FOLDER}/{PROGRAM}"))
    commands = tuple(Command(argv=argv, env=place | common, title=title) for title, place in _places(job))
    return Plan(files={"job.json": job.to_json(), **_ranks.planned(job)}, commands=commands)


def _places(job: Job) -> Iterator[tuple[str, dict[str, str]]]:
    """Every program of a job: what it is called, and what it is told of its place."""
    if job.launch == "rank":
        for rank in range(job.world_size):
            local = rank % job.processes_per_node
            yield f"rank {rank}", {"RANK": str(rank), "LOCAL_RANK": str(local), "WORLD_SIZE": str(job.world_size)}
        return
    scale = {"NNODES": str(job.nodes), "NPROC_PER_NODE": str(job.processes_per_node)}
    if job.launch == "driver":
        yield "driver", scale | {"NODE_RANK": "0"}
        return
    for node in range(job.nodes):
        yield f"node {node}", scale | {"NODE_RANK": str(node)}


def execute(plan: Plan, run: Run, cluster: Cluster, on_tick: Callable[[], None]) -> int:
    """Start a plan's programs and watch them to the end. Returns an ExitCode.

    If one dies or hangs the others are stopped at once, and all start again, to go on from the last complete
    checkpoint, as often as the cluster's options say; not if no step was done since the start, for then the next
    attempt would only fail in the same way. `on_tick` is called several times a second. SIGINT and SIGTERM ask for a
    checkpoint and an end; a second one kills.
    """
    options: Options = cluster.options
    job, attempt = run.job, run.events().attempts()
    restarts = options.max_restarts if job.resumable else 0
    run.claim()
    events = EventWriter(run.events_path)

    def on_stop(signal: str) -> None:
        _note(events, StopRequested(signal=signal))
        on_tick()

    try:
        with Interrupts() as interrupts:
            while True:
                steps_before = len(run.events().of(Step))
                group = Group(_programs(plan, run, attempt), run, options.hang_seconds, GRACE, on_stop)
                failure = group.watch(interrupts, on_tick)
                on_tick()
                if failure is None:
                    return _exit_code(group.exit_codes())
                progressed = len(run.events().of(Step)) > steps_before
                again = restarts > 0 and progressed and failure.worth_a_restart
                if failure.exit_code != ExitCode.STOPPED:
                    _record(events, run, failure, again=again)
                if not again:
                    _end(events, run, failure)
                    return failure.exit_code
                attempt, restarts = attempt + 1, restarts - 1
                _note(events, Restart(attempt=attempt, reason=failure.reason, rank=failure.rank))
    finally:
        events.close()
        run.release()


def cancel(run: Run) -> None:
    """Ask a run on this machine to write a checkpoint and stop, and wait until it has."""
    owner = run.supervisor()
    if owner is None:
        return
    os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + GRACE + 10
    while run.supervisor() == owner and time.monotonic() < deadline:
        time.sleep(0.05)  # it is not our child: there is nothing to wait on


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _programs(plan: Plan, run: Run, attempt: int) -> list[Program]:
    """The plan's commands with what only the moment of starting can know, each with the ranks that it is or starts."""
    job = run.job
    python, ranks_each = environments.interpreter(job), job.world_size // len(plan.commands)
    values = {RUN_FOLDER: str(run.path.resolve()), FREE_PORT: str(free_port())}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name == KEPT_NAME or (name not in OUTER_NAMES and not name.startswith(OUTER_PREFIXES))
    }
    # Unbuffered, so that a killed rank's last words are kept.
    inherited |= {"PYTHONUNBUFFERED": "1", "SEATRIAL_ATTEMPT": str(attempt), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    return [
        Program(
            name=command.title,
            argv=(python, *(word.replace(RUN_FOLDER, values[RUN_FOLDER]) for word in command.argv[1:])),
            env=inherited | {name: values.get(value, value) for name, value in command.env.items()},
            ranks=range(number * ranks_each, (number + 1) * ranks_each),
        )
        for number, command in enumerate(plan.commands)
    ]


RANK_DIED = Rule(
    id="run.rank-died",
    verdicts=(Verdict.WARN, Verdict.FAIL),
    reads="how the ranks' processes end",
    expected="every rank runs to the end",
    why="the others wait for it in their next collective, so they are stopped, and what was done since the last "
    "checkpoint is done again",
    remedy="seatrial logs: what the rank printed last",
    source="docs/local.md",
    severity=Severity.MONITOR,
    good="rank 1 ended with exit code 0",
    bad="rank 1 was killed by SIGKILL",
)
HANG = Rule(
    id="run.hang",
    verdicts=(Verdict.WARN, Verdict.FAIL),
    reads="the ranks' heartbeats",
    expected="every rank runs to the end",
    why="ranks that wait for each other without end cost as much as ranks that train",
    remedy="read the stacks: the rank that stands elsewhere than the others is the cause",
    source="docs/local.md",
    severity=Severity.MONITOR,
    good="every rank gave a sign of life within the last 30 s",
    bad="rank 1 gave no sign of life for 300 s",
)


def _record(events: EventWriter, run: Run, failure: Failure, *, again: bool) -> None:
    only = "" if failure.rank is None else f" --rank {failure.rank}"
    _note(
        events,
        (HANG if failure.hang else RANK_DIED).finding(
            Verdict.WARN if again else Verdict.FAIL,
            failure.reason,
            evidence="stacks/" if failure.hang else failure.log,
            remedy="" if failure.hang else f"seatrial logs {run.id}{only}",
        ),
    )


def _note(events: EventWriter, event: Event) -> None:
    with contextlib.suppress(OSError):  # a full disk is no reason to leave ranks alone
        events.write(event)


def _end(events: EventWriter, run: Run, failure: Failure) -> None:
    """Say how the run ended, if no rank could."""
    log = run.events()
    if log.end() is None:
        outcome = "stopped" if failure.exit_code == ExitCode.STOPPED else "failed"
        done = max((step.step for step in log.of(Step)), default=0)
        _note(events, RunEnd(outcome=outcome, step=done, reason=f"{failure.reason}{_lost(log, done)}"))


def _lost(log: EventLog, done: int) -> str:
    """Which steps will have to be done again."""
    saved = max((checkpoint.step for checkpoint in log.of(CheckpointSaved)), default=0)
    return f"; steps {saved + 1} to {done} are lost" if done > saved else ""


def _exit_code(codes: list[int]) -> int:
    return ExitCode.STOPPED if ExitCode.STOPPED in codes else ExitCode.PASSED


LAUNCHER = Launcher(
    name="local",
    Options=Options,
    executor=Supervisor(machine=lambda: this_machine(Options()), execute=execute, cancel=cancel),
    check_job=check_job,
    render=render,
    check=check,
    check_options=check_options,
    takes_secrets=True,  # by the environment of whoever starts the job
)
