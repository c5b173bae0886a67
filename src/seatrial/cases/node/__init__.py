"""The checks of `seatrial check node`, on every node of a job, told together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.arguments import CaseArgs, Count
from seatrial.checks.observations import Level
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances
from seatrial.spec import Case, Layout, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides what is looked at."""

    level: Level = "quick"
    """quick: disturbs nothing | full: seconds of bandwidth | deep: hours of stress."""
    instance: str = ""
    """EC2 instance type that the nodes should be; empty: what the firmware of each says."""
    patience: Count = 120
    """Seconds that the first node waits for the others once it has looked itself. One that is silent is UNKNOWN."""


def check(args: Args, _: Layout) -> Iterable[Problem]:
    """Rules over arguments."""
    if args.instance:
        try:
            instances.instance(args.instance)
        except UserError as error:
            yield from (Problem(p.what, "instance", p.remedy) for p in error.problems)


def _recipe(name: str, title: str, level: Level) -> Recipe:
    return Recipe(name=name, title=title, args=Args(level=level), processes_per_node=1)


CASE = Case(
    name="node",
    title="Checks of every node: devices, the kernel's log, settings",
    framework="none",
    Args=Args,
    program="seatrial.cases.node.look",
    requires=("torch",),  # for its key-value store, by which the nodes tell each other
    launch="node",
    purpose="check",
    fidelity_note="looks at the machine as it is; devices that it does not have are not looked at",
    unit="samples",
    check=check,
    recipes=(
        _recipe("tiny", "What can be seen beside a running job, in seconds", "quick"),
        _recipe("full", "With seconds of bandwidth and DCGM's second level", "full"),
        _recipe("deep", "With hours of stress and DCGM's third and fourth level", "deep"),
    ),
)
