"""A kernel's log, read in one pass: which faults it tells of, when and how often. Memory does not grow with the log."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from seatrial.checks.node.kernel_events import BURST, DAY, Cursor, Incident, Log, Trace
from seatrial.checks.node.kernel_signatures import SIGNATURES, Signature, Subject
from seatrial.checks.node.kernel_times import Stamp, message, stamp
from seatrial.checks.node.xid_lines import SXID, XID
from seatrial.checks.observations import Lines, Source, Unreadable

BACK = 10.0
"""Seconds that a clock may go back without a boot: messages of several CPUs are not quite in order."""
KINDS = 10_000
"""Different faults that are kept: more of them is no log of one node."""
ALL = (*SIGNATURES, XID, SXID)
BOOTED = "Linux version "
"""The first message of every boot."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What dmesg --color=always writes."""
_TOKENS = {token for signature in ALL for token in signature.tokens} | {BOOTED}
_CAPITALS = re.compile(  # by first letters: most letters of a log are none of them, and so are passed over at once
    "|".join(
        f"{letter}(?:{'|'.join(re.escape(token[1:]) for token in sorted(_TOKENS, reverse=True) if token[0] == letter)})"
        for letter in sorted({token[0] for token in _TOKENS if token[0].isupper()})
    )
)
_OTHERS = tuple(sorted(token for token in _TOKENS if not token[0].isupper()))
_OF_TOKEN = {token: [signature for signature in ALL if token in signature.tokens] for token in _TOKENS}
"""Word that was found -> signatures that the line may be of."""


def parse(lines: Lines, reported: Cursor | None = None) -> Log:
    """The faults in a log. What stands up to `reported` has been told already, but for what lasts until a reboot."""
    return _Reader(lines, reported).read()


class _Reader:
    def __init__(self, lines: Lines, reported: Cursor | None) -> None:
        self.lines, self.reported = lines, reported
        self.log = Log(taken=0.0 if lines.foreign else lines.taken)
        self.limit = lines.taken + DAY if lines.taken else float("inf")
        self.near = lines.taken
        """About when the lines were written, Unix seconds."""
        self.before: dict[str, float] = defaultdict(float)
        """Host -> seconds of its earlier boots, for the clock that begins anew with each."""

    def read(self) -> Log:
        log, first_line = self.log, ""
        for block in self.lines.blocks():
            first_line = first_line or block.partition("\n")[0]
            if not log.count:
                self._begin(block)
            offset, log.count = log.count, self.lines.count
            for number, line, tokens in _candidates(block, self.reported):
                self._candidate(line, tokens, offset + number)
            self._end_of_block(block)
        if not log.kernel and not log.traces:
            raise Unreadable("a line of a kernel's log, such as '[   12.345678] nvidia: loading'", first_line)
        return log

    def _begin(self, block: str) -> None:
        """How far back the log goes: its first lines that are dated."""
        for line in block[:8192].splitlines()[:64]:
            seen = self._stamp(line)
            if seen.time is not None and seen.kernel:
                return

    def _end_of_block(self, block: str) -> None:
        for line in reversed(block[-8192:].splitlines()[-64:]):
            seen, text = self._stamp(line), message(line)
            if seen.time is not None and text:
                self.log.mark = Cursor(text, seen.time)
                return

    def _stamp(self, line: str) -> Stamp:
        """The time of a line, and what it says about the log."""
        log = self.log
        found = stamp(line, self.near, self.limit)
        log.kernel = log.kernel or found.kernel
        if found.time is None:
            return found
        place, time = (found.clock, found.host), found.time
        if found.clock == "wall":
            self.near = time
        else:
            time = self._since_first_boot(found.host, time)
        if found.kernel and place not in log.first:
            log.first[place] = time
            if BOOTED in line or (found.clock == "boot" and time < 1.0):
                log.from_boot.add(found.host)
        log.newest[place] = max(log.newest.get(place, time), time)
        return Stamp(found.clock, time, found.kernel, found.host)

    def _since_first_boot(self, host: str, time: float) -> float:
        """Seconds since boot as seconds since the first boot in the log: as few as they can be."""
        newest = self.log.newest.get(("boot", host), 0.0)
        if time + self.before[host] < newest - BACK:
            self.before[host] = newest
            self.log.boots[host] += 1
        return time + self.before[host]

    def _candidate(self, line: str, tokens: set[str], number: int) -> None:
        coloured = "\x1b" in line
        plain = _COLOUR.sub("", line).rstrip() if coloured else line.rstrip()
        kinds = {id(s): s for token in tokens for s in _OF_TOKEN.get(token, ())}.values()
        found = [(s, at) for s in kinds for at in s.subjects(plain) or (s.subjects(line) if coloured else ())]
        line = plain
        booted, mark = BOOTED in tokens, self.reported is not None and self.reported.line in tokens
        if not found and not booted and not mark:
            return
        seen = self._stamp(line)
        if booted:
            self.log.boots[seen.host] += 1
        for signature, subject in found:
            self._add(signature, subject, seen, line, number)
        if mark:
            self._told(seen, message(line))

    def _add(self, signature: Signature, subject: Subject, seen: Stamp, line: str, number: int) -> None:
        key = (signature.name, subject, seen.host, seen.clock)
        trace = self.log.traces.get(key)
        if trace is None:
            if len(self.log.traces) >= KINDS:
                self.log.full = True
                return
            trace = self.log.traces[key] = Trace(signature, subject, seen.host, seen.clock)
        trace.line, trace.number, trace.total = line, number, trace.total + 1
        boot, latest = self.log.boots[seen.host], trace.incidents[-1] if trace.incidents else None
        if latest and latest.boot == boot and not latest.reported and _same(latest, seen.time):
            latest.count += 1
            latest.last = seen.time
        else:
            trace.incidents.append(Incident(seen.time, seen.time, boot))

    def _told(self, seen: Stamp, text: str) -> None:
        """If this is the line that was told of last, everything so far was."""
        cursor = self.reported
        # dmesg computes the time of day anew at each call, so that it moves with the clock: a second is allowed for.
        if cursor is None or text != cursor.line or seen.time is None or abs(seen.time - cursor.time) > 1.0:
            return
        self.reported = None
        for trace in self.log.traces.values():
            for incident in trace.incidents:
                incident.reported = True


def _same(incident: Incident, time: float | None) -> bool:
    """Whether an event is still of an incident: one lasts no longer than a burst, so that windows stay sharp."""
    if time is None or incident.first is None:
        return time is None and incident.first is None
    return 0.0 <= time - incident.first <= BURST


def _candidates(block: str, reported: Cursor | None) -> Iterator[tuple[int, str, set[str]]]:
    """Number and text of the lines that hold a word which some fault's line must hold, and those words."""
    places = [(match.start(), match[0]) for match in _CAPITALS.finditer(block)]
    for token in (*_OTHERS, *([reported.line] if reported else [])):
        place = block.find(token)
        while place >= 0:
            places.append((place, token))
            place = block.find(token, place + 1)
    places.sort()
    number, end, tokens = 1, 0, set[str]()
    for index, (place, token) in enumerate(places):
        begin = block.rfind("\n", 0, place) + 1
        number += block.count("\n", end, begin)
        end = begin
        tokens.add(token)
        behind = block.find("\n", place) + 1 or len(block)
        if index + 1 == len(places) or places[index + 1][0] >= behind:
            yield number, block[begin:behind], tokens
            tokens = set()


KERNEL_LOG = Source(
    kind="kernel-log",
    title="the kernel's log",
    part="node",
    level="quick",
    parse=parse,
    command=("dmesg", "--time-format", "iso"),
    package="util-linux",
    privileged=True,
    disproved_by="deep",
)
