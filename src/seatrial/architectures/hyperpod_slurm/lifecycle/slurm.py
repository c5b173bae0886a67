"""Slurm's configuration on the controller, and its daemons on every node.

HyperPod's agent writes slurm.conf with the nodes, as the controller alone has it: the others get it from slurmctld.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from . import slurm_conf
from .accounting import SLURM_CONF as ACCOUNTING
from .files import write
from .node import Node
from .steps import Failure, log, retry, run, succeeds

ETC = Path("/opt/slurm/etc")
CONF = ETC / "slurm.conf"
HOOKS = Path("/opt/seatrial/hooks")
CONF_SECONDS = 300
"""How long to wait for HyperPod's agent."""
PAUSES = (1, 2, 4, 8, 16, 32)
"""Seconds between questions to a daemon that begins."""
OURS = "# Written by seatrial.\n"
"""First line of files that may be written anew; others are HyperPod's, and stay."""
DROP_IN = "/etc/systemd/system/{unit}.service.d/seatrial.conf"


def configure(node: Node, bundle: Path) -> None:
    """On the controller: all that is ours in slurm.conf, and the files beside it."""
    _wait_for_conf(node)
    before = CONF.read_text()
    text = slurm_conf.with_values(before, node.settings["slurm"])
    if node.settings["health_checks"]:
        text = slurm_conf.with_values(text, _hook_lines(text, bundle))
    if "accounting" in node.places:
        text = slurm_conf.with_values(text, {**ACCOUNTING, "AccountingStorageHost": node.name})
    known = slurm_conf.node_names(text)
    partitions = {name: [one for one in node.nodes(name) if one in known] for name in node.partitions}
    gpus = {
        name: partition["gpus"]
        for partition in node.settings["partitions"]
        for name in partitions[partition["name"]]
        if partition["gpus"]
    }
    if gpus:
        text = slurm_conf.with_gpus(slurm_conf.with_values(text, {"GresTypes": "gpu"}), gpus)
        _write_ours(ETC / "gres.conf", slurm_conf.gres(gpus))
    if topology := _topology(node, known):
        _write_ours(ETC / "topology.conf", topology)
        text = slurm_conf.with_values(text, {"TopologyPlugin": "topology/tree"})
    default = next(one["name"] for one in node.settings["partitions"] if one["default"])
    _write_conf(slurm_conf.with_partitions(text, partitions, default))


def install_hooks(node: Node, bundle: Path) -> None:
    """On workers: what slurmd runs before and after jobs, for nodes of this one's type."""
    for path in sorted((bundle / "hooks" / node.group).glob("*.sh")):
        write(HOOKS / path.name, path.read_text(), 0o755)


def start_munge() -> None:
    """What all daemons know each other by, with the key that HyperPod's agent gives all nodes."""
    if not succeeds("systemctl", "is-active", "--quiet", "munge"):
        run("systemctl", "enable", "--now", "munge", remedy=_remedy("munge"))
        log("    started munge")


def start_controller() -> None:
    """slurmctld, with the configuration as it is now."""
    fresh = _conf_is_newer()
    run("systemctl", "enable", "slurmctld", remedy=_remedy("slurmctld"))
    if fresh or not succeeds("systemctl", "is-active", "--quiet", "slurmctld"):
        run("systemctl", "restart", "slurmctld", remedy=_remedy("slurmctld"))
        log("    started slurmctld")
    retry("slurmctld", PAUSES, lambda: run("/opt/slurm/bin/scontrol", "ping", remedy=_remedy("slurmctld")))
    write(_applied(), CONF.read_text())


def start_node(node: Node) -> None:
    """slurmd, which gets its configuration from the controller, as soon as that answers.

    On a login node sackd does the same for commands; Slurm before 23.11 has none, and slurmd does it there.
    """
    unit = "sackd" if node.role == "login" and succeeds("systemctl", "cat", "sackd") else "slurmd"
    option = f"{unit.upper()}_OPTIONS"
    text = f"{OURS}[Service]\nEnvironment={option}=--conf-server={node.controller}\nRestart=on-failure\nRestartSec=10\n"
    changed = write(Path(DROP_IN.format(unit=unit)), text)
    if changed:
        run("systemctl", "daemon-reload", remedy=_remedy(unit))
    run("systemctl", "enable", unit, remedy=_remedy(unit))
    if changed or not succeeds("systemctl", "is-active", "--quiet", unit):
        # The controller may be minutes behind: systemd goes on trying, and nothing here waits for it.
        run("systemctl", "restart", "--no-block", unit, remedy=_remedy(unit))
        log(f"    started {unit}, which asks {node.controller} for its configuration")


def _wait_for_conf(node: Node) -> None:
    until = time.monotonic() + CONF_SECONDS
    while not (CONF.exists() and {node.name, node.controller} & set(_words(CONF.read_text()))):
        if time.monotonic() > until:
            what = f"{CONF} does not name the controller {node.name} after {CONF_SECONDS} s"
            raise Failure(what, "see what HyperPod's agent says: its log is in CloudWatch")
        time.sleep(2)


def _words(text: str) -> list[str]:
    host = slurm_conf.value(text, "SlurmctldHost") or ""
    return host.replace("(", " ").replace(")", " ").split()


def _hook_lines(text: str, bundle: Path) -> dict[str, str]:
    """Parameters of the hooks, without programs in whose place HyperPod has some of its own."""
    lines = next((bundle / "hooks").glob("*/slurm.conf.lines")).read_text()  # the same for all groups
    wanted = slurm_conf.parameters(lines.splitlines())
    for key in ("Prolog", "Epilog", "HealthCheckProgram"):
        there = slurm_conf.value(text, key)
        if there not in (None, wanted[key]):
            log(f"    warning: {key} stays {there}, so {wanted.pop(key)} is not run")
    return wanted


def _topology(node: Node, known: set[str]) -> str:
    """Of all workers, or empty where one is missing: a tree without it would keep it from jobs."""
    path = ETC / "topology.conf"
    if path.exists() and path.read_text().strip() and not path.read_text().startswith(OURS):
        return ""
    ids = {found: name for part in node.partitions for name, found in node.nodes(part).items() if name in known}
    command = ("aws", "ec2", "describe-instance-topology", "--region", node.settings["region"], "--output", "json")
    try:
        answer = json.loads(run(*command, "--instance-ids", *ids, remedy="")) if ids else {"Instances": []}
    except Failure as failure:
        log(f"    no topology: {str(failure).splitlines()[-1].strip()}")
        return ""
    paths = {ids[one["InstanceId"]]: one["NetworkNodes"] for one in answer["Instances"] if one["InstanceId"] in ids}
    if not ids or set(paths) != set(ids.values()):
        log("    no topology: EC2 does not tell the network nodes of all workers")
        return ""
    return slurm_conf.tree(paths)


def _write_ours(path: Path, text: str) -> None:
    if path.exists() and path.read_text().strip() and not path.read_text().startswith(OURS):
        log(f"    {path} stays as HyperPod has written it")
        return
    write(path, OURS + text)


def _write_conf(text: str) -> None:
    """With the owner and mode that it has."""
    found = CONF.stat()
    write(CONF, text, found.st_mode & 0o7777, (found.st_uid, found.st_gid))


def _applied() -> Path:
    """slurm.conf as slurmctld was last started with it."""
    return Path("/var/lib/seatrial/slurm.conf.applied")


def _conf_is_newer() -> bool:
    return not _applied().exists() or _applied().read_text() != CONF.read_text()


def _remedy(unit: str) -> str:
    return f"see why: journalctl --unit {unit}"
