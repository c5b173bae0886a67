"""Write the picture of `seatrial watch`, docs/watch.png: an example of 4 ranks, one of which keeps the others waiting.

    python scripts/watch.py

Needs Chromium.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402  (after the path)

from seatrial.cli.watching import RunView  # noqa: E402
from seatrial.events import CheckpointSaved, Validation  # noqa: E402
from tests import stories  # noqa: E402

STEPS, HOSTS = 620, ["ip-10-1-0-11", "ip-10-1-0-11", "ip-10-1-0-14", "ip-10-1-0-14"]


def story() -> stories.Events:
    """As far as step 620 of 1,000."""
    chance, now = random.Random(1), time.time() - stories.START
    events: stories.Events = [(now - STEPS * 0.4, stories.start(steps=1000, world_size=4, hosts=HOSTS))]
    for number in range(1, STEPS + 1):
        seconds = 0.4 * chance.uniform(0.98, 1.02)
        ranks = {"busy": [seconds * share for share in (0.80, 0.80, 0.81, 0.93)], "data_wait": [0.001] * 4}
        loss = stories.step(number).loss - 0.4 * number / STEPS + chance.gauss(0, 0.02)
        moment = now - (STEPS - number) * 0.4
        events.append((moment, stories.step(number, seconds=seconds, ranks=ranks, loss=loss)))
        if number % 200 == 0:
            path = f"checkpoints/step-{number:08}"
            saved = CheckpointSaved(step=number, path=path, bytes=14_800_000, seconds=0.5, stall_seconds=0.2)
            events += [(moment, Validation(step=number, metrics={"loss": loss + 0.1}, seconds=0.5)), (moment, saved)]
    return events


def main() -> None:
    """Show the run into a picture."""
    console = Console(record=True, width=104, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    browser = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        run = stories.write_run(Path(folder), story(), name="fsdp-p5", processes_per_node=2, nodes=2, cluster="p5")
        run.claim()
        console.print(RunView(run).look())
        svg = re.sub(r"(?s)@font-face \{.*?\}", "", console.export_svg(title="seatrial watch"))  # they are elsewhere
        (Path(folder) / "watch.svg").write_text(svg, encoding="utf-8")
        width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
        options = [
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            f"--window-size={float(width):.0f},{float(height):.0f}",
        ]
        picture = f"--screenshot={ROOT / 'docs/watch.png'}"
        subprocess.run([browser, *options, picture, f"file://{folder}/watch.svg"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
