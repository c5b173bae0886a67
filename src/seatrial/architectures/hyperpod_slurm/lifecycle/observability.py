"""Exporters on every node, and Prometheus on the controller, as units of systemd."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import apt
from .files import write
from .node import Node
from .steps import log, run, succeeds

FOLDER = Path("/etc/seatrial/observe")
UNITS = Path("/etc/systemd/system")
PACKAGES = {
    "node_exporter": "prometheus-node-exporter",
    "prometheus": "prometheus",
    "alertmanager": "prometheus-alertmanager",
}
"""Program -> package of Debian and Ubuntu, which is also the name of its program and of its unit there."""
REMEDY = "see why: journalctl --unit 'seatrial-*'"


def start(node: Node, bundle: Path) -> None:
    """What the bundle has for this node."""
    folders = [bundle / "observe/node"] + ([bundle / "observe/head"] if node.role == "controller" else [])
    files = {path: path.relative_to(one) for one in folders for path in sorted(one.rglob("*")) if path.is_file()}
    _programs([path.read_text() for path in files if path.suffix == ".service"])
    changed = False
    for path, name in files.items():
        place = UNITS / name if path.suffix in (".service", ".timer") else FOLDER / name
        changed |= write(place, path.read_text())
    units = [name.name for name in files.values() if name.suffix == ".timer"]
    units += [name.name for name in files.values() if name.suffix == ".service" and name.stem not in _timed(units)]
    units = [unit for unit in units if _can_run((UNITS / unit).read_text(), unit)]
    if changed:
        run("systemctl", "daemon-reload", remedy=REMEDY)
    for unit in units:
        if changed or not succeeds("systemctl", "is-active", "--quiet", unit):
            run("systemctl", "enable", unit, remedy=REMEDY)
            run("systemctl", "restart", "--no-block", unit, remedy=REMEDY)
            log(f"    started {unit}")


def _programs(units: list[str]) -> None:
    """Those that units start and the node lacks. Their packages' own units must not take the ports."""
    for program, package in PACKAGES.items():
        if any(f"/usr/bin/env {program} " in unit for unit in units) and not shutil.which(program):
            run("systemctl", "mask", package, remedy=REMEDY)
            apt.install([package])
            if program != package:
                Path(f"/usr/local/bin/{program}").symlink_to(f"/usr/bin/{package}")


def _can_run(unit: str, name: str) -> bool:
    """DCGM's exporter is in no distribution: where HyperPod's AMI has none, GPUs have no metrics."""
    if "/usr/bin/env dcgm-exporter" in unit and not shutil.which("dcgm-exporter"):
        log(f"    {name} is not started: there is no dcgm-exporter")
        return False
    return True


def _timed(units: list[str]) -> set[str]:
    return {unit.rpartition(".")[0] for unit in units}
