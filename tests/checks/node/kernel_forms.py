"""The same message as every tool prints it, and a log around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from seatrial.checks.catalogue import find
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Finding

BOOT = datetime(2026, 11, 28, 8, 0, 0, tzinfo=UTC)
HOUR = 3600.0


def at(seconds: float) -> datetime:
    return BOOT + timedelta(seconds=seconds)


def _ctime(seconds: float) -> str:
    return at(seconds).strftime("%a %b %e %H:%M:%S %Y")


def _syslog(seconds: float) -> str:
    return at(seconds).strftime("%b %e %H:%M:%S")


def iso(seconds: float, message: str) -> str:
    return f"{at(seconds):%Y-%m-%dT%H:%M:%S},{at(seconds).microsecond:06d}+00:00 {message}"


FORMS: dict[str, Callable[[float, str], str]] = {
    "dmesg": lambda t, m: f"[{t:12.6f}] {m}",
    "dmesg with the caller": lambda t, m: f"[{t:12.6f}][ T7652] {m}",
    "dmesg -T": lambda t, m: f"[{_ctime(t)}] {m}",
    "dmesg --time-format iso": iso,
    "dmesg --color": lambda t, m: (
        f"\x1b[32m[{t:12.6f}] \x1b[0m{m.replace('NVRM:', chr(27) + '[33mNVRM:' + chr(27) + '[0m')}"
    ),
    "kmsg": lambda t, m: f"3,{int(t)},{int(t * 1e6)},-;{m}",
    "kmsg with the caller": lambda t, m: f"4,{int(t)},{int(t * 1e6)},-,caller=T12;{m}",
    "syslog": lambda t, m: f"{_syslog(t)} ip-10-0-0-1 kernel: {m}",
    "syslog with both times": lambda t, m: f"{_syslog(t)} ip-10-0-0-1 kernel: [{t:12.6f}] {m}",
    "syslog in iso": lambda t, m: f"{at(t):%Y-%m-%dT%H:%M:%S}.123456+00:00 ip-10-0-0-1 kernel: [{t:12.6f}] {m}",
    "journalctl -o short-iso": lambda t, m: f"{at(t):%Y-%m-%dT%H:%M:%S}+0000 ip-10-0-0-1 kernel: {m}",
    "srun --label": lambda t, m: f" 3: [{t:12.6f}] {m}",
    "kubectl --prefix --timestamps": lambda t, m: f"[pod/agent-x7/agent] 2026-11-28T12:00:00.5Z [{t:12.6f}] {m}",
    "mpirun --tag-output": lambda t, m: f"[1,3]<stdout>:[{t:12.6f}] {m}",
    "carriage returns": lambda t, m: f"[{t:12.6f}] {m}\r",
}
"""Name -> line of a message so many seconds after boot, without its end."""


def log(events: Iterable[tuple[float, str]], form: Callable[[float, str], str] = iso, end: float = 4 * HOUR) -> str:
    """A log from boot until `end` seconds after it, with these events in it."""
    lines = [
        (0.0, "Linux version 6.8.0-1021-aws (buildd@lcy02-amd64-078) #23-Ubuntu SMP"),
        (9.5, "nvidia: loading out-of-tree module taints kernel."),
        *events,
        (end, "docker0: port 1(veth1a2b3c4) entered forwarding state"),
    ]
    return "".join(form(seconds, message) + "\n" for seconds, message in sorted(lines, key=lambda line: line[0]))


def judged(rule: str, text: str, profile: Profile = NOT_KNOWN, **fields: object) -> list[Finding]:
    """What a rule says of a text, which somebody else has captured at the end of it."""
    given = {"taken": at(4 * HOUR).timestamp(), "foreign": True} | fields
    return judge([find(rule)], [Observation(kind="kernel-log", origin="here", text=text, **given)], profile)
