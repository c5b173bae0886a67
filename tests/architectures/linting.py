"""cfn-lint with information-level checks, in this process: the command takes seconds to start."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cfnlint.rules
from cfnlint import api
from cfnlint.config import ManualArgs

from seatrial.architectures import Deployment
from tests.architectures.deployments import template


def lint(one: Deployment) -> list[str]:
    """What cfn-lint finds in its template, in its own region."""
    return list(_lint(template(one), one.params.region))


@cache  # combinations that differ in what a deployment needs give the same template
def _lint(text: str, region: str) -> tuple[str, ...]:
    config = ManualArgs(include_checks=["I"], regions=[region])
    found = api.lint(text, rules=_rules(), config=config)
    return tuple(f"{one.rule.id} {'/'.join(map(str, one.path or ()))}: {one.message[:300]}" for one in found)


@cache
def _rules() -> cfnlint.rules.Rules:
    """All rules, which take half a second to load."""
    return cfnlint.rules.Rules.create_from_directory(str(Path(cfnlint.rules.__file__).parent))
