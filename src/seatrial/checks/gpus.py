"""What rules about single GPUs have in common: what a tool said of each, and which of them said nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from seatrial.checks.catalogue import Judge, Rule
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Verdict
from seatrial.hardware import accelerators

FAILURES = re.compile(
    r"(?:WARNING: )?(?:Unable to determine the device handle|No devices were found|NVIDIA-SMI has failed"
    r"|Failed to initialize NVML|infoROM is corrupted|GPU is lost|Unable to retrieve)",
    re.IGNORECASE,
)
"""How lines begin that nvidia-smi prints in place of a GPU, or of all of them."""
ERRORS = re.compile(r"unknown error|requires reset|gpu is lost|^err!?$", re.IGNORECASE)
"""What nvidia-smi prints in place of a value if the GPU does not answer; N/A only means that it has no such value."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?=\s|$)")
ALONE = "the one GPU of a {} has no siblings"
NAMES = ("name", "Product Name")
"""Where the name of a GPU stands: in a csv, in nvidia-smi -q."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """What was said of one GPU."""

    index: int
    cells: Mapping[str, str]
    """Field -> what was printed, as it was printed."""

    @property
    def scope(self) -> dict[str, int]:
        """What a finding about it is about."""
        return {"gpu": self.index}

    @property
    def model(self) -> accelerators.Accelerator | None:
        """What it is by its name; None if we do not know it."""
        name = next((self.cells[field] for field in NAMES if field in self.cells), "")
        return accelerators.accelerator_of_device(name)

    def text(self, field: str) -> str | None:
        """Its value; None if there is none: not asked, not offered, an error."""
        cell = self.cells.get(field, "N/A").strip("[] ")
        return None if cell == "N/A" or self.cells[field].startswith("[") or ERRORS.search(cell) else cell

    def number(self, field: str) -> float | None:
        """Its value without its unit; None also for what is no number."""
        found = _NUMBER.match(self.text(field) or "")
        return float(found[0]) if found else None

    def unseen(self, rule: Rule, *fields: str, said: str = "") -> Finding:
        """UNKNOWN, since one of the fields has no value."""
        told = ", ".join(f"{field}: {self.cells.get(field, 'not there')}" for field in fields)
        return rule.finding(Verdict.UNKNOWN, said or told, scope=self.scope, remedy="look at nvidia-smi -q")


@dataclass(frozen=True, slots=True)
class Gpus:
    """What was said of all of them."""

    gpus: tuple[Gpu, ...]
    attached: int | None = None
    """How many there are, as the driver says."""
    failures: tuple[str, ...] = ()
    """Lines in place of a GPU, or of all."""


One = Callable[[Rule, Gpu, Profile], Iterable[Finding]]
"""Judges one GPU: at least one finding."""


def per_gpu(one: One) -> Judge:
    """A judge of each GPU by itself. One that said nothing is UNKNOWN."""

    def judge(rule: Rule, seen: Gpus, profile: Profile) -> Iterator[Finding]:
        for gpu in seen.gpus:
            yield from one(rule, gpu, profile)
        yield from missing(rule, len(seen.gpus), profile, seen.attached)

    return judge


def missing(rule: Rule, seen: int, profile: Profile, attached: int | None = None) -> Iterator[Finding]:
    """UNKNOWN if there are more GPUs than were seen, or nobody says how many there are."""
    total = max(profile.accelerators or 0, attached or 0)
    if not total:
        remedy = "say what the node is: --instance"
        yield rule.finding(Verdict.UNKNOWN, f"{seen} GPUs, and it is not known how many there are", remedy=remedy)
    elif seen < total:
        yield rule.finding(Verdict.UNKNOWN, f"{seen} of {total} GPUs were seen", remedy="see gpu.count")


def behind(values: Mapping[int, float], share: float) -> dict[int, float]:
    """GPU -> its value as a share of the median of all, for those below the given share of it."""
    import statistics  # brings decimal and fractions: 10 ms that few nodes need

    median = statistics.median(values.values())
    if median <= 0:
        return dict.fromkeys(values, 0.0)
    return {gpu: value / median for gpu, value in values.items() if value < share * median}
