"""Stacks that ranks wrote when they gave no sign of life: who waits in a collective, and who stands elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seatrial.diagnose.left import Left

_THREAD = re.compile(r"(?P<current>Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\):")
_FRAME = re.compile(r'  File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<name>.+)')
_COLLECTIVE = re.compile(r"torch/distributed/|jax/experimental/multihost_utils|megatron/core/.*(?:p2p|comm)")
"""Files of what waits for other ranks."""
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib/python3[^/]*/|^<frozen|/seatrial/(?:rank|train)/")


class Frame(NamedTuple):
    """A line of a stack."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.file.rpartition('/')[2]}:{self.line})"


def main_stack(text: str) -> list[Frame]:
    """The newest stack of the thread that the program runs in, innermost frame first.

    A signal is handled by whichever thread is free, so it is the thread whose outermost frame is a module's.
    """
    stacks = [stack for stack in _stacks(text) if stack and stack[-1].name == "<module>"]
    return stacks[-1] if stacks else []


def place(left: Left, rank: int) -> str:
    """Where a rank stands, in its program's own code if that can be told; empty if it left no stack."""
    stack = main_stack(left.stacks.get(rank, ""))
    own = next((frame for frame in stack if not _LIBRARY.search(frame.file)), None)
    return str(own or stack[0]) if stack else ""


def elsewhere(left: Left) -> tuple[int, ...]:
    """Ranks that wait in no collective while others do; empty if that does not tell them apart."""
    stacks = {rank: stack for rank, text in left.stacks.items() if (stack := main_stack(text))}
    waiting = {rank for rank, stack in stacks.items() if _waits(stack)}
    idle = tuple(sorted(stacks.keys() - waiting))
    return idle if waiting and len(idle) < len(stacks) / 2 else ()


def _waits(stack: Sequence[Frame]) -> bool:
    return any(_COLLECTIVE.search(frame.file) for frame in stack)


def _stacks(text: str) -> Iterator[list[Frame]]:
    stack: list[Frame] = []
    for line in text.splitlines():
        frame = _FRAME.fullmatch(line)
        if frame:
            stack.append(Frame(frame["file"], int(frame["line"]), frame["name"]))
        elif _THREAD.match(line):
            yield stack
            stack = []
    yield stack
