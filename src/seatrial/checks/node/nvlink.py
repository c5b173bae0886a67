"""NVLinks of each GPU, by nvidia-smi nvlink: all there, at full speed, without errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import missing
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict
from seatrial.hardware import accelerators

SPEEDS = {"A100": 25.0, "H100": 26.562, "H200": 26.562, "B200": 53.125, "B300": 53.125, "GB200": 53.125}
"""GB/s in each direction of one link, by the first word of an accelerator's name: NVIDIA Health Validation, for Hopper
and Blackwell; nvidia-smi nvlink -s of an A100, an H100 and a p6-b300.48xlarge."""
ROUNDING = 0.99
"""Of that speed. A link at fault trains at a fraction: 1.0 or 1.562 instead of 26.562 were seen on an H200."""
ERRORS = 5
"""Of one kind on one link: Imbue host health checks 8f5964a."""
FAILED = "Link recovery failed events"
"""One is a fault: DCGM's health watch calls it a failure, successful recoveries a warning."""
RECOVERED = ("Link recovery successful events", "Total link recovery events")
NO_ERRORS = re.compile(
    r"FEC Errors - \d+|(?:Effective|Symbol|Raw) BER\b.*|Raw Errors\b.*|[TR]x (?:packets|bytes)|PLR .*"
)
"""Counters that are not zero on a healthy link: traffic, and what its error correction takes in its stride."""
_GPU = re.compile(r"GPU (\d+): (\S.*?)(?: \(UUID: ([\w-]+)\))?(?:\s+(NVML:.*|Device does not have .*))?")
_LINK = re.compile(r"\s+Link (\d+): (.+)")
_SPEED = re.compile(r"(\d+(?:\.\d+)?) GB/s")


@dataclass(slots=True)
class Links:
    """What was said of one GPU's links."""

    gpu: int
    name: str
    links: dict[int, dict[str, str]] = field(default_factory=dict)
    """Link -> what was said of it: counter -> value; its speed has no name."""
    note: str = ""
    """What nvidia-smi said instead."""

    def expected(self, profile: Profile) -> int | None:
        """How many links it should have; None if that is not known."""
        model = accelerators.accelerator_of_device(self.name) or profile.accelerator
        return None if model is None else model.links


def parse(lines: Lines) -> list[Links]:
    """GPUs with their links, of nvidia-smi nvlink -s or -e."""
    found: list[Links] = []
    for line in lines:
        text = line.rstrip()
        gpu, link = _GPU.fullmatch(text), _LINK.fullmatch(text)
        if gpu:
            found.append(Links(int(gpu[1]), gpu[2], note=gpu[4] or ""))
        elif link and found:
            name, _, value = link[2].rpartition(": ")
            values = found[-1].links.setdefault(int(link[1]), {})
            if name in values:
                raise Unreadable(f"link {link[1]} of GPU {found[-1].gpu} once", line)
            values[name] = value
        elif found and text.lstrip().startswith(("NVML:", "Device does not have")):
            found[-1].note = text.strip()
        elif text:
            raise Unreadable("a line such as 'GPU 0: NVIDIA H100 80GB HBM3' or '  Link 0: 26.562 GB/s'", line)
    if not found:
        raise Unreadable("a GPU")
    if len({gpu.gpu for gpu in found}) < len(found):
        raise Unreadable("each GPU once", "a GPU several times")
    return found


def _source(kind: str, title: str, flag: str) -> Source:
    return Source(
        kind=kind,
        title=title,
        part="gpu",
        level="quick",
        parse=parse,
        command=("nvidia-smi", "nvlink", flag),
        package="the NVIDIA driver",
        timeout=9.0,
    )


def example(*values: str, sick: str = "") -> str:
    """Eight H100 with 18 links, and these lines for each; on the last link of the last GPU stands `sick`."""
    text = []
    for gpu in range(8):
        text.append(f"GPU {gpu}: NVIDIA H100 80GB HBM3 (UUID: GPU-5a10e6e5-95f7-2785-ed63-6f6147f304f{gpu})")
        for link in range(18):
            here = (sick, *values[1:]) if sick and (gpu, link) == (7, 17) else values
            text += [f"\t Link {link}: {value}" for value in here]
    return "\n".join(text) + "\n"


NVLINK = _source("nvlink", "state and speed of the NVLinks", "-s")
NVLINK_ERRORS = _source("nvlink-errors", "error counters of the NVLinks", "-e")
_HEALTHY = ("Replay Errors: 0", "Recovery Errors: 0", "CRC Errors: 0")


@check(
    "nvlink.links",
    NVLINK,
    scope="link",
    severity=Severity.RESET,
    expected="all links of the accelerator active, at full speed",
    why="Without one of its links a GPU is slower than its siblings, or cannot reach them at all.",
    remedy="reset all GPUs of the node; if it stays so, restart nvidia-fabricmanager, reboot, then replace the node",
    cites="seatrial.hardware; NVIDIA Health Validation: reset, restart, service; Imbue 8f5964a: inactive 0",
    good=example("26.562 GB/s"),
    bad=example("26.562 GB/s", sick="<inactive>"),
)
def links(rule: Rule, seen: list[Links], profile: Profile) -> Iterator[Finding]:
    for gpu in seen:
        yield from _of_gpu(rule, gpu, profile, last=gpu is seen[-1])
    yield from missing(rule, len(seen), profile)


def _of_gpu(rule: Rule, gpu: Links, profile: Profile, *, last: bool) -> Iterator[Finding]:
    scope = {"gpu": gpu.gpu}
    total = gpu.expected(profile)
    if total is None:
        yield rule.finding(Verdict.UNKNOWN, f"it is not known how many links a {gpu.name} has", scope=scope)
    elif profile.accelerators == 1 or total == 0:
        yield rule.finding(Verdict.SKIP, "no GPU that a link could lead to", scope=scope)
    else:
        yield from _active(rule, gpu, total, profile, last=last)


def _active(rule: Rule, gpu: Links, total: int, profile: Profile, *, last: bool) -> Iterator[Finding]:
    """`last`: whether nothing stands behind it, so that links which are not listed may have been cut off."""
    model = accelerators.accelerator_of_device(gpu.name) or profile.accelerator
    full = SPEEDS.get(model.name.split()[0]) if model else None
    bad, speeds = {}, []
    for link, said in gpu.links.items():
        speed = _SPEED.fullmatch(said.get("", ""))
        if speed is None:
            bad[link] = said.get("", "no speed")
        elif full and float(speed[1]) < ROUNDING * full:
            bad[link] = f"{speed[1]} GB/s instead of {full:g}"
        else:
            speeds.append(float(speed[1]))
    for link, told in bad.items():
        yield rule.finding(Verdict.FAIL, told, scope={"gpu": gpu.gpu, "link": link})
    absent = sorted({*range(total)} - {*gpu.links})
    if absent:
        told = gpu.note or f"{len(absent)} of {total} links are not listed: {', '.join(map(str, absent))}"
        cut = last and not gpu.note and absent[0] > max(gpu.links, default=-1)
        yield rule.finding(Verdict.UNKNOWN if cut else Verdict.FAIL, told, scope={"gpu": gpu.gpu})
    elif not bad and full is None:
        told = f"{len(speeds)} links, and it is not known how fast they should be"
        yield rule.finding(Verdict.UNKNOWN, told, scope={"gpu": gpu.gpu})
    elif not bad:
        yield rule.finding(Verdict.PASS, f"{len(speeds)} links at {min(speeds):g} GB/s", scope={"gpu": gpu.gpu})


@check(
    "nvlink.errors",
    NVLINK_ERRORS,
    scope="link",
    severity=Severity.RESET,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"fewer than {ERRORS} errors of a kind on each link, and none that it could not recover from",
    why="A link that retries slows every collective down, and one that gives up ends the job with Xid 74 or 145.",
    remedy="reset all GPUs of the node; if they come back, replace it",
    cites="Imbue host health checks 8f5964a; NVIDIA DCGM, health watch of NVLink; nvidia-smi of a p6-b300.48xlarge",
    good=example(*_HEALTHY),
    bad=example(*_HEALTHY, sick="Replay Errors: 142"),
)
def errors(rule: Rule, seen: list[Links], profile: Profile) -> Iterator[Finding]:
    for gpu in seen:
        total = gpu.expected(profile)
        if profile.accelerators == 1 or total == 0:
            yield rule.finding(Verdict.SKIP, "no GPU that a link could lead to", scope={"gpu": gpu.gpu})
            continue
        found = [finding for link, said in gpu.links.items() for finding in _of_link(rule, gpu.gpu, link, said)]
        yield from found
        if total is None or {*range(total)} - {*gpu.links}:
            told = gpu.note or f"counters of {len(gpu.links)} links, of {total or 'an unknown number'}"
            yield rule.finding(Verdict.UNKNOWN, told, scope={"gpu": gpu.gpu})
        elif not found:
            yield rule.finding(Verdict.PASS, f"none to speak of on {total} links", scope={"gpu": gpu.gpu})
    yield from missing(rule, len(seen), profile)


KINDS = (
    {"Replay Errors", "Recovery Errors", "CRC Errors"},
    {"Malformed packet Errors", "Buffer overrun Errors", "Rx Errors", "Local link integrity Errors", FAILED},
)
"""Counters that a link has, up to Hopper, and on Blackwell: without them nothing is known of it."""


def _of_link(rule: Rule, gpu: int, link: int, said: dict[str, str]) -> Iterator[Finding]:
    """What is wrong with one link, or not known of it."""
    scope = {"gpu": gpu, "link": link}
    unread = [name for name, value in said.items() if not NO_ERRORS.fullmatch(name) and not value.isdigit()]
    if unread or not any(kinds <= {*said} for kinds in KINDS):
        told = ", ".join(f"{name or 'instead of counters'}: {said[name]}" for name in unread)
        yield rule.finding(Verdict.UNKNOWN, told or f"only {', '.join(said)}", scope=scope)
    counts = {name: int(value) for name, value in said.items() if value.isdigit() and not NO_ERRORS.fullmatch(name)}
    for name, count in counts.items():
        if name == FAILED and count:
            yield rule.finding(Verdict.FAIL, f"{name}: {count}", scope=scope)
        elif count >= (1 if name in RECOVERED else ERRORS):
            yield replace(rule, severity=Severity.MONITOR).finding(Verdict.WARN, f"{name}: {count}", scope=scope)
