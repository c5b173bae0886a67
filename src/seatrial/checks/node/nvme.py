"""NVMe disks: as much instance storage as the type has, controllers alive, and what they say of their own health."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import only, read_files
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

SECTOR = 512
"""Bytes of one unit of /sys/block/*/size, whatever the disk's own sectors. Linux, Documentation/block/stat.rst."""
SHARE = 0.95
"""Of an instance type's storage that must be there: one disk of the eight of a p5 is an eighth of it."""
STORE = "Amazon EC2 NVMe Instance Storage"
"""Model of what is the node's own; "Amazon Elastic Block Store" is not. EC2 user guide, 'Identify NVMe volumes'."""
WORN_PERCENT = 100
"""Of its endurance that a disk has used up. NVM Express 1.4, figure 194, Percentage Used: may exceed 100."""

_KERNEL = "/proc/sys/kernel/osrelease"
_FILES = (_KERNEL, "/sys/block/nvme*/size", "/sys/block/nvme*/device/model", "/sys/block/nvme*/device/state")


def parse(lines: Lines) -> dict[str, dict[str, str]]:
    """Disk -> size, model and state."""
    files = read_files(lines, _FILES)
    if _KERNEL not in files:
        raise Unreadable(_KERNEL)
    found: dict[str, dict[str, str]] = {}
    for path in files:
        name = path.split("/")[3]
        if path != _KERNEL and re.fullmatch(r"nvme\d+n\d+", name):
            found.setdefault(name, {})[path.rpartition("/")[2]] = only(files, path) or ""
    for name, facts in found.items():
        if not facts.get("size", "").isdecimal() or not facts.get("model"):
            raise Unreadable(f"size and model of {name}")
    return found


DISKS = Source(
    kind="nvme-disks",
    title="NVMe disks of the kernel",
    part="node",
    level="quick",
    parse=parse,
    files=_FILES,
    package="Linux",
)


def _example(*numbers: int) -> str:
    lines = [f"{_KERNEL}:6.1.0"]
    for number in numbers:
        disk = f"/sys/block/nvme{number}n1"
        lines += [f"{disk}/size:7421875000", f"{disk}/device/model:{STORE}", f"{disk}/device/state:live"]
    return "\n".join(lines) + "\n"


@check(
    "node.nvme",
    DISKS,
    scope="disk",
    severity=Severity.ISOLATE,
    expected="as much instance storage as the type has, each controller live",
    why="Caches and fast checkpoints go to a root disk that is smaller and slower, or fail.",
    remedy="stop and start the instance, so that it comes up on another machine; or replace the node",
    cites="EC2 DescribeInstanceTypes, InstanceStorageInfo; AzNHC, check_nvme_count",
    good=_example(*range(1, 9)),
    bad=_example(*range(1, 8)),
)
def storage(rule: Rule, seen: dict[str, dict[str, str]], profile: Profile) -> Iterator[Finding]:
    for name, facts in seen.items():
        if facts.get("state", "") != "live":
            verdict = Verdict.FAIL if facts.get("state") else Verdict.UNKNOWN
            yield rule.finding(verdict, f"its controller is {facts.get('state') or 'silent'}", scope={"disk": name})
    own = [int(facts["size"]) * SECTOR for facts in seen.values() if facts["model"].startswith(STORE)]
    told = f"{len(own)} disks of instance storage, {sum(own) / 1e9:,.0f} GB"
    if profile.instance is None:
        yield rule.finding(Verdict.UNKNOWN, f"{told}, {len(seen)} in all", remedy="say what the node is: --instance")
    elif not profile.instance.nvme_gb:
        yield rule.finding(Verdict.SKIP, f"a {profile.name} has no instance storage")
    else:
        least = SHARE * profile.instance.nvme_gb
        expected = f"{least:,.0f} GB or more, of {profile.instance.nvme_gb:,}"
        yield rule.finding(judged(sum(own) / 1e9 >= least), told, expected=expected)


@dataclass(frozen=True, slots=True)
class Health:
    """What a disk says of itself."""

    disk: str
    warning: int
    """Bits of NVMe's Critical Warning."""
    used_percent: int
    media_errors: int


END = "@ end"
"""Behind the log of the last disk: whoever looks says that there are no more."""


def parse_smart(lines: Lines) -> list[Health]:
    """JSON of ``nvme smart-log``, each behind ``@ DISK``, or of ``smartctl -j``, one or more behind each other."""
    found: list[Health] = []
    disk, text, last = "", "", ""
    for line in lines:
        last = line.strip() or last
        if line.startswith("@ "):
            if text.strip() or (disk and (not found or found[-1].disk != disk)):
                raise Unreadable(f"the whole log of {disk}", line)
            disk = line[2:].strip() if line.strip() != END else ""
            continue
        text += line
        try:
            record = json.loads(text) if text.strip() else None
        except ValueError:
            continue
        if record is not None:
            found.append(_health(record, disk))
            text = ""
    if text.strip() or (disk and last != END) or not (found or last == END):
        raise Unreadable("JSON of nvme smart-log or smartctl, of each disk", text.strip().partition("\n")[0])
    return found


def _health(record: Any, disk: str) -> Health:
    if not isinstance(record, dict):
        raise Unreadable("JSON of nvme smart-log or smartctl", json.dumps(record))
    log = record.get("nvme_smart_health_information_log", record)
    device = record.get("device", {})
    disk = device.get("name", disk) if isinstance(device, dict) else disk
    names = (("critical_warning",), ("percent_used", "percentage_used"), ("media_errors",))
    values = [_count(next((log[name] for name in choice if name in log), None)) for choice in names]
    warning, used, errors = (-1 if value is None else value for value in values)
    if min(warning, used, errors) < 0:
        raise Unreadable("critical_warning, percent_used and media_errors", json.dumps(record))
    return Health(disk or "?", warning, used, errors)


def _count(value: Any) -> int | None:
    """A number; nvme-cli 2 may print the warning as an object, its sum under "value"."""
    value = value.get("value") if isinstance(value, dict) else value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# EBS volumes are NVMe disks as well, and EC2's to watch.
_LOOP = """for folder in /sys/class/nvme/nvme*; do
  [ -e "$folder" ] || continue
  grep -qs 'Elastic Block Store' "$folder/model" && continue
  disk=/dev/${folder##*/}
  echo "@ $disk"
  nvme smart-log --output-format=json "$disk" || exit
done
echo '@ end'"""
SMART = Source(
    kind="smart",
    title="what NVMe disks say of their own health",
    part="node",
    level="full",
    parse=parse_smart,
    command=("sh", "-c", _LOOP),
    tool="nvme",
    package="nvme-cli",
    privileged=True,
    timeout=20.0,
)
_LOG = '@ /dev/nvme0\n{"critical_warning":0,"avail_spare":100,"percent_used":3,"media_errors":0}\n@ end\n'


@check(
    "node.smart",
    SMART,
    scope="disk",
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"no critical warning, no media error, less than {WORN_PERCENT} % of its endurance used",
    why="A disk that announces its end loses checkpoints, or turns read-only in the middle of one.",
    remedy="copy what is needed, and replace the node; on your own hardware the disk",
    cites="NVM Express base specification 1.4, SMART / Health Information, log page 02h",
    good=_LOG,
    bad=_LOG.replace('"critical_warning":0', '"critical_warning":4'),
)
def smart(rule: Rule, seen: list[Health], profile: Profile) -> Iterator[Finding]:
    for health in seen:
        told = f"critical warning {health.warning:#x}, {health.used_percent} % worn, {health.media_errors} media errors"
        doubtful = health.used_percent >= WORN_PERCENT or health.media_errors
        verdict = Verdict.FAIL if health.warning else Verdict.WARN if doubtful else Verdict.PASS
        yield rule.finding(verdict, told, scope={"disk": health.disk})
    if not seen:
        yield rule.finding(Verdict.SKIP, "no NVMe disk but volumes of EBS")
