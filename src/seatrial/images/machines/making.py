"""What both ways to make a machine image have in common: running a program, its log, the record."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.images import following, records
from seatrial.images._image import Choice, Machine
from seatrial.images.following import Tell
from seatrial.images.machines.choices import choose
from seatrial.images.machines.failing import failure
from seatrial.images.records import Record
from seatrial.plan import Command, Plan
from seatrial.versions import PARALLELCLUSTER

STEP = re.compile(r"^(?:\S+ )?==> \S+?: (.+)")
"""``2026-11-29T20:00:00Z: ==> amazon-ebs.image: Launching a source AWS instance...``"""


def in_region(choice: Choice) -> Choice:
    """The choice with a region: that of the environment, where none is chosen. Raises UserError."""
    region = choice.settings.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise UserError(Problem("the region is not known", "", "give --set region=us-west-2, or set AWS_REGION"))
    return replace(choice, settings={**choice.settings, "region": region})


def refuse_missing(programs: Mapping[str, str]) -> None:
    """Raises UserError with all that are not on PATH."""
    missing = [
        Problem(f"{name} is not on PATH, and makes the image", "image build", where)
        for name, where in programs.items()
        if shutil.which(name) is None
    ]
    if missing:
        raise UserError(missing)


def log_of(machine: Machine, plan: Plan) -> Path:
    """Where the words of what makes it are kept; a new build writes over them."""
    return records.folder() / "logs" / f"{machine.name}-{tag(machine, plan)}.log"


def tag(machine: Machine, plan: Plan) -> str:
    """Of the definition: its stack, and a hash of all that it is made of."""
    text = json.dumps([*sorted(plan.files.items())])
    return f"{machine.stack}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def put(plan: Plan, folder: Path) -> None:
    """Write the plan's files."""
    for name, text in plan.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def follow(command: Command, folder: Path, log: Path, tell: Tell, what: str) -> None:
    """Run a command in a folder. `what` is what did not happen if it fails: UserError is raised."""
    following.follow(command, log, tell, STEP, lambda lines, code: failure(what, lines, code, log), folder)


def record(machine: Machine, choice: Choice, plan: Plan, made: Mapping[str, str], by: str) -> Record:
    """Note the AMI of each region; the one of the region of the choice is returned."""
    chosen = choose(machine, choice)
    service = {"parallelcluster": PARALLELCLUSTER.version, "eks": chosen.kubernetes}
    noted = {
        region: records.write(
            Record(
                kind="ami",
                name=machine.name,
                tag=tag(machine, plan),
                stack=machine.stack,
                architecture=chosen.architecture,
                settings=dict(choice.settings),
                arguments={machine.service: service[machine.service]} if machine.service in service else {},
                system=chosen.system,
                reference=ami,
                by=by,
                region=region,
            )
        )
        for region, ami in made.items()
    }
    return noted.get(choice.settings["region"], next(iter(noted.values())))
