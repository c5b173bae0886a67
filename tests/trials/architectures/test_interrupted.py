"""Killed at any point and run again: nothing is doubled, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from seatrial import deploying
from seatrial.errors import UserError
from tests.trials.architectures.account import ROOT, Account
from tests.trials.architectures.deployments import Told, deployed, notes, quick

BASE = notes("base", more=4)
WANTED = notes(needs={"base": BASE})


def killed(aws: Account, folder: Path, line: str, *how: str) -> None:
    """A deployment whose process is gone as soon as it has told that line."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = [sys.executable, "-m", "tests.trials.architectures.killed", *how]
    environment |= aws.variables(folder) | {"AWS_DEFAULT_REGION": "us-west-2"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as told:
        assert any(found.strip() == line for found in told), f"{line} was never told"
        process.kill()
    assert process.wait() == -signal.SIGKILL


def whole(aws: Account) -> None:
    """Everything is there once, complete, and no change set is left."""
    assert {one.deployment: one.status for one in deploying.status(WANTED)} == dict.fromkeys(
        ("base", "notes"), "CREATE_COMPLETE"
    )
    cloudformation = aws.client("cloudformation")
    for stack in ("seatrial-base", "seatrial-notes"):
        assert cloudformation.list_change_sets(StackName=stack)["Summaries"] == []
    found = aws.client("ssm").get_paginator("describe_parameters").paginate().build_full_result()["Parameters"]
    names = Counter(one["Name"].rpartition("-")[0] for one in found)
    assert names == Counter(
        ["seatrial-base-Note", *(f"seatrial-base-Side{n}" for n in range(4)), "seatrial-notes-Note"]
    )


@pytest.mark.parametrize(
    "line",
    ["base Note CREATE_COMPLETE", "base Side1 CREATE_IN_PROGRESS", "base seatrial-base CREATE_COMPLETE",
     "notes Note CREATE_IN_PROGRESS"],
)  # fmt: skip
def test_killed_while_stacks_are_made(aws: Account, tmp_path: Path, line: str) -> None:
    aws.faults(delay=0.1)
    killed(aws, tmp_path, line)
    told = deployed(WANTED)
    assert told.events, "what goes on is told"
    whole(aws)
    before = aws.client("cloudformation").describe_stacks(StackName="seatrial-base")["Stacks"][0]["StackId"]
    deployed(WANTED)
    assert aws.client("cloudformation").describe_stacks(StackName="seatrial-base")["Stacks"][0]["StackId"] == before


def test_killed_before_anybody_agreed(aws: Account, tmp_path: Path) -> None:
    killed(aws, tmp_path, "asked", "hesitate")
    (stack,) = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    (standing,) = deploying.status(BASE)
    assert standing.state == "absent"
    deploying.changes(BASE, wait=quick)
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == [], "nothing is left of the one that was killed"
    killed(aws, tmp_path, "asked", "hesitate")
    deployed(WANTED)
    whole(aws)


def test_killed_then_deleted(aws: Account, tmp_path: Path) -> None:
    aws.faults(delay=0.1)
    killed(aws, tmp_path, "notes Note CREATE_IN_PROGRESS")
    Told().delete(WANTED, everything=True)
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []
    assert aws.client("ssm").describe_parameters()["Parameters"] == []


def test_a_deletion_goes_on(aws: Account) -> None:
    deployed(WANTED)
    aws.faults(delay=1)
    aws.client("cloudformation").delete_stack(StackName="seatrial-notes")
    told = Told()
    told.delete(WANTED)
    assert told.statuses("seatrial-notes") == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert [one.state for one in deploying.status(WANTED)] == ["complete", "absent"]


def test_what_was_begun_and_failed_meanwhile_is_told(aws: Account, tmp_path: Path) -> None:
    aws.faults(delay=1, fails="Side2")  # so that it is still being undone when it is deployed again
    killed(aws, tmp_path, "base Note CREATE_COMPLETE")
    told = Told()
    with pytest.raises(UserError, match=r"Side2 \(AWS::SSM::Parameter\): ValueError: it shall fail"):
        told.deploy(WANTED)
    assert told.changes == [], "it is told before anything is begun anew"
    aws.faults(fails="")
    deployed(WANTED)
    whole(aws)
