"""What is put into what a stack made: commands of other tools, each of which may be run again."""

from __future__ import annotations

import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from seatrial.deploying.cloud import Cloud
from seatrial.deploying.events import Event, Show
from seatrial.errors import Problem, UserError
from seatrial.plan import Command, Plan

INSTALLED = "INSTALL_COMPLETE"
STEP = "command"
"""Type of the events: no resource of CloudFormation."""
SAID = 2000
"""Characters of what a command that failed said last."""


def install(cloud: Cloud, show: Show) -> None:
    """Runs what the deployment installs, in a folder of its files. Raises UserError at the first command that fails."""
    stack = cloud.owned()
    plan = cloud.deployment.installs(stack.outputs if stack else {})
    if not plan.commands:
        return
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        Plan(files=plan.files).write(Path(folder))
        for command in plan.commands:
            show(_event(cloud, command, "INSTALL_IN_PROGRESS"))
            if reason := _run(command, folder):
                show(_event(cloud, command, "INSTALL_FAILED", reason))
                remedy = f"repair the cause, then: seatrial arch deploy {cloud.deployment.name}"
                raise UserError(Problem(f"{command.title}: {reason}", cloud.place, remedy))
            show(_event(cloud, command, INSTALLED))


def _run(command: Command, folder: str) -> str:
    """Why it failed; empty if it did not."""
    environment = {**os.environ, **command.env}
    try:
        done = subprocess.run(
            command.argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")
    return said[-SAID:] or f"{command.argv[0]} ended with {done.returncode}"


def _event(cloud: Cloud, command: Command, status: str, reason: str = "") -> Event:
    now, name = datetime.now(UTC), cloud.deployment.name
    return Event(at=now, deployment=name, logical_id=command.title, type=STEP, status=status, reason=reason)
