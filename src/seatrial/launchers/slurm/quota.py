"""What Slurm's associations and QOS leave for a job on all nodes. Recorded answers: tests/launchers/slurm/recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.checks.scontrol import fields
from seatrial.cluster import Cluster
from seatrial.findings import Finding, Verdict
from seatrial.hardware import accelerators, instances
from seatrial.launchers._rules import finding
from seatrial.launchers.slurm.options import Options

SCRIPT = """\
echo "user=$(id -un)"
scontrol show config | grep -E '^AccountingStorage(Type|Enforce) '
sacctmgr --noheader --parsable2 show associations user="$(id -un)" format=Account,Partition,DefaultQOS | sed 's/^/of=/'
sacctmgr --noheader --parsable2 show qos format=Name,MaxTRESPU | sed 's/^/each=/'
scontrol --oneliner show assoc_mgr flags=assoc,qos
"""
"""The controller's own view has the limits with what is used of them; the default QOS and the limit of each user stand
in the database alone."""
DEFAULT_QOS = "normal"
"""Of an association that names none. sacctmgr(1)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So much of a resource, over all jobs together or in one."""

    who: str
    name: str
    """As Slurm calls it: ``node``, ``cpu``, ``gres/gpu``."""
    most: int
    used: int = 0
    on_each: bool = False
    """On each node of a job."""


def judge(text: str, cluster: Cluster) -> Iterator[Finding]:
    """Findings about what SCRIPT printed."""
    options: Options = cluster.options
    key = "options.account" if options.account else ""
    kind, enforced = (_setting(text, name) for name in ("Type", "Enforce"))
    if kind in ("accounting_storage/none", "(null)"):
        yield finding("quota", Verdict.SKIP, "Slurm keeps no accounts here, and holds nobody to a limit", key=key)
        return
    if kind and enforced and not {"limits", "safe", "qos", "all"} & {*enforced.split(",")}:
        yield finding("quota", Verdict.SKIP, f"Slurm holds nobody to limits: it enforces {enforced}", key=key)
        return
    records = [fields(line) for line in text.splitlines() if re.match(r"(ClusterName|QOS)=", line)]
    mine = _association(text, records, options)
    if mine is None:
        what = "the limits cannot be seen: scontrol show assoc_mgr and sacctmgr show no account of this user"
        yield finding("quota", Verdict.UNKNOWN, what, remedy="ask who runs the accounts: sacctmgr show user", key=key)
        return
    limits = [*_of_accounts(mine, records), *_of_qos(text, mine, records, options)]
    bad = [found for limit in limits if (found := _judged(limit, cluster, key))]
    yield from bad
    if not bad:
        yield finding("quota", Verdict.PASS, f"{len(limits)} limits of account {mine['Account']} leave room", key=key)


def _setting(text: str, name: str) -> str:
    found = re.search(rf"^AccountingStorage{name}\s*= (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _association(text: str, records: list[dict[str, str]], options: Options) -> dict[str, str] | None:
    """That of this user that a job gets: of its account or the default one, of its partition before all partitions."""
    user = re.search(r"^user=(.+)$", text, re.MULTILINE)
    mine = [r for r in records if user and r.get("UserName", "").partition("(")[0] == user[1]]
    mine = [r for r in mine if r.get("Partition", "") in ("", options.partition)]
    chosen = [r for r in mine if (r["Account"] == options.account if options.account else r.get("DefAssoc") == "Yes")]
    return max(chosen, key=lambda record: record.get("Partition", ""), default=None)


def _of_accounts(mine: dict[str, str], records: list[dict[str, str]]) -> Iterator[Limit]:
    """Of the user, of his account and of all above it."""
    yield from _limits(mine, f"your account {mine['Account']}")
    accounts = {r["Account"]: r for r in records if r.get("UserName") == "" and "Account" in r}
    name = mine["Account"]
    while name in accounts:
        record = accounts.pop(name)  # once, should they go in a circle
        yield from _limits(record, f"account {name}")
        name = record.get("ParentAccount", "").partition("(")[0]


def _of_qos(text: str, mine: dict[str, str], records: list[dict[str, str]], options: Options) -> Iterator[Limit]:
    defaults = dict[tuple[str, str], str]()
    for line in re.findall(r"^of=(.*)$", text, re.MULTILINE):
        account, partition, qos = (*line.split("|"), "", "")[:3]
        defaults[account, partition] = qos
    name = options.qos or defaults.get((mine["Account"], mine.get("Partition", ""))) or DEFAULT_QOS
    for record in records:
        if record.get("QOS", "").partition("(")[0] == name:
            yield from _limits(record, f"QOS {name}")
    for line in re.findall(r"^each=(.*)$", text, re.MULTILINE):
        qos, _, limits = line.partition("|")
        if qos == name:
            yield from (Limit(f"QOS {name}, of each user", *limit) for limit in _parsed(limits))


def _limits(record: Mapping[str, str], who: str) -> Iterator[Limit]:
    yield from (Limit(who, *limit) for limit in _parsed(record.get("GrpTRES", "")))
    yield from (Limit(f"{who}, in one job", *limit) for limit in _parsed(record.get("MaxTRESPJ", "")))
    yield from (Limit(f"{who}, on one node", *limit, on_each=True) for limit in _parsed(record.get("MaxTRESPN", "")))


def _parsed(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, limit and what is used of ``cpu=N(192),node=3(1),gres/gpu=24``; those without a limit are N."""
    for name, most, used in re.findall(r"([\w/:.-]+)=(\d+)(?:\((\d+)\))?(?=,|$)", text):
        yield name, int(most), int(used or 0)


def _judged(limit: Limit, cluster: Cluster, key: str) -> Finding | None:
    """None: it leaves room, or the job asks for nothing of the kind."""
    wanted = _asked(cluster).get(limit.name, 0) // (cluster.nodes if limit.on_each else 1)
    if wanted <= limit.most - limit.used:
        return None
    never = wanted > limit.most
    observed = f"{limit.who}: {limit.most} of {limit.name}" + (f", {limit.used} are in use" if limit.used else "")
    remedy = "ask for more, or lower nodes in seatrial.toml: no waiting helps" if never else "wait until others end"
    expected = f"{wanted} on each node" if limit.on_each else f"{wanted} for {cluster.nodes} nodes"
    return finding("quota", Verdict.FAIL if never else Verdict.WARN, observed, expected, remedy, key=key)


def _asked(cluster: Cluster) -> dict[str, int]:
    """Of a job on all nodes."""
    asked = {"node": cluster.nodes, "cpu": cluster.nodes * cluster.cpus_per_node}
    name = instances.instance(cluster.instance_type).accelerator if cluster.instance_type else None
    if name and accelerators.accelerator(name).vendor == "NVIDIA" and cluster.options.gpus != "none":
        asked["gres/gpu"] = cluster.nodes * cluster.processes_per_node
    return asked
