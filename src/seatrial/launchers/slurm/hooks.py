"""Scripts by which Slurm checks its nodes itself: before and after each job, from time to time, and a sweep."""

from __future__ import annotations

import shlex

from seatrial import __version__, gpu_jobs
from seatrial.cluster import Cluster
from seatrial.launchers import _hooks
from seatrial.plan import Command, Plan
from seatrial.templates import template

FOLDER = "/opt/seatrial/hooks"
"""Where the scripts stand on each node. slurmd runs them as root, so no one else may write there."""
SCRIPTS = ("prolog", "epilog", "health", "sweep")
INTERVAL_SECONDS = 300
"""Between two looks at nodes that run no job."""

CONF = f"""\
# Lines for slurm.conf, on every node; then: scontrol reconfigure
# A job whose prolog found its node sick is to run elsewhere. Without this it is held until somebody releases it.
# Add it to the SchedulerParameters that are there: one line of that name counts.
SchedulerParameters=nohold_on_prolog_fail
Prolog={FOLDER}/prolog.sh
Epilog={FOLDER}/epilog.sh
PrologFlags=Alloc
HealthCheckProgram={FOLDER}/health.sh
HealthCheckInterval={INTERVAL_SECONDS}
HealthCheckNodeState=IDLE,CYCLE
"""


def hooks(cluster: Cluster) -> Plan:
    """prolog.sh, epilog.sh, health.sh, sweep.sh and the lines for slurm.conf. Pure."""
    quick, full = (shlex.join(_hooks.check(cluster, level, "slurm")) for level in ("quick", "full"))
    commands = dict.fromkeys(SCRIPTS, f"timeout {_hooks.QUICK_SECONDS} {quick}")
    commands["sweep"] = f"timeout {_hooks.FULL_SECONDS} {full}"
    files = {
        f"{name}.sh": template("seatrial.launchers.slurm", "hook.sh.j2").render(
            name=name,
            version=__version__,
            command=command,
            partition=cluster.options.partition,
            gpu_jobs={"prolog": gpu_jobs.BEGIN, "epilog": gpu_jobs.END}.get(name, ""),
        )
        for name, command in commands.items()
    }
    if cluster.options.auto_resume:
        files["lifecycle.sh"] = _hooks.lifecycle(cluster)
    return Plan(
        files={**files, "slurm.conf.lines": CONF},
        commands=(
            Command(argv=("sudo", "mkdir", "-p", FOLDER), title="on every node, from this folder"),
            Command(argv=("sudo", "install", "-m", "755", *sorted(files), FOLDER), title="on every node"),
            Command(argv=("scontrol", "reconfigure"), title="after the lines are in slurm.conf"),
        ),
    )
