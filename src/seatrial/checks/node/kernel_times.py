"""What stands before a kernel's message: its time, its host, and whether a kernel wrote it at all.

Forms: dmesg (``[  123.456789] ``), dmesg -T (``[Mon May 25 12:34:56 2026] ``), dmesg --time-format iso, syslog and
journalctl (``May 25 12:34:56 host kernel: ``), journalctl -o short-iso, /dev/kmsg (``6,1234,5678,-;``), NVIDIA's Fabric
Manager (``[May 25 2026 12:34:56] ``), each behind whatever srun or kubectl put before it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Clock = Literal["wall", "boot", ""]
"""By which clock a line is dated: Unix seconds, seconds since boot, or none."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:([.,])(\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)?(?![\d:])")
_CTIME = re.compile(rf"\[?[A-Z][a-z]{{2}} ({_MONTH}) +(\d{{1,2}}) (\d\d):(\d\d):(\d\d) (\d{{4}})\]?")
_FABRIC = re.compile(rf"\[({_MONTH}) (\d\d) (\d{{4}}) (\d\d):(\d\d):(\d\d)\]", re.IGNORECASE)
_SYSLOG = re.compile(rf"\b({_MONTH}) +(\d{{1,2}}) (\d\d):(\d\d):(\d\d)(?:\.\d+)? ")
_BOOT = re.compile(r"\[ *(\d{1,10}\.\d{1,6})\]")
_KMSG = re.compile(r"(?:^|[\s:])\d{1,4},\d+,(\d+),[-c+,\w=]*;")
_LABEL = re.compile(r" {0,5}(\d{1,6}): ")

HEAD = 160
"""Characters in which the time is looked for: pod and container names are long."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a line was written, and by whom."""

    clock: Clock = ""
    time: float | None = None
    kernel: bool = False
    """The line has the form that a kernel's messages have."""
    host: str = ""


def stamp(line: str, near: float = 0.0, limit: float = math.inf) -> Stamp:
    """The stamp of a line. Forms which do not tell the year get that in which they are nearest to `near`, Unix seconds,
    and not after `limit`."""
    head = line[:HEAD]
    host, tagged = _host(head), " kernel:" in head
    if match := _ISO.search(head):
        return Stamp("wall", _iso(match), tagged or match[2] == "," or bool(_BOOT.search(head)), host)
    if match := _CTIME.search(head):
        month, day, hour, minute, second, year = match.groups()
        return Stamp("wall", _unix(int(year), month, day, hour, minute, second), True, host)
    if match := _FABRIC.search(head):
        month, day, year, hour, minute, second = match.groups()
        return Stamp("wall", _unix(int(year), month.title(), day, hour, minute, second), False, host)
    if match := _SYSLOG.search(head):
        return Stamp("wall", _yearless(match.groups(), near, limit), tagged, host)
    if match := _BOOT.search(head):
        return Stamp("boot", float(match[1]), True, host)
    if match := _KMSG.search(head):
        return Stamp("boot", int(match[1]) / 1e6, True, host)
    return Stamp(kernel=tagged, host=host)


def message(line: str) -> str:
    """The line without what dates it, so that the same message looks the same whoever printed it."""
    head = line[:HEAD]
    ends = [m.end() for form in (_ISO, _CTIME, _SYSLOG, _BOOT, _KMSG) if (m := form.search(head))]
    text = line[max(ends, default=0) :]
    return text.partition(" kernel: ")[2].strip() if " kernel: " in text[:HEAD] else text.strip()


def _host(head: str) -> str:
    if " kernel: " in head:
        return head.partition(" kernel: ")[0].rpartition(" ")[2]
    match = _LABEL.match(head)
    return match[1] if match else ""


def _iso(match: re.Match[str]) -> float | None:
    zone = match[4] or "+00:00"  # as good as any: only differences count in a log that tells none
    try:
        return datetime.fromisoformat(f"{match[1]}.{(match[3] or '0').ljust(6, '0')}{zone}").timestamp()
    except ValueError:
        return None


def _unix(year: int, month: str, day: str, hour: str, minute: str, second: str) -> float | None:
    try:
        moment = datetime(year, _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def _yearless(parts: tuple[str, ...], near: float, limit: float) -> float | None:
    year = datetime.fromtimestamp(near, UTC).year
    times = [_unix(y, *parts) for y in (year - 1, year, year + 1)]
    fit = [time for time in times if time is not None and time <= limit]
    return min(fit, key=lambda time: abs(time - near), default=None)


def told(clock: Clock, time: float | None) -> str:
    """A time for people."""
    if time is None:
        return "at an unknown time"
    if clock == "boot":
        return f"{time:.0f} s after boot"
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
