"""cfn-lint with information-level checks, in this process: the command takes seconds to start."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cfnlint.rules
from cfnlint.config import ConfigMixIn, ManualArgs
from cfnlint.decode.decode import decode_str
from cfnlint.runner.template import run_template_by_data

from seatrial.architectures import Deployment
from tests.architectures.deployments import template


def lint(one: Deployment) -> list[str]:
    """What cfn-lint finds in its template, in its own region."""
    return [*lint_text(template(one), one.params.region)]


@cache  # deployments that differ only in what they need may have the same template
def lint_text(text: str, region: str) -> tuple[str, ...]:
    """What cfn-lint finds in a template in a region."""
    decoded, found = decode_str(text)
    config = ConfigMixIn(**ManualArgs(include_checks=["I"], regions=[region]))
    found += run_template_by_data(decoded, config, _rules()) if decoded else []
    return tuple(
        f"{one.rule.id} {'/'.join(map(str, getattr(one, 'path', None) or ()))}: {one.message[:300]}" for one in found
    )


@cache
def _rules() -> cfnlint.rules.Rules:
    """All rules, which take half a second to load."""
    return cfnlint.rules.Rules.create_from_directory(str(Path(cfnlint.rules.__file__).parent))
