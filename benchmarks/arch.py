"""Architectures: how long rendering and linting take, and what `deploy` adds to what CloudFormation takes.

    python benchmarks/arch.py

Targets: `seatrial arch render` of any architecture within 0.5 s, all shapes of all architectures linted within 60 s in
one process, and at most 1 s of `deploy`'s own: the processor time that a deployment of `storage` with all that it needs
takes in its process, against moto's server in another, where every resource is there at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from interleave import estimate, interleave, parser, publish, row
from programs import HERE, environment

sys.path.insert(0, str(HERE.parent))  # tests: shapes, and moto's server

from seatrial import architectures, deploying
from tests.architectures.deployments import EVERY_SHAPE, deployment, shapes
from tests.architectures.linting import lint
from tests.trials.architectures.account import Account, account

SETTINGS = {"hyperpod-eks": ("eks.hyperpod=true", "eks.groups=[]", "eks.version=1.34")}
"""What one must be told beside its defaults."""


def render(name: str) -> float:
    """Seconds of one `seatrial arch render`."""
    begin = time.perf_counter()
    chosen = [word for one in ("region=us-west-2", *SETTINGS.get(name, ())) for word in ("--set", one)]
    command = [sys.executable, "-m", "seatrial", "arch", "render", name, *chosen]
    subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def lint_all() -> float:
    """Seconds for all shapes, each linted once."""
    begin = time.perf_counter()
    for name, shape in EVERY_SHAPE:
        assert lint(deployment(name, shapes(name)[shape])) == []
    return time.perf_counter() - begin


def deploy(where: Account) -> float:
    """Processor seconds of a deployment in an empty account."""
    where.reset()
    begin = time.process_time()
    assert deploying.deploy(deployment("storage"), lambda event: None, lambda change: True, wait=lambda seconds: None)
    return time.process_time() - begin


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=5).parse_args()
    programs: dict[str, Callable[[], float]] = {name: partial(render, name) for name in architectures.names()}
    for warm_up in programs.values():
        warm_up()
    times = interleave(programs, options.repeats)
    linted = lint_all()
    with tempfile.TemporaryDirectory() as folder, account(Path(folder, "log")) as where:
        os.environ |= where.variables(Path(folder))
        deploy(where)  # clients and their descriptions of services are made once
        deployed = [deploy(where) for _ in range(options.repeats)]
    rows = [row(f"`arch render {n}`", estimate(values), " s", at_most=0.5) for n, values in times.items()]
    rows.append(row(f"{len(EVERY_SHAPE)} shapes linted", estimate([linted]), " s", digits=1, at_most=60))
    rows.append(row("`arch deploy storage`, its own processor time", estimate(deployed), " s", at_most=1))
    publish(rows, {**times, "lint": [linted], "deploy": deployed}, as_json=options.json)


if __name__ == "__main__":
    main()
