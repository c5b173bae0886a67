"""Write the picture of a sea trial's page, docs/sea_trial.png: an example of 16 nodes, two of them sick.

    python scripts/sea_trial.py

What each node says is what the tests take for a whole p5.48xlarge, with a fault planted in two. Needs Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from seatrial.cases.node.look import together  # noqa: E402  (after the path)
from seatrial.checks.catalogue import find, select_checks  # noqa: E402
from seatrial.checks.judging import judge  # noqa: E402
from seatrial.checks.observations import Observation  # noqa: E402
from seatrial.checks.profile import Profile  # noqa: E402
from seatrial.findings import Finding  # noqa: E402
from seatrial.report.trial import Ran, Trial, to_html  # noqa: E402
from tests.checks import p5  # noqa: E402
from tests.checks.healthy import TYPE, healthy  # noqa: E402

NODES = 16
NOTE = (
    "An example: nobody looked at a cluster. Its nodes are made after recorded outputs of tools, two of them with a "
    "planted fault."
)


def fallen(seen: Observation) -> Observation:
    """A GPU has fallen off the bus."""
    rule = find("gpu.xid").rule
    return replace(seen, text=seen.text + rule.bad.removeprefix(rule.good)) if seen.kind == rule.reads else seen


def forgetful(seen: Observation) -> Observation:
    """Half of its memory is gone."""
    return replace(seen, text=p5.meminfo(gib=1000)) if seen.kind == "meminfo" else seen


def found(number: int) -> list[Finding]:
    """What the quick checks of a node find."""
    faults = {6: fallen, 11: forgetful}
    seen = [faults.get(number, lambda one: one)(one) for one in healthy()]
    return judge(select_checks("quick"), seen, Profile.of(TYPE))


def main() -> None:
    """Make the page, and the picture of it."""
    told = {number: (f"ip-10-1-0-{10 + number}", found(number)) for number in range(NODES)}
    findings = [replace(finding, evidence="") for finding in together(told, 60)]
    ran = Ran(job="node/tiny", run="node-tiny", findings=findings)
    page = to_html(Trial(cluster="p5", tag="trial-p5", about=[], ran=[ran], note=NOTE))
    browser = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "trial.html").write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1160,1080"]
        picture = f"--screenshot={ROOT / 'docs/sea_trial.png'}"
        subprocess.run([browser, *options, picture, f"file://{folder}/trial.html"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
