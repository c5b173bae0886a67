"""Write the picture of a profile's page, docs/profile.png: what torch.profiler recorded of two ranks on a CPU.

    python scripts/profile_page.py

The traces are those that the tests read. Needs Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRACES = ROOT / "tests/profiles/recorded"


def main() -> None:
    """Make the page, and the picture of it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("chromium is not installed")
    show = [sys.executable, "-m", "seatrial", "profile", "show", *map(str, sorted(TRACES.glob("*.json.gz")))]
    page = subprocess.run([*show, "--format", "html"], check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "profile.html").write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1160,1250"]
        picture = f"--screenshot={ROOT / 'docs/profile.png'}"
        subprocess.run([browser, *options, picture, f"file://{folder}/profile.html"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
