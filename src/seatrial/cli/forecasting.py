"""What a job is expected to give, kept with it when it starts, so that its verdict can be held against it."""

from __future__ import annotations

import datetime
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.spec import Case, Expected, Job


def year() -> float:
    """Now, with its months as a fraction: when a framework that is used today was released at the latest."""
    today = datetime.date.today()
    return today.year + (today.month - 1) / 12


def expected(case: Case, job: Job, instance_type: str | None) -> Expected | None:
    """Of a training on accelerators; None where nobody can tell, or numpy is not there to compute it."""
    if job.device not in ("cuda", "neuron") or instance_type is None or importlib.util.find_spec("numpy") is None:
        return None
    from seatrial.forecast.expectation import expect
    from seatrial.forecast.places import place
    from seatrial.spec import Expected, Layout

    layout = Layout(nodes=job.nodes, processes_per_node=job.processes_per_node, device=job.device)
    workload = case.workload(case.Args(**job.args), layout)
    if workload is None:
        return None
    try:
        found = expect(workload, place(instance_type), year=year())
    except ValueError:
        return None
    rate = found.tokens_per_second * float(found.step.accelerators)
    return Expected(low=rate.low, expected=rate.expected, high=rate.high, evidence=found.evidence)
