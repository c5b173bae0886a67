"""Whether the programs are here that install what belongs into a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from seatrial.findings import Finding
from seatrial.preflight.site import FAIL, PASS, Site, rule

TOOLS = rule(
    "tools",
    (PASS, FAIL),
    reads="PATH of this machine",
    expected="each program by which something is installed once the stack stands",
    why="the stack would stand after half an hour, and nothing in it would work",
    remedy="install it: https://kubernetes.io/docs/tasks/tools, https://helm.sh/docs/intro/install, "
    "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    source="docs/architectures.md",
    good="aws, helm, kubectl",
    bad="helm is not on PATH",
)


def look(site: Site) -> Iterator[Finding]:
    """One finding where anything is installed."""
    commands = [command for one in site.deployment.order() for command in one.installs().commands]
    needed = sorted({name for command in commands for name in (command.argv[0], *command.programs)} - {"sh"})
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        yield TOOLS.finding(FAIL, f"{', '.join(missing)} {are} not on PATH")
    elif needed:
        yield TOOLS.finding(PASS, ", ".join(needed))
