"""Hooks that are rendered, installed and run by a real Slurm: a sick node is drained, and stays so until it passes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.checks.quarantine import Mark
from seatrial.cluster import Cluster
from seatrial.launchers.slurm import LAUNCHER, Options
from seatrial.plan import Plan
from tests.checks.healthy import FAULTS, make_healthy, make_sick
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.project import ROOT, Project
from tests.waiting import poll

INTERPRETER = """\
#!/bin/sh
# The Python of the nodes: what a check observes there is what was recorded for each.
export SLURM_CONF={conf} # elsewhere it is where Slurm looks for it
PYTHONPATH={source} exec {python} "$@" --from {nodes}/"${{SLURMD_NODENAME:-$(hostname)}}"
"""


class Guarded:
    """A Slurm with the hooks in place, and what each of its nodes would say of itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nodes = folder, folder / "nodes"
        python = folder / "python"
        folder.mkdir()
        conf = folder / "slurm/slurm.conf"
        text = INTERPRETER.format(source=ROOT / "src", python=sys.executable, nodes=self.nodes, conf=conf)
        python.write_text(text)
        python.chmod(0o755)
        cluster = Cluster(
            name="sea",
            launcher="slurm",
            nodes=3,
            cpus_per_node=192,
            instance_type="p5.48xlarge",
            python=str(python),
            options=Options(),
        )
        assert LAUNCHER.hooks is not None
        plan: Plan = LAUNCHER.hooks(cluster)
        plan.write(folder / "hooks")
        health = folder / "hooks/health.sh"
        health.chmod(0o755)
        lines = f"HealthCheckProgram={health}\nHealthCheckInterval=2\nHealthCheckNodeState=IDLE\n"
        lines += "SchedulerParameters=bf_interval=1,batch_sched_delay=0,sched_interval=1,nohold_on_prolog_fail\n"
        self.slurm = Slurm(folder / "slurm", nodes=3, prolog=plan.files["prolog.sh"], conf=lines)
        for name in self.slurm.names:
            make_healthy(self.nodes / name)
        self.python = python

    def reason(self, name: str) -> str:
        """As sinfo -R shows it."""
        return self.slurm.run("sinfo", "--noheader", "--nodes", name, "--format=%E").stdout.strip()

    def check(self, name: str, level: str) -> int:
        """As an administrator does on the node. Returns the exit code."""
        words = (self.python, "-m", "seatrial", "check", "node", "--level", level, "--guard", "slurm")
        place = ("env", f"SLURMD_NODENAME={name}")
        done = self.slurm.run(*place, *words, "--instance", "p5.48xlarge", check=False)
        print(done.stdout, done.stderr)  # for whoever sees a test fail
        return done.returncode

    def run_a_job(self) -> str:
        """Returns the node that it ran on."""
        job = self.slurm.sbatch("#!/bin/sh\ntrue\n", "--nodes=1", "--requeue")
        return self.slurm.wait(job, timeout=90)["NodeList"]

    def wait_for_health_checks(self, count: int) -> None:
        """Until Slurm has run its HealthCheckProgram that often again, on whichever nodes."""
        log = self.folder / "hooks/health.sh.log"
        for _ in range(count):
            before = log.stat().st_mtime_ns if log.exists() else 0
            poll(lambda before=before: log.exists() and log.stat().st_mtime_ns > before, 30, "a health check")


@pytest.fixture
def guarded(requirements: None, tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path / "guarded")
    with guarded.slurm:
        yield guarded


def test_a_job_whose_node_is_sick_runs_elsewhere(guarded: Guarded) -> None:
    first = guarded.run_a_job()
    make_sick(guarded.nodes / first)
    assert guarded.run_a_job() != first
    assert "DRAIN" in guarded.slurm.nodes()[first]
    mark = Mark.of(guarded.reason(first))
    assert mark is not None and mark.check in FAULTS
    assert guarded.slurm.nodes().values() != {"IDLE+DRAIN"}


def test_only_a_check_of_the_same_level_lets_a_node_work_again(guarded: Guarded) -> None:
    make_sick(guarded.nodes / "p5-1")
    poll(lambda: guarded.reason("p5-1").startswith("seatrial/deep gpu."), 30, "its health check drains it")
    make_healthy(guarded.nodes / "p5-1")
    guarded.wait_for_health_checks(6)  # two on each node
    assert guarded.check("p5-1", "full") == 1
    guarded.slurm.stop_controller()
    guarded.slurm.start_controller()
    poll(lambda: guarded.slurm.nodes()["p5-1"] == "IDLE+DRAIN", 60, "it has registered again, and no restart lifts it")
    assert guarded.check("p5-1", "deep") == 0
    poll(lambda: guarded.slurm.nodes()["p5-1"] == "IDLE", 30, "it is released")


def test_an_idle_node_is_found_sick_and_well_again_by_slurm_itself(guarded: Guarded) -> None:
    make_sick(guarded.nodes / "p5-2")
    poll(lambda: "DRAIN" in guarded.slurm.nodes()["p5-2"], 30, "its health check drains it")
    make_sick(guarded.nodes / "p5-3")
    guarded.wait_for_health_checks(6)
    assert "DRAIN" not in guarded.slurm.nodes()["p5-3"], "no more than a tenth, and at least one, of the cluster"
    assert guarded.check("p5-3", "quick") == 0, "so it does not keep jobs away either"


def test_what_an_administrator_has_drained_is_his(guarded: Guarded) -> None:
    guarded.slurm.run("scontrol", "update", "nodename=p5-1", "state=drain", "reason=new memory tomorrow")
    assert guarded.check("p5-1", "deep") == 0
    assert guarded.reason("p5-1") == "new memory tomorrow"
    make_sick(guarded.nodes / "p5-1")
    assert guarded.check("p5-1", "deep") == 0
    assert guarded.reason("p5-1") == "new memory tomorrow"


def test_an_operator_releases_what_a_check_has_drained_and_nothing_else(guarded: Guarded, tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project", guarded.slurm)
    make_sick(guarded.nodes / "p5-1")
    assert guarded.check("p5-1", "deep") == 1
    guarded.slurm.run("scontrol", "update", "nodename=p5-2", "state=drain", "reason=new memory tomorrow")
    refused = project("check", "release", "p5-1", "p5-2", "p5-9", "--on", "sea", code=2)
    assert "knows no node p5-9" in refused
    refused = project("check", "release", "p5-1", "p5-2", "--on", "sea", code=2)
    assert "p5-2 is not quarantined by Seatrial, but: new memory tomorrow" in refused
    assert "DRAIN" in guarded.slurm.nodes()["p5-1"], "nothing is half done"
    make_healthy(guarded.nodes / "p5-1")
    assert "p5-1: released; it was kept away by seatrial/deep" in project("check", "release", "p5-1", "--on", "sea")
    poll(lambda: guarded.slurm.nodes()["p5-1"] == "IDLE", 30, "it is released")


def test_a_check_that_cannot_see_keeps_no_job_away(guarded: Guarded) -> None:
    for name in guarded.slurm.names:
        for path in (guarded.nodes / name).glob("*.txt"):
            path.write_text("garbage that no tool prints\n")
    guarded.run_a_job()
    guarded.python.unlink()  # or is not even installed
    guarded.run_a_job()
    assert not any("DRAIN" in state for state in guarded.slurm.nodes().values())
