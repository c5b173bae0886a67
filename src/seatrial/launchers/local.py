"""This machine: one process per rank, started directly and watched until the last one has ended."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seatrial import environments
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.events import EventWriter, Restart, RunEnd, Step
from seatrial.findings import Finding, Severity, Verdict
from seatrial.launchers import _ranks
from seatrial.launchers._processes import Failure, Group, Interrupts
from seatrial.plan import Command, Plan
from seatrial.runs import Run
from seatrial.spec import Cluster, Job, LauncherOptions

RUN_FOLDER = "{run}"
"""Stands in a plan for the run's folder, which gets its name when the plan is executed."""
FREE_PORT = "{port}"
"""Stands in a plan for a TCP port that is free when the plan is executed."""

# Variables by which an outer launcher would reach into ours: a run inside an srun, torchrun or mpirun shell must not
# believe that it belongs to them.
OUTER_NAMES = {"LOCAL_WORLD_SIZE", "NODE_RANK"}  # the others are set by the plan
OUTER_PREFIXES = ("TORCHELASTIC_", "GROUP_", "ROLE_", "SLURM_", "PMI_", "PMIX_", "OMPI_", "SEATRIAL_")
KEPT_NAME = "SEATRIAL_DATA"
"""The user's own choice of a folder of data sets, which ranks follow."""

TAKES_SECRETS = True
"""Secrets go with the job, from the environment of whoever starts it."""

GRACE = 60.0
"""Seconds that ranks get to write a checkpoint after a request to stop, before they are killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """There is nothing to choose."""


def check_job(job: Job, cluster: Cluster) -> Iterable[Problem]:
    """What keeps this job from running here."""
    if job.launch != "rank":
        yield Problem(f"the local launcher does not start programs once per {job.launch}", job.case)


def render(job: Job, cluster: Cluster, name: str) -> Plan:
    """The processes of a job: a command for each rank. Pure."""
    problems = list(check_job(job, cluster))
    if problems:
        raise UserError(problems)
    program = _ranks.program(job)
    commands = [
        Command(
            argv=("python", *program),
            env={
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(job.world_size),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": FREE_PORT,
                "OMP_NUM_THREADS": str(job.threads_per_process),
                **(_ranks.CPU_TUNING if job.device == "cpu" else {}),
                "SEATRIAL_RUN": RUN_FOLDER,
                "SEATRIAL_HEARTBEATS": "1",
            },
            title=f"rank {rank}",
        )
        for rank in range(job.world_size)
    ]
    return Plan(files={"job.json": job.to_json()}, commands=tuple(commands))


def execute(
    plan: Plan,
    run: Run,
    *,
    attempt: int,
    max_restarts: int,
    hang_seconds: float,
    on_tick: Callable[[], None] = lambda: None,
) -> int:
    """Start a plan's ranks and watch them to the end. Returns an ExitCode.

    If a rank dies or hangs the others are stopped at once, and all start again, to go on from the last complete
    checkpoint, up to `max_restarts` times; not if no step was done since the start, for then the next attempt would
    only fail in the same way. `attempt` numbers the first one. `on_tick` is called several times a second. SIGINT and
    SIGTERM ask the ranks to write a checkpoint and stop; a second one kills them.
    """
    run.claim()
    events = EventWriter(run.events_path)
    try:
        with Interrupts() as interrupts:
            while True:
                steps_before = len(run.events().of(Step))
                group = Group(_resolve(plan, run, attempt), run, hang_seconds, GRACE)
                failure = group.watch(interrupts, on_tick)
                on_tick()
                if failure is None:
                    return _exit_code(group.exit_codes())
                if failure.exit_code != ExitCode.STOPPED:
                    _record(events, run, failure)
                progressed = len(run.events().of(Step)) > steps_before
                if not (max_restarts and progressed and failure.worth_a_restart):
                    _end(events, run, failure)
                    return failure.exit_code
                attempt, max_restarts = attempt + 1, max_restarts - 1
                events.write(Restart(attempt=attempt, reason=failure.reason, rank=failure.rank))
    finally:
        events.close()
        run.release()


def cancel(run: Run) -> bool:
    """Ask a run on this machine to write a checkpoint and stop. False if it is not running."""
    owner = run.supervisor()
    if owner is None:
        return False
    os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + GRACE + 10
    while run.supervisor() == owner and time.monotonic() < deadline:
        time.sleep(0.05)  # it is not our child: there is nothing to wait on
    return True


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _resolve(plan: Plan, run: Run, attempt: int) -> list[Command]:
    """The plan's commands with what only the moment of starting can know."""
    python = environments.interpreter(run.job)
    values = {RUN_FOLDER: str(run.path.resolve()), FREE_PORT: str(free_port())}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name == KEPT_NAME or (name not in OUTER_NAMES and not name.startswith(OUTER_PREFIXES))
    }
    # Unbuffered, so that a killed rank's last words are kept.
    inherited |= {"PYTHONUNBUFFERED": "1", "SEATRIAL_ATTEMPT": str(attempt), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    return [
        Command(
            argv=(python, *command.argv[1:]),
            env=inherited | {name: values.get(value, value) for name, value in command.env.items()},
            title=command.title,
        )
        for command in plan.commands
    ]


def _record(events: EventWriter, run: Run, failure: Failure) -> None:
    evidence = str(run.log_path(failure.rank).relative_to(run.path)) if failure.rank is not None else ""
    events.write(
        Finding(
            check="run.rank-died" if not failure.hang else "run.hang",
            verdict=Verdict.WARN if failure.worth_a_restart else Verdict.FAIL,
            severity=Severity.HIGH,
            observed=failure.reason,
            expected="every rank runs to the end",
            evidence="stacks/" if failure.hang else evidence,
            action="read the stacks: the rank that stands elsewhere than the others is the cause"
            if failure.hang
            else f"seatrial logs {run.id} --rank {failure.rank}",
        )
    )


def _end(events: EventWriter, run: Run, failure: Failure) -> None:
    """Say how the run ended, if no rank could."""
    log = run.events()
    if log.end() is None:
        outcome = "stopped" if failure.exit_code == ExitCode.STOPPED else "failed"
        done = max((step.step for step in log.of(Step)), default=0)
        events.write(RunEnd(outcome=outcome, step=done, reason=failure.reason))


def _exit_code(codes: list[int]) -> int:
    return ExitCode.STOPPED if ExitCode.STOPPED in codes else ExitCode.PASSED
