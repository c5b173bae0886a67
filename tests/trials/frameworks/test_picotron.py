"""picotron itself, from a checkout that SEATRIAL_TEST_PICOTRON names: it is on no package index."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from seatrial.binding import bind
from seatrial.cases.picotron import CASE
from seatrial.cluster import Cluster
from seatrial.events import EventLog, RunStart, Step, read_events
from seatrial.findings import Finding

CHECKOUT = os.environ.get("SEATRIAL_TEST_PICOTRON")  # read here: fixtures take such variables away

pytestmark = [
    pytest.mark.external,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHECKOUT is None, reason="SEATRIAL_TEST_PICOTRON names no checkout of picotron"),
]
LOCAL = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=2, processes_per_node=2)


def train(python: str, folder: Path, recipe: str, **settings: str) -> EventLog:
    """Both ranks to their end."""
    run = folder / recipe
    (run / "logs").mkdir(parents=True, exist_ok=True)
    job = bind(CASE, CASE.recipe(recipe), LOCAL, settings={"source": str(CHECKOUT), **settings})
    (run / "job.json").write_text(job.to_json())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = []
    for rank in range(2):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        with (run / "logs" / f"rank-{rank}.log").open("a") as log:
            ranks.append(
                subprocess.Popen(
                    [python, "-m", "seatrial.cases.picotron.train"],
                    env={
                        **os.environ,
                        **{name: str(value) for name, value in place.items()},
                        "SEATRIAL_RUN": str(run),
                        "OMP_NUM_THREADS": "1",
                        "HF_HUB_OFFLINE": "1",
                    },
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    codes = [rank.wait(timeout=300) for rank in ranks]
    assert codes == [0, 0], "\n".join(path.read_text()[-3000:] for path in sorted((run / "logs").iterdir()))
    return read_events(run / "events.jsonl")


@pytest.mark.parametrize("recipe", ["tiny", "tiny-tp2", "tiny-pp2"])
def test_picotron_trains_on_two_ranks(frameworks: str, tmp_path: Path, recipe: str) -> None:
    log = train(frameworks, tmp_path, recipe, steps="10", checkpoint_every="0")
    losses = [step.loss for step in log.of(Step)]
    assert [step.step for step in log.of(Step)] == list(range(1, 11))
    assert losses[0] > 5 and losses[-1] < losses[0] - 1
    assert log.end() is not None and log.end().outcome == "completed" and log.end().ranks_agree
    assert not [finding for finding in log.of(Finding) if finding.check == "run.log-readable"]


def test_picotron_goes_on_from_its_checkpoint(frameworks: str, tmp_path: Path) -> None:
    train(frameworks, tmp_path, "tiny", steps="6", checkpoint_every="4")
    log = train(frameworks, tmp_path, "tiny", steps="8", checkpoint_every="4")
    assert log.last(RunStart).start_step == 4
    assert [step.step for step in log.of(Step)][6:] == [5, 6, 7, 8]
