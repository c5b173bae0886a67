"""Why a machine image was not made; tests/images/machines/test_building.py sees it told."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.images.machines.failing import LONGEST, failure

LOG = Path("a.log")


@pytest.mark.parametrize(
    ("says", "means", "remedy"),
    [
        ("InsufficientInstanceCapacity: We currently do not have sufficient capacity", "no instance", "instance_type="),
        ("Timeout waiting for SSH.", "its agent of Session Manager was not reached", "ssmmessages"),
        ("ExpiredToken: The security token included in the request is expired", "AWS does not know who", "sso login"),
    ],
)
def test_what_the_user_can_repair_is_said(says: str, means: str, remedy: str) -> None:
    found = failure("a was not made", [f"==> amazon-ebs.image: {says}", "Cleaning up"], 1, LOG)
    assert found.what.startswith(f"a was not made: {means}") and remedy in found.remedy


def test_the_last_error_is_told_rather_than_what_was_said_behind_it() -> None:
    lines = ["Error: the first", "fatal: the second", "Cleaning up any extra volumes...", ""]
    assert failure("a was not made", lines, 1, LOG).what == "a was not made\n    fatal: the second"
    assert failure("a was not made", lines[2:], 1, LOG).what == f"a was not made\n    {lines[2]}"
    assert failure("a was not made", [], 4, LOG).what == "a was not made\n    exit status 4"
    assert failure("a was not made", ["Error: " + "x" * 999], 1, LOG).what.count("x") == LONGEST - len("Error: ")
