"""Files through which programs reach the EFA devices: there are as many as devices, and all may open them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged


def parse_uverbs(lines: Lines) -> dict[str, str]:
    """Name -> permissions, of what ``ls -l`` lists; none where there is no such folder."""
    found = {}
    for line in lines:
        text = line.strip()
        if re.match(r"\S*ls: ", text) and text.endswith(": No such file or directory"):
            return {}
        match = re.fullmatch(r"[cdl-]([rwxsStT-]{9})[.+@]? .* (\S+)", text)
        if match is None and not re.fullmatch(r"total \d+", text):
            raise Unreadable("a line of ls -l", line)
        if match and text.startswith("c") and match[2].startswith("uverbs"):
            found[match[2]] = match[1]
    return found


UVERBS = Source(
    kind="efa-uverbs",
    title="files through which programs reach the EFA devices",
    part="efa",
    level="quick",
    parse=parse_uverbs,
    command=("ls", "-l", "/dev/infiniband"),
    package="coreutils",
    errors=True,
)
_UVERBS = "total 0\ncrw-rw-rw- 1 root root 231, 192 Nov 28 12:00 uverbs0\n"


@check(
    "efa.uverbs",
    UVERBS,
    scope="nic",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="one /dev/infiniband/uverbs* for each EFA device, which every user may open",
    why="What is not there, or may not be opened, is not there for a job, which then goes over TCP.",
    remedy="give the container all of /dev/infiniband; the EFA installer's udev rule lets everybody open it",
    cites="AWS's EFA guide, containers; libfabric, man 7 fi_efa",
    good=_UVERBS,
    bad="total 0\ncrw------- 1 root root 231, 192 Nov 28 12:00 uverbs0\n",
    on="c5n.18xlarge",
)
def uverbs(rule: Rule, seen: dict[str, str], profile: Profile) -> Iterator[Finding]:
    told = f"{len(seen)} files"
    closed = sorted(name for name, mode in seen.items() if mode[6:8] != "rw")
    if profile.efa is None:
        yield rule.finding(Verdict.UNKNOWN, told, remedy="say what the node is: --instance")
    elif closed and len(seen) >= profile.efa:
        yield rule.finding(Verdict.WARN, f"{told}, but only some users may open {', '.join(closed)}")
    else:
        yield rule.finding(judged(len(seen) >= profile.efa), told, expected=f"{profile.efa} or more")
