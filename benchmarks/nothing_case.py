"""A case of one file that only says that it began and that it is done. Used by slurm.py, where jobs are counted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from seatrial.arguments import CaseArgs
from seatrial.events import EventWriter, RunEnd, RunStart
from seatrial.spec import Case, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """It has none."""


CASE = Case(
    name="nothing",
    title="Nothing",
    framework="none",
    Args=Args,
    recipes=(Recipe(name="tiny", title="1 process", args=Args(), processes_per_node=1),),
    program=__file__,
)


def main() -> None:
    """One rank."""
    events = EventWriter(Path(os.environ["SEATRIAL_RUN"]) / "events.jsonl")
    events.write(RunStart(attempt=0, start_step=0, steps=0, world_size=1, device="none", backend="none"))
    events.write(RunEnd(outcome="completed", step=0, ranks_agree=True))
    events.close()


if __name__ == "__main__":
    main()
