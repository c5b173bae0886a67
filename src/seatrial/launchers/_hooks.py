"""What the hooks of all engines have in common: the command that they run, and a step before something else begins."""

from __future__ import annotations

import shlex

from seatrial import __version__
from seatrial.checks.observations import Level
from seatrial.cluster import Cluster

QUICK_SECONDS = 50
"""Most that a quick check may take; one whose own commands hang is done long before. Slurm kills a HealthCheckProgram
after 60 s (slurm.conf(5))."""
FULL_SECONDS = 900
"""Most that a full check may take: DCGM's second level alone takes minutes."""
DEEP_SECONDS = 4 * 3600
"""Most that a deep check may take: DCGM's fourth level alone takes one to two hours."""


def check(cluster: Cluster, level: Level, guard: str = "") -> list[str]:
    """The command that looks at the node it runs on, and where `guard` names a launcher, lets its scheduler follow."""
    instance = ["--instance", cluster.instance_type.removeprefix("ml.")] if cluster.instance_type else []
    guarded = ["--guard", guard] if guard else []
    return [cluster.python, "-m", "seatrial", "check", "node", "--level", level, *instance, *guarded]


def before(cluster: Cluster) -> str:
    """A script that looks at its node, and then becomes the command that it is given.

    It ends with 1 instead only where a rule says FAIL: no check that could not see, that hung, or that is not
    installed keeps a job away.
    """
    return f"""\
#!/bin/sh
# Looks at the node, then becomes the command that it is given: put it before that of the job, for example as the
# image's ENTRYPOINT. Written by seatrial {__version__}.
timeout {QUICK_SECONDS} {shlex.join(check(cluster, "quick"))} >&2
[ $? -ne 1 ] || exit 1
exec "$@"
"""


def lifecycle(cluster: Cluster) -> str:
    """A step of HyperPod's lifecycle script: a node that is sick on its first day does not join the cluster."""
    return f"""\
#!/bin/sh
# Call it at the end of HyperPod's lifecycle script, which runs as root when a node is made: it ends with 1 where a rule
# says FAIL, and HyperPod then gives the node up. Written by seatrial {__version__}.
timeout {FULL_SECONDS} {shlex.join(check(cluster, "full"))}
[ $? -ne 1 ]
"""
