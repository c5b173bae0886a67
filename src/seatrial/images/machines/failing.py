"""Why a machine image was not made: what was said of it, and the causes that the user can repair."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import Problem
from seatrial.images.failing import Cause, problem

SAYS_WHY = re.compile(r"\b[Ee]rror|self test: |fatal: ")
LONGEST = 300
"""Characters of a line that are shown."""

CAUSES = (
    Cause(
        r"[Nn]o valid credential sources|NoCredentialProviders|ExpiredToken|InvalidClientTokenId|token .* expired",
        "AWS does not know who you are",
        "aws sso login, or set AWS_PROFILE; aws sts get-caller-identity tells whether it is known",
    ),
    Cause(
        r"UnauthorizedOperation|AccessDenied|not authorized to perform",
        "AWS does not let you do that",
        "the permissions that Packer needs: https://developer.hashicorp.com/packer/integrations/hashicorp/amazon",
    ),
    Cause(
        r"No AMI was found matching filters",
        "its parent is not there",
        "is it published in that region? name another: --set parent_ami=ami-...",
    ),
    Cause(
        r"InsufficientInstanceCapacity|VcpuLimitExceeded|Unsupported.*instance type",
        "no instance of that type is to be had",
        "choose another type, or subnet: --set instance_type=..., --set subnet_id=subnet-...",
    ),
    Cause(
        r"Timeout waiting for SSH|TargetNotConnected|Error creating SSM",
        "its agent of Session Manager was not reached",
        "does its subnet have a way to the internet, or endpoints of ssm and ssmmessages?",
    ),
    Cause(
        r"Unsupported block type|does not support required_plugins|version constraint",
        "this Packer is too old",
        "install a newer one: https://developer.hashicorp.com/packer/install",
    ),
    Cause(r"self test: ", "what was installed is not what should be", "a version may have been changed at its source"),
)


def failure(what: str, lines: Sequence[str], code: int, log: Path) -> Problem:
    """What the lines of a log say about what did not happen."""
    errors = [line for line in lines if SAYS_WHY.search(line)] or lines
    said = next((line.strip() for line in reversed(errors) if line.strip()), f"exit status {code}")
    return problem(what, CAUSES, lines, log, said[:LONGEST])
