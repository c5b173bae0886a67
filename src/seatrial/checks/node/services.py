"""Services that let a node take jobs: those that are installed and switched on are running."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import settings
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

SERVICES = (
    "slurmd",
    "munge",
    "kubelet",
    "containerd",
    "docker",
    "chronyd",
    "chrony",
    "systemd-timesyncd",
    "nvidia-persistenced",
    "amazon-ssm-agent",
)
"""Those of Slurm's and Kubernetes' nodes on AWS. Fabric Manager has a rule of its own, with the NVSwitches."""

_NAMES = ("Id", "LoadState", "UnitFileState", "ActiveState", "SubState")


def parse(lines: Lines) -> dict[str, dict[str, str]]:
    """Service -> its properties: blocks of ``systemctl show``, a blank line between two."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line.strip())
        elif blocks[-1]:
            blocks.append([])
    found = {}
    for block in filter(None, blocks):
        facts = settings(block)
        if lacking := [name for name in _NAMES if name not in facts]:
            raise Unreadable(f"{lacking[0]} of {facts.get('Id', 'a service')}", block[-1])
        found[facts["Id"].removesuffix(".service")] = facts
    if len(found) < len(SERVICES) and lines.whole:
        # Names that are one another's alias are told once.
        found_or_alias = [name for name in SERVICES if name not in found and name not in ("chrony", "chronyd")]
        if found_or_alias:
            raise Unreadable(f"properties of {found_or_alias[0]}")
    return found


SYSTEMD = Source(
    kind="services",
    title="services of a node",
    part="node",
    level="quick",
    parse=parse,
    command=("systemctl", "show", f"--property={','.join(_NAMES)}", *(f"{name}.service" for name in SERVICES)),
    package="systemd",
)


def _example(active: str, sub: str) -> str:
    absent = "Id={}.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n"
    there = f"Id=slurmd.service\nLoadState=loaded\nActiveState={active}\nSubState={sub}\nUnitFileState=enabled\n"
    return "\n".join(there if name == "slurmd" else absent.format(name) for name in SERVICES)


@check(
    "node.services",
    SYSTEMD,
    severity=Severity.REBOOT,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="running, where they are installed and switched on",
    why="Without its daemon the node takes no job, or takes one and loses it.",
    remedy="systemctl restart it, and journalctl -u tells why it went; reboot if it does not come up",
    cites="man 1 systemctl; AzNHC, check_ps_service; Imbue host health checks",
    good=_example("active", "running"),
    bad=_example("failed", "failed"),
)
def services(rule: Rule, seen: dict[str, dict[str, str]], profile: Profile) -> Iterator[Finding]:
    wanted = 0
    for name, facts in seen.items():
        if facts["LoadState"] != "loaded" or not facts["UnitFileState"].startswith("enabled"):
            continue
        wanted += 1
        active, told = facts["ActiveState"], f"{facts['ActiveState']} ({facts['SubState']})"
        verdict = judged(active in ("active", "reloading"))
        if active == "activating" and facts["SubState"].startswith("start"):  # not auto-restart, which goes in circles
            verdict = Verdict.WARN
        yield rule.finding(verdict, told, scope={"service": name})
    if not wanted:
        yield rule.finding(Verdict.SKIP, f"none of {', '.join(SERVICES)} is installed and switched on")
