"""Which runs can be held against each other, since nothing that decides their figures was asked to be different."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.errors import UserError
from seatrial.job import Job
from seatrial.report.measures import Peers
from seatrial.report.summary import Summary, summarise
from seatrial.runs import Run, State

NEWEST = 20
"""Runs of a configuration that are read at most to tell how far runs lie apart."""

Configuration = tuple[str, ...]
"""What is the same in runs that can be held against each other."""


def configuration(job: Job) -> Configuration:
    """Case, hash of its arguments and its program, cluster and layout."""
    return (job.case, job.digest, job.cluster, job.device, str(job.nodes), str(job.processes_per_node))


def counts(run: Run) -> bool:
    """Whether its figures are those of a whole run, or of one that was judged although it ended before."""
    state = run.state()
    return state is State.COMPLETED or (not state.live and bool(run.findings()))


def peers_of(chosen: Sequence[Run], runs: Sequence[Run]) -> Peers:
    """Of each of the `chosen` the newest others in `runs` that have its configuration and count, oldest first."""
    wanted = {run.id: configuration(run.job) for run in chosen}
    found: dict[Configuration, list[Summary]] = {key: [] for key in wanted.values()}
    for run in reversed([run for run in runs if run.id not in wanted]):
        try:
            same = found.get(configuration(run.job))
        except UserError:
            continue
        if same is not None and len(same) < NEWEST and counts(run):
            same.append(summarise(run, []))
    return {name: found[key][::-1] for name, key in wanted.items()}
