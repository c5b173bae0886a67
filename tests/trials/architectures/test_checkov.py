"""checkov, with all of its rules for CloudFormation: nothing beyond the exceptions that docs/architectures.md lists."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from seatrial import architectures
from tests.architectures.deployments import deployment, shapes, template

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / ".make" / "checkov" / "bin" / "checkov"


def test_nothing_is_found_beyond_the_exceptions(tmp_path: Path) -> None:
    if not PROGRAM.is_file():
        pytest.skip("needs checkov in .make/checkov, which .ci/run installs")
    for name in architectures.names():
        for shape, params in shapes(name).items():
            (tmp_path / f"{name}-{shape}.yaml").write_text(template(deployment(name, params)))
    command = [PROGRAM, "-d", tmp_path, "--framework", "cloudformation", "--compact", "--quiet", "--skip-download"]
    run = subprocess.run([*command, "-o", "json"], capture_output=True, text=True)
    told = json.loads(run.stdout)
    assert told["summary"]["passed"] > 0 and told["summary"]["parsing_errors"] == 0
    # A resource is "AWS::S3::Bucket.Bucket".
    found = {(one["check_id"], one["resource"].partition(".")[0]) for one in told["results"]["failed_checks"]}
    assert found == exceptions()


def exceptions() -> set[tuple[str, str]]:
    """Rule and type of resource, of the table in the documents."""
    page = (ROOT / "docs" / "architectures.md").read_text(encoding="utf-8")
    return {(rule, kind) for rule, kind in re.findall(r"^\| (CKV_\w+) \| `([\w:]+)` \| \S", page, re.MULTILINE)}
