"""The one error type for users: what is wrong, where, and what to do about it. And how processes say how they ended.

Anything else that escapes is a bug of Seatrial and shows its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ExitCode:
    """Exit codes of the command, and of the programs that it starts."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    """The user can repair it: bad input, something not installed. Nothing was started."""
    UNKNOWN = 3
    """The run is over but could not be judged."""
    INVALID = 65
    """A rank met what a restart would only meet again, such as a loss that is not a number (EX_DATAERR)."""
    STOPPED = 75
    """Asked to stop; a checkpoint was written and the run can be resumed (EX_TEMPFAIL)."""
    INTERRUPTED = 130
    """Ctrl-C where there was nothing to stop: before a run was begun, while looking at one (as shells say it)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what the user gave."""

    what: str
    """What is wrong, with the value that was found."""
    where: str = ""
    """Where it is wrong: an option, a key, a file."""
    remedy: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n    {self.remedy}" if self.remedy else text


class UserError(Exception):
    """The user can repair this. Carries every problem that was found, not just the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class CutOff(UserError):
    """The connection broke in the middle: whether the other side did what was asked is not known."""


def unknown(kind: str, name: str, choices: Iterable[str], where: str = "") -> Problem:
    """The problem of a name that does not exist, with the nearest names or else all of them."""
    known = sorted(choices)
    import difflib  # only where something is wrong

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    choose = f"choose from: {', '.join(known)}" if known else "there is none"
    remedy = f"did you mean {' or '.join(near)}?" if near else choose
    return Problem(f"no {kind} is called {name!r}", where, remedy)
