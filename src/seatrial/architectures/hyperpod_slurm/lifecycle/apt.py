"""Packages of the distribution."""

from __future__ import annotations

import os
from collections.abc import Collection

from .steps import log, retry, run, succeeds

LOCK_SECONDS = 600
"""How long to wait for another apt: that of the first boot's unattended upgrades takes minutes."""
PAUSES = (5, 10, 20, 40)
"""Seconds between tries of what needs the network; apt waits for no lock of its lists."""


def install(packages: Collection[str], lock_seconds: int = LOCK_SECONDS, pauses: Collection[float] = PAUSES) -> None:
    """Install those that are not there. Raises Failure."""
    missing = [name for name in packages if not _installed(name)]
    if not missing:
        return
    log(f"    installs {', '.join(missing)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    apt = ("apt-get", "-q", "-o", f"DPkg::Lock::Timeout={lock_seconds}")
    remedy = "see which process holds the lock, or whether the network reaches the archive"

    def attempt() -> str:
        # What an installation that was cut off has left half done.
        run("dpkg", "--configure", "-a", remedy=remedy) if _half_done() else None
        run(*apt, "update", remedy=remedy)
        return run(*apt, "install", "-y", "--no-remove", "--no-install-recommends", *missing, remedy=remedy)

    retry("apt", tuple(pauses), attempt)


def _installed(package: str) -> bool:
    return succeeds("sh", "-c", f"dpkg-query -W -f '${{db:Status-Status}}' {package} 2>/dev/null | grep -qx installed")


def _half_done() -> bool:
    return not succeeds("sh", "-c", 'test -z "$(dpkg --audit)"')
