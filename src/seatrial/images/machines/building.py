"""Having Packer make a machine image, and recording the AMIs that its manifest names."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.images import machines
from seatrial.images._image import Choice, Machine
from seatrial.images.following import Tell
from seatrial.images.machines.making import follow, in_region, log_of, put, record, refuse_missing
from seatrial.images.machines.packer import render
from seatrial.images.records import Record

PROGRAMS: Mapping[str, str] = {
    "packer": "https://developer.hashicorp.com/packer/install",
    "ansible-playbook": "pip install ansible-core",
    "session-manager-plugin": "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
}
"""What a build by Packer starts -> where it comes from."""


def build(machine: Machine, choice: Choice, tell: Tell, more: Sequence[str], by: str) -> Record:
    """See `machines.build`."""
    if by == machines.PCLUSTER:
        from seatrial.images.machines import pcluster

        return pcluster.build(machine, in_region(choice), tell)
    choice = in_region(choice)
    plan = render(machine, choice)
    refuse_missing(PROGRAMS)
    log = log_of(machine, plan)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="seatrial-image-") as work:
        folder = Path(work)
        put(plan, folder)
        for command in plan.commands:
            words = (*command.argv[:-1], *more, command.argv[-1]) if "build" in command.argv else command.argv
            follow(replace(command, argv=words), folder, log, tell, f"{machine.name} was not made")
        made = read_manifest(folder / "manifest.json", log)
    return record(machine, choice, plan, made, by)


def read_manifest(path: Path, log: Path) -> dict[str, str]:
    """Region -> AMI, as Packer's manifest of a build tells. Raises UserError."""
    found: dict[str, str] = {}
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        last = next(one for one in manifest["builds"] if one["packer_run_uuid"] == manifest["last_run_uuid"])
        pairs = (part.split(":", 1) for part in last["artifact_id"].split(","))
        found = {region: ami for region, ami in pairs if re.fullmatch(r"ami-[0-9a-f]{8,17}", ami)}
    if not found:
        raise UserError(Problem("Packer says that it succeeded, and names no AMI", str(path.name), f"its log: {log}"))
    return found
