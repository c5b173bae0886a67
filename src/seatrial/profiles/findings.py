"""What the figures of a profile mean, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from seatrial.findings import Finding, Rule, Verdict
from seatrial.profiles import rules
from seatrial.profiles.figures import Figures, Skew, skew

Weighed: TypeAlias = tuple[Finding, float | None]
"""A finding, and the share of the profiled steps that it is about; None: the profile does not tell one. Shares overlap:
small messages are exposed as well."""


def judge(ranks: tuple[Figures, ...]) -> list[Finding]:
    """All findings about the profiles of a job's ranks. A share is judged on the rank where it is largest."""
    return [finding for finding, _ in weighed(ranks)]


def weighed(ranks: tuple[Figures, ...]) -> list[Weighed]:
    """The same findings, each with its share."""
    if not ranks:
        return []
    found: list[Weighed] = [(finding, None) for finding in _whole(ranks)]
    found += [_exposed(max(ranks, key=lambda f: f.share(f.time["communication"])))]
    found += [_launch_bound(max(ranks, key=lambda f: f.share(f.gaps.launch_bound or 0.0)))]
    found += [_idle(max(ranks, key=lambda f: f.share(_unasked(f))))]
    found += [_share(rules.COPIES, worst := _most(ranks, "copy"), worst.time["copy"], rules.SOME, "copies")]
    found += [_small(max(ranks, key=lambda f: f.share(_small_seconds(f) or 0.0)))]
    apart = skew(ranks)
    return [*found, *(_skew(apart, ranks) if apart else ())]


def _whole(ranks: tuple[Figures, ...]) -> list[Finding]:
    broken = [f for f in ranks if f.unread]
    if broken:
        return [rules.WHOLE.finding(Verdict.UNKNOWN, f.unread, evidence=f.source) for f in broken]
    files = len({f.source for f in ranks})
    observed = f"{sum(f.events for f in ranks):,} events in {files} file{'s' if files > 1 else ''}"
    return [rules.WHOLE.finding(Verdict.PASS, observed)]


def _exposed(figures: Figures) -> Weighed:
    operation, most = next(iter(figures.waiting.items()), ("communication", 0.0))
    observed, remedy = "", ""
    if figures.share(figures.time["communication"]) >= rules.MUCH:
        remedy = rules.REMEDIES.get(operation, "")
        observed = f"{_percent(figures.share(most))} of the step waits for {operation} that nothing overlaps"
        rest = figures.time["communication"] - most
        observed += f", {_percent(figures.share(rest))} for others" if figures.share(rest) >= 0.01 else ""
    seconds = figures.time["communication"]
    return _share(rules.EXPOSED, figures, seconds, rules.MUCH, "communication that nothing hides", observed, remedy)


def _launch_bound(figures: Figures) -> Weighed:
    seconds = figures.gaps.launch_bound
    if seconds is None:
        verdict, what = (Verdict.SKIP, "device") if figures.kind == "host" else (Verdict.UNKNOWN, "launches")
        return rules.LAUNCH.finding(verdict, f"no {what} in the profile", evidence=figures.source), None
    return _share(rules.LAUNCH, figures, seconds, rules.MUCH, f"launch-bound, {figures.gaps.number:,} gaps in all")


def _unasked(figures: Figures) -> float:
    return figures.gaps.seconds - (figures.gaps.launch_bound or 0.0)


def _idle(figures: Figures) -> Weighed:
    what = "idle" if figures.kind == "device" else "between operators, in Python or waiting"
    longest = f"the longest gap {figures.gaps.longest * 1e3:.3g} ms"
    return _share(rules.IDLE, figures, _unasked(figures), rules.MUCH, f"{what}, {longest}")


def _small_seconds(figures: Figures) -> float | None:
    """Seconds of messages that are small; None where sizes or times are not known."""
    known = [m for m in figures.messages if m.at_least is not None and m.seconds is not None]
    if len(known) < len(figures.messages):
        return None
    return sum(m.seconds or 0.0 for m in known if (m.at_least or 0) < rules.SMALL)


def _small(figures: Figures) -> Weighed:
    seconds = _small_seconds(figures)
    if seconds is None:
        observed = "the profile does not tell the sizes, or the times, of its messages"
        return rules.MESSAGES.finding(Verdict.UNKNOWN, observed, evidence=figures.source), None
    return _share(rules.MESSAGES, figures, seconds, rules.MUCH, "collectives of less than 1 MiB")


def _skew(apart: Skew, ranks: tuple[Figures, ...]) -> Iterator[Weighed]:
    window = max(figures.window for figures in ranks)
    if not apart.waits:
        observed = (
            f"computing differs by {_percent(apart.spread)}; the collectives of the ranks do not match each other"
        )
        yield rules.SKEW.finding(Verdict.UNKNOWN, observed), None
        return
    label, seconds = max(apart.waits.items(), key=lambda item: item[1])
    share = seconds / window
    observed = f"{label} waits {_percent(share)} of the step in collectives for {apart.slowest}"
    yield rules.SKEW.finding(Verdict.WARN if share >= rules.MUCH else Verdict.PASS, observed), share


def _most(ranks: tuple[Figures, ...], kind: str) -> Figures:
    return max(ranks, key=lambda figures: figures.share(figures.time[kind]))


def _share(
    rule: Rule, figures: Figures, seconds: float, bound: float, what: str, observed: str = "", remedy: str = ""
) -> Weighed:
    share = figures.share(seconds)
    verdict = Verdict.WARN if share >= bound else Verdict.PASS
    observed = observed or f"{_percent(share)} of the step: {what}"
    return rule.finding(verdict, observed, remedy=remedy, evidence=figures.label), share


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"
