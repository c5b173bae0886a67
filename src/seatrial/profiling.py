"""What of a run is profiled: which steps of which ranks, by which tool. Part of the job; see docs/profile.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seatrial.errors import Problem, UserError, unknown

Tool = Literal["torch", "nsys"]

FOLDER = "profiles"
"""Of a run: what its ranks recorded."""
SUFFIX: Mapping[Tool, str] = {"torch": ".json.gz", "nsys": ".nsys-rep"}
"""How the file of a tool ends."""
TRACES: Mapping[Tool, tuple[str, ...]] = {
    "torch": ("shapes", "memory", "stack", "modules", "flops"),
    "nsys": ("cuda", "nvtx", "osrt", "cublas", "cudnn", "cusparse", "mpi", "openmp", "python-gil", "ucx"),
}
"""What a tool records on request: arguments of torch.profiler.profile (2.13), values of nsys --trace (2024.4)."""
USUAL: Mapping[Tool, tuple[str, ...]] = {"torch": ("shapes",), "nsys": ("cuda", "nvtx", "osrt")}
"""What it records unasked. Shapes tell how large the messages of collectives are."""
_KEYS = ("steps", "ranks", "tool", "trace", "delay", "duration")
_EXAMPLE = "--profile steps=10:12"
_BY_TIME = "--profile tool=nsys,delay=60,duration=30 takes a window of time"


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A window of a run that is recorded. Either `steps` is given, or `delay` and `duration` are."""

    tool: Tool = "torch"
    steps: tuple[int, int] | None = None
    """First and last step, counted from 1, both of them recorded."""
    delay: float | None = None
    """Seconds from the start of the process."""
    duration: float | None = None
    """Seconds."""
    ranks: tuple[int, ...] | None = (0,)
    """None: all."""
    trace: tuple[str, ...] = ()
    """Of TRACES; empty: what is USUAL."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Profile:
        """The profile of what dataclasses.asdict and JSON made of one."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)

    def takes(self, rank: int) -> bool:
        """Whether that rank is recorded."""
        return self.ranks is None or rank in self.ranks

    def disturbs(self, first: int, last: int) -> bool:
        """Whether recording takes time of one of these steps: it is set up before the window and written behind it."""
        return self.steps is not None and first <= self.steps[1] + 1 and last >= self.steps[0] - 2

    @property
    def traces(self) -> tuple[str, ...]:
        """What is recorded."""
        return self.trace or USUAL[self.tool]

    def file(self, name: str) -> str:
        """Where the recording of ``rank-3`` or ``node-0`` is, relative to the run's folder."""
        return f"{FOLDER}/{name}{SUFFIX[self.tool]}"


def parse(text: str) -> Profile:
    """``steps=10:12,ranks=0,3,tool=nsys`` as a Profile: a comma also parts the values of a key.

    Raises UserError with all that is wrong.
    """
    given, problems = _pairs(text)
    tool: Tool = "nsys" if given.get("tool") == ["nsys"] else "torch"
    problems += [unknown("key", key, _KEYS, f"--profile {key}") for key in given if key not in _KEYS]
    if given.get("tool", [tool]) != [tool]:
        problems.append(unknown("tool", ",".join(given["tool"]), TRACES, "--profile tool"))
    for name in given.get("trace", ()):
        if name not in TRACES[tool]:
            problems.append(unknown(f"trace of {tool}", name, TRACES[tool], "--profile trace"))
    steps = _steps(given["steps"], problems) if "steps" in given else None
    ranks = _ranks(given["ranks"], problems) if "ranks" in given else (0,)
    delay, duration = (_seconds(key, given[key], problems) if key in given else None for key in ("delay", "duration"))
    problems += _window(tool, given)
    if problems:
        raise UserError(problems)
    return Profile(
        tool=tool, steps=steps, delay=delay, duration=duration, ranks=ranks, trace=tuple(given.get("trace", ()))
    )


def _pairs(text: str) -> tuple[dict[str, list[str]], list[Problem]]:
    """Key -> values; and what is no pair, or is given twice."""
    found: dict[str, list[str]] = {}
    problems, last = [], None
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if equals and key in found:
            problems.append(Problem("is given twice", f"--profile {key}", "leave one of them out"))
        if equals:
            last = found.setdefault(key, [])
        if last is None:
            problems.append(Problem(f"{part!r} is not KEY=VALUE", f"--profile {text}", _EXAMPLE))
        else:
            last.append(value if equals else part)
    return found, problems


def _steps(values: list[str], problems: list[Problem]) -> tuple[int, int] | None:
    first, colon, last = ",".join(values).partition(":")
    if first.isdecimal() and (last.isdecimal() or not colon):
        window = int(first), int(last or first)
        if 1 <= window[0] <= window[1]:
            return window
    what = f"{','.join(values)!r} is no window of steps, which are counted from 1"
    problems.append(Problem(what, "--profile steps", "steps=10:12 takes three steps, steps=10 takes one"))
    return None


def _ranks(values: list[str], problems: list[Problem]) -> tuple[int, ...] | None:
    if values == ["all"]:
        return None
    wrong = [value for value in values if not value.isdecimal()]
    problems += [
        Problem(f"{value!r} is no rank", "--profile ranks", "ranks=0, ranks=0,8 or ranks=all") for value in wrong
    ]
    return tuple(sorted({int(value) for value in values if value not in wrong}))


def _seconds(key: str, values: list[str], problems: list[Problem]) -> float | None:
    try:
        seconds = float(",".join(values))
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds) and (seconds > 0 or (seconds == 0 and key == "delay")):
        return seconds
    problems.append(Problem(f"{','.join(values)!r} is no number of seconds", f"--profile {key}", f"{key}=30"))
    return None


def _window(tool: Tool, given: Mapping[str, Any]) -> Iterator[Problem]:
    timed = [key for key in ("delay", "duration") if key in given]
    if timed and tool == "torch":
        yield Problem("torch.profiler is told by steps", f"--profile {timed[0]}", f"{_EXAMPLE}, or {_BY_TIME}")
    elif timed and "steps" in given:
        yield Problem("a window is of steps or of time", f"--profile {timed[0]}", "leave steps or the time out")
    elif len(timed) == 1:
        yield Problem(
            f"needs {'duration' if 'delay' in timed else 'delay'} beside it", f"--profile {timed[0]}", _BY_TIME
        )
    elif not timed and "steps" not in given:
        yield Problem("nothing says when", "--profile", f"{_EXAMPLE}" + (f", or {_BY_TIME}" if tool == "nsys" else ""))


def check(
    profile: Profile, *, device: str, world_size: int, steps: int | None, untold: str, has_torch: bool
) -> Iterable[Problem]:
    """What keeps a job from being profiled like that.

    `steps`: that it takes, where it says so. `untold`: why its program cannot be told of steps; empty if it can.
    """
    where = "--profile"
    if device == "neuron":
        yield Problem("neither torch.profiler nor nsys sees Trainium", where, "AWS's tool for it is neuron-profile")
        return
    outside = [rank for rank in profile.ranks or () if rank >= world_size]
    if outside:
        yield Problem(
            f"there is no rank {outside[0]}", f"{where} ranks", f"the last of {world_size} is {world_size - 1}"
        )
    if profile.steps is not None and steps is not None and profile.steps[1] > steps:
        yield Problem(f"step {profile.steps[1]} is beyond the last, {steps}", f"{where} steps", _EXAMPLE)
    by_time = _BY_TIME if device == "cuda" else "leave it out: the report splits the time of its steps all the same"
    if profile.tool == "torch" and not has_torch:
        yield Problem("its ranks have no torch, and so no torch.profiler", where, by_time)
    elif profile.steps is not None and (untold or not has_torch):
        why = untold or "its ranks have no torch to tell CUDA of the window"
        yield Problem(f"its steps cannot be told: {why}", f"{where} steps", by_time)
    elif profile.steps is not None and profile.tool == "nsys" and device == "cpu":
        yield Problem(
            "a window of steps is told through CUDA, and this job has none", f"{where} tool=nsys", "tool=torch"
        )
