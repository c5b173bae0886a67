"""The way of a run, the same for every launcher: start, resume, follow, cancel."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seatrial import following, launchers, provenance
from seatrial.cluster import Cluster
from seatrial.errors import CutOff, ExitCode, Problem, UserError
from seatrial.history import History, NameTaken
from seatrial.job import Job
from seatrial.launchers import Element, Engine, Supervisor
from seatrial.plan import Plan
from seatrial.runs import Run, State

Silence = Callable[[Sequence[Problem]], None]
"""Is told why an engine does not answer, once when that begins; and nothing at all when it answers again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How an engine is looked at, in seconds, and by which clock. One look asks about all runs of a cluster at once."""

    first: float = 0.25
    """Between the first two looks; then longer and longer."""
    longest: float = following.POLL_SECONDS
    longest_silent: float = 30.0
    """Where the engine does not answer."""
    patience: float = 600.0
    """How long it may be silent: a restarted controller, a throttled account, a laptop that was shut."""
    sleep: Callable[[float], None] = time.sleep
    """An engine far away offers nothing to wait on."""
    now: Callable[[], float] = time.monotonic


PACE = Pace()


def start(plan: Plan, job: Job, cluster: Cluster, history: History, name: str) -> list[Run]:
    """Make the run, or one for each task of an array, and hand its plan over where the launcher has an engine.

    Raises NameTaken if there is a run of that name, UserError if the engine refuses or nothing can be written; then
    nothing is left of it. If the connection broke, the run stays, and whoever looks at it next finds out whether the
    engine has it.
    """
    launcher = launchers.find(cluster.launcher)
    elements = launcher.elements(name, cluster)
    problems = [problem for element in elements for problem in history.check_name(element.name)]
    if problems:
        raise NameTaken(problems)
    runs: list[Run] = []
    try:
        for element in elements:
            runs.append(history.create(job, element.name))
            if isinstance(launcher.executor, Supervisor):  # or whoever looks on before its ranks start calls it lost
                runs[-1].claim()
            plan.write(runs[-1].plan_path)
            provenance.record(runs[-1])
        if isinstance(launcher.executor, Engine):
            following.hand_over(launcher.executor, plan, name, cluster, list(zip(runs, elements, strict=True)))
    except CutOff:
        raise
    except (UserError, OSError):
        for run in runs:
            shutil.rmtree(run.path, ignore_errors=True)
        raise
    return runs


def resume(plan: Plan, job: Job, cluster: Cluster, run: Run) -> None:
    """Let a run that is over go on from its last checkpoint, by the plan of now. Raises UserError as `start` does."""
    launcher, before = launchers.find(cluster.launcher), run.submission()
    run.save_job(job)
    run.unmark_cancelled()
    shutil.rmtree(run.plan_path, ignore_errors=True)
    plan.write(run.plan_path)
    provenance.record(run)
    if isinstance(launcher.executor, Engine):
        assert before is not None  # only runs that an engine had are resumed there
        if not run.events().attempts():  # an older Seatrial noted here that it was cancelled in the queue
            run.events_path.unlink(missing_ok=True)
        alone = Element(name=run.id, cluster=cluster)
        try:
            following.hand_over(launcher.executor, plan, run.id, cluster, [(run, alone)])
        except CutOff:
            raise
        except UserError:
            run.save_submission(before)
            raise


def follow(
    plan: Plan, run: Run, cluster: Cluster, on_look: Callable[[], None], on_silence: Silence, pace: Pace = PACE
) -> int:
    """See a run that was started or resumed to its end; `on_look` is called whenever there may be news.

    Returns an ExitCode. Raises UserError if its engine stays silent.
    """
    executor = launchers.find(cluster.launcher).executor
    if isinstance(executor, Supervisor):
        return executor.execute(plan, run, cluster, on_look)
    _watch(run, on_look, on_silence, pace)
    return ExitCode.STOPPED if run.state() is State.STOPPED else ExitCode.PASSED


def cancel(run: Run, on_silence: Silence, pace: Pace = PACE) -> None:
    """Ask a run to write a checkpoint and stop, and wait until it has."""
    executor = launchers.find(run.job.launcher).executor
    run.mark_cancelled()
    if isinstance(executor, Supervisor):
        executor.cancel(run)
        return
    try:
        following.cancel(executor, run)
    except CutOff:
        raise
    except UserError:
        run.unmark_cancelled()
        raise
    _watch(run, lambda: None, on_silence, pace)


def _watch(run: Run, on_look: Callable[[], None], on_silence: Silence, pace: Pace) -> None:
    """Look at a run of an engine until it is over. Raises UserError if the engine is silent for too long."""
    pause, silent_since = pace.first, None
    while True:
        problems = following.refresh([run])
        if problems:
            if silent_since is None:
                silent_since, pause = pace.now(), pace.first
                on_silence(problems)
            elif pace.now() - silent_since >= pace.patience:
                raise UserError(problems)
        else:
            if silent_since is not None:
                silent_since, pause = None, pace.first
                on_silence(())
            on_look()
            if following.is_over(run):
                return
        pace.sleep(pause)
        pause = min(pause * 1.5, pace.longest if silent_since is None else pace.longest_silent)
