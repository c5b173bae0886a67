"""What cfn-lint says of templates: CloudFormation's own schemas of every resource, region by region."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from seatrial.architectures._architecture import Deployment
from seatrial.extras import needed
from seatrial.findings import Finding, Rule, Verdict

RULE = Rule(
    id="arch.template",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    reads="the rendered template",
    expected="cfn-lint finds nothing, information included",
    why="CloudFormation would refuse it after minutes, or make something else than what is meant",
    remedy="change the parameter that leads to it; of an architecture of ours it is a defect: report it",
    source="https://github.com/aws-cloudformation/cfn-lint",
    good="Type: AWS::S3::Bucket",
    bad="Type: AWS::S3::Buckett",
)

LONGEST = 300
"""Characters of a message that are shown: some list every instance type there is."""


def findings(deployment: Deployment) -> list[Finding]:
    """One finding for each match in a deployment's template, or one that there is none."""
    with needed("cfnlint", f"architectures.{deployment.name}"):
        from cfnlint.api import lint
        from cfnlint.config import ManualArgs

    path = f"{deployment.stack}.yaml"
    # E, W and I: errors, warnings, information.
    args = ManualArgs(regions=[deployment.params.region], include_checks=["I"])
    matches = lint(deployment.template(), rules=_rules(), config=args)
    found = [
        RULE.finding(
            Verdict.FAIL if match.rule.id.startswith("E") else Verdict.WARN,
            f"{match.rule.id}: {match.message[:LONGEST]}",
            evidence=f"{path}:{match.linenumber}: {'/'.join(map(str, match.path or ()))}",
            scope={"stack": deployment.stack},
        )
        for match in matches
    ]
    return found or [RULE.finding(Verdict.PASS, "nothing found", evidence=path, scope={"stack": deployment.stack})]


@cache
def _rules() -> Any:
    """All rules, which take seconds to load: once for all stacks."""
    import cfnlint.rules

    return cfnlint.rules.Rules.create_from_directory(str(Path(cfnlint.rules.__file__).parent))
