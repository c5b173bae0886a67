"""What a scenario is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Something that a person does with the command, and what must come of it."""

    name: str
    """In a few words; also what docs/trials.md calls it."""
    command: str
    """What is typed; ``walk`` stands for a short training without torch."""
    does: tuple[tuple[str, str], ...] = ()
    """Action of a Person and its argument, one after the other, while the command runs."""
    before: tuple[tuple[str, str], ...] = ()
    """The same before it is typed."""
    code: int = 0
    """Exit code of the command."""
    says: tuple[str, ...] = ()
    """Words that are shown."""
    never: tuple[str, ...] = ()
    """Words that are not."""
    state: str | None = None
    """State of the newest run at the end; None: it does not matter."""
    size: tuple[int, int] = (24, 100)
    """Rows and columns of the terminal."""


def run(*extra: str) -> str:
    """The command that trains."""
    return " ".join(["seatrial run walk.py --name w", *extra])


LONG = run("--set steps=3000")
ALL = "seatrial run --all drill"
THREE = ("install", "one=30 slow=3000 third=30")
"""Three cases that have the recipe; the second takes half a minute."""
TRAINS = ("see", "step 10: checkpoint")
