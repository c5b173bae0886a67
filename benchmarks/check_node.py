"""What `seatrial check node` takes beyond the commands that it starts: a whole process over kept observations.

    python benchmarks/check_node.py

The observations are what the tests take for a healthy p5.48xlarge with 8 GPUs, written as `--save` writes them; the
process reads and judges them (`--from`), from its start to its exit. Beside it stands `seatrial --version`, which does
nothing. Target: at most 0.3 s for the level quick.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from interleave import estimate, interleave, parser, publish, row
from programs import scratch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.checks.healthy import TYPE, make_healthy  # noqa: E402  (after the path)

SECONDS = 0.3


def seconds(argv: Sequence[str]) -> float:
    """Wall time of a process. Level quick of observations that are full of PASS ends with 0, the other with UNKNOWN."""
    begin = time.perf_counter()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL)
    assert done.returncode in (0, 3), done.returncode
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=15)
    chosen = options.parse_args()
    command = [str(Path(sys.executable).with_name("seatrial"))]
    with scratch() as folder:
        make_healthy(folder / "node")
        commands = {
            level: [*command, "check", "node", "--level", level, "--instance", TYPE, "--from", str(folder / "node")]
            for level in ("quick", "full")
        }
        commands["nothing"] = [*command, "--version"]
        runs = interleave({name: partial(seconds, argv) for name, argv in commands.items()}, chosen.repeats)
    rows = [
        row("level quick, the whole process", estimate(runs["quick"]), " s", digits=3, at_most=SECONDS),
        row("level full, the whole process", estimate(runs["full"]), " s", digits=3),
        row("`seatrial --version`", estimate(runs["nothing"]), " s", digits=3),
    ]
    publish(rows, runs, as_json=chosen.json)


if __name__ == "__main__":
    main()
