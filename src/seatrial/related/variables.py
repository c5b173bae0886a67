"""What is wrong with the variables that a run's ranks had, by the rules of EFA, NCCL and Neuron."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from seatrial.diagnose import Slowing
from seatrial.diagnose.left import Left
from seatrial.errors import UserError
from seatrial.events import RunStart
from seatrial.findings import Finding, Verdict
from seatrial.hardware import instances
from seatrial.network.lint import lint_environment, lint_missing
from seatrial.network.site import Context
from seatrial.runs import Run


def of_run(run: Run, left: Left) -> Iterator[Slowing]:
    """What rank 0 of the newest attempt told. Nothing of ranks that told none, and on CPUs, whose gloo reads none."""
    start = left.log.last(RunStart)
    if start is None or not start.variables or left.job.device == "cpu" or start.backend == "gloo":
        return
    submission = run.submission()
    try:
        found = _lint(start, submission.cluster if submission else {})
    except UserError:  # a version in seatrial.toml that is none: whoever starts jobs is told
        return
    for finding in found:
        if finding.verdict in (Verdict.WARN, Verdict.FAIL):
            yield Slowing(replace(finding, evidence="events.jsonl, run_start.variables"), None)


def _lint(start: RunStart, cluster: dict[str, Any]) -> list[Finding]:
    """Where the instance type or a version is not known, only what is wrong everywhere is told. Raises UserError."""
    stack, several = cluster.get("stack") or {}, len(set(start.hosts)) > 1
    instance = instances.instance(cluster["instance_type"]) if cluster.get("instance_type") else None
    context = Context(several_nodes=several)
    found = lint_environment(start.variables, instance=instance, pod_network=None, context=context, **stack)
    if instance is not None and several:
        found += lint_missing(start.variables, instance, pod_network=None, **stack)
    return found
