"""Having ParallelCluster's own command make an image: started, and asked about until it is there."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.images import machines
from seatrial.images._image import Choice, Machine
from seatrial.images.following import Tell
from seatrial.images.machines.choices import choose
from seatrial.images.machines.imagebuilder import BUCKET, image_name, render, wrong_service
from seatrial.images.machines.making import follow, log_of, put, record, refuse_missing
from seatrial.images.records import Record

PROGRAMS: Mapping[str, str] = {
    "pcluster": "seatrial env create parallelcluster, and its bin folder on PATH",
    "aws": "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
}
SECONDS = 60.0
"""Between two questions; the image takes an hour."""
PATIENCE = 3 * 60
"""Questions that are asked."""


def build(machine: Machine, choice: Choice, tell: Tell, pause: Callable[[float], None] = time.sleep) -> Record:
    """The record of the image. Raises UserError if it is not made; on a request to stop it says how AWS is stopped."""
    if wrong := [*wrong_service(machine)]:
        raise UserError(wrong)
    refuse_missing(PROGRAMS)
    choice = _with_parent(machine, choice)
    plan = render(machine, choice)
    settings = {key: value for key, value in choice.settings.items() if key != BUCKET}
    chosen = choose(machine, replace(choice, settings=settings))
    name, region = image_name(machine, chosen), choice.settings["region"]
    log = log_of(machine, plan)
    with tempfile.TemporaryDirectory(prefix="seatrial-image-") as work:
        put(plan, Path(work))
        for command in plan.commands:
            follow(command, Path(work), log, tell, f"{machine.name} was not made")
    try:
        made = _wait(name, region, tell, pause)
    except KeyboardInterrupt:
        tell(f"AWS goes on: pcluster delete-image --image-id {name} --region {region} ends it", "")
        raise
    return record(machine, replace(choice, settings=settings), plan, {region: made}, machines.PCLUSTER)


def _with_parent(machine: Machine, choice: Choice) -> Choice:
    """The choice with a parent: ParallelCluster's own of this version, where none is chosen."""
    if choice.settings.get("parent_ami"):
        return choice
    system = choice.system or machine.systems[0]
    region = choice.settings["region"]
    asked = ("list-official-images", "--region", region, "--os", system, "--architecture", choice.architecture)
    images = _ask(*asked).get("images") or [{}]
    if not (ami := images[0].get("amiId")):
        what = f"ParallelCluster has no AMI of {system}, {choice.architecture} in {region}"
        raise UserError(Problem(what, "", "name one: --set parent_ami=ami-..., or choose another region"))
    return replace(choice, settings={**choice.settings, "parent_ami": ami})


def _wait(name: str, region: str, tell: Tell, pause: Callable[[float], None]) -> str:
    """The AMI's id. Raises UserError."""
    logs = f"pcluster get-image-log-events --image-id {name} --log-stream-name 3.x.x/1 --region {region}"
    for _ in range(PATIENCE):
        answer = _ask("describe-image", "--image-id", name, "--region", region)
        status = str(answer.get("imageBuildStatus", "unknown"))
        tell(status, "")
        if status == "BUILD_COMPLETE" and (ami := answer.get("ec2AmiInfo", {}).get("amiId")):
            return str(ami)
        if "FAILED" in status or status.startswith("DELETE"):
            why = answer.get("imagebuilderImageStatusReason") or answer.get("cloudformationStackStatusReason") or status
            raise UserError(Problem(f"{name} was not made\n    {why}", "", f"its log: {logs}"))
        pause(SECONDS)
    hours = PATIENCE * SECONDS / 3600
    raise UserError(Problem(f"{name} is not there after {hours:.0f} hours", "", f"its log: {logs}"))


def _ask(*words: str) -> dict[str, Any]:
    """What `pcluster` answers. Raises UserError."""
    done = subprocess.run(("pcluster", *words), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    with suppress(ValueError):
        answer = json.loads(done.stdout)
        if done.returncode == 0 and isinstance(answer, dict):
            return answer
    said = " ".join((done.stdout + done.stderr).split())[:300]
    raise UserError(Problem(f"pcluster {words[0]}: {said or done.returncode}", "", "try it yourself: it says more"))
