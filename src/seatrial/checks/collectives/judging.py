"""What is right about a sweep, whatever tool made it: the data, its end, its arithmetic, its speed. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seatrial.checks.collectives import formulas
from seatrial.checks.collectives.baselines import Baseline, nearest, published
from seatrial.checks.collectives.sweep import Row, Sweep, Timing
from seatrial.findings import Finding, Rule, Severity, Verdict
from seatrial.forecast import bus

MISMATCH = 0.01
"""Share by which a bandwidth may be off what size and time come to, beyond rounding."""
FACTOR_MISMATCH = 0.001
"""The same of bus bandwidth over algorithm bandwidth, which are made of one figure."""
FAIL_BELOW = 0.90
"""Share of a baseline: nccl-tests itself fails below 0.9 of NCCL_TESTS_MIN_BW (2.19.6, src/util.cu)."""
WARN_BELOW = 0.95
"""SuperBench's rule `variance` of -5 % (microsoft/superbenchmark, its validation rules)."""
RECORD = "record one of three good runs: seatrial check baseline record RUN RUN RUN"
SEARCH = "find the node: seatrial run collectives --set search=true on the same nodes"


def data(rule: Rule, sweep: Sweep) -> Iterator[Finding]:
    """No element is wrong. A wrong one is FAIL, whatever the speed and however little of the output there is."""
    scope = scope_of(sweep)
    wrong = [(row.size, name, t.wrong) for row in sweep.rows for name, t in row.timings() if t.wrong]
    if wrong or sweep.out_of_bounds:
        size, name, count = max(wrong, key=lambda w: w[2] or 0, default=(0, "", sweep.out_of_bounds))
        where = f" of {size_text(size)}, {name}" if size else ", says the footer"
        named = rule if sweep.nodes == 1 else replace(rule, severity=Severity.MONITOR)  # of several, which?
        yield named.finding(Verdict.FAIL, f"{count} wrong elements{where}", scope=scope, remedy=_whom(sweep))
        return
    unseen = _unchecked(sweep)
    told = f"no wrong element in {len(sweep.rows)} sizes"
    if unseen:
        yield rule.finding(Verdict.UNKNOWN, unseen, scope=scope)
    else:
        yield passed(rule, sweep, told)


def _whom(sweep: Sweep) -> str:
    return "let no job onto this node until its GPUs and links are tested" if sweep.nodes == 1 else SEARCH


def _unchecked(sweep: Sweep) -> str:
    """Why it is not known that all elements are right; empty if it is."""
    if sweep.checked is False:
        return "nobody looked at the data"
    if not sweep.counts_wrong:
        if sweep.checked is None and sweep.out_of_bounds is None:
            return "nothing tells whether the data were looked at"
        return ""
    for row in sweep.rows:
        if row.main is None or row.main.wrong is None:
            return f"nobody looked at the data of {size_text(row.size)}"
        # In place an all-to-all cannot be checked, and nccl-tests says so.
        if row.in_place and row.in_place.wrong is None and sweep.operation not in ("all_to_all", "alltoallv"):
            return f"nobody looked at the data of {size_text(row.size)} in place"
    return ""


def ended(rule: Rule, sweep: Sweep) -> Iterator[Finding]:
    """All sizes were measured, and no rank said that something went wrong."""
    if sweep.errors:
        yield rule.finding(Verdict.FAIL, sweep.errors[0][:200], scope=scope_of(sweep))
    else:
        yield passed(rule, sweep, f"{len(sweep.rows)} sizes")


def arithmetic(rule: Rule, sweep: Sweep) -> Iterator[Finding]:
    """Bandwidths are what size, time and number of ranks come to."""
    scope = scope_of(sweep)
    if sweep.ranks is None or not sweep.operation:
        missing = "how many ranks took part" if sweep.ranks is None else "which operation it is"
        yield rule.finding(Verdict.UNKNOWN, f"nothing tells {missing}", scope=scope)
        return
    off = [text for row in sweep.rows for text in _off(row, sweep.operation, sweep.ranks)]
    if off:
        observed = f"{len(off)} figures are off, first {off[0]}"
        yield rule.finding(Verdict.FAIL, observed, scope=scope)
    else:
        yield passed(rule, sweep, f"{len(sweep.rows)} sizes agree with the formula")


def _off(row: Row, operation: str, ranks: int) -> Iterator[str]:
    size = formulas.DTYPE_BYTES.get(row.type, 0) * row.count
    if operation != "alltoallv" and row.size not in (size, size * ranks):
        yield f"{row.count} elements of {row.type} are not {row.size} bytes"
    for name, t in row.timings():
        right = row.size * bus.counted(operation, ranks) / t.time_us / 1e3 if t.time_us > 0 else math.nan
        late = right * t.rounding_us / t.time_us if t.time_us > 0 else 0.0
        if not abs(t.algbw - right) <= MISMATCH * right + late + t.rounding_gbps:  # NaN is near nothing
            yield f"{t.algbw:g} GB/s of {row.size} bytes in {t.time_us:g} us {name}"
        factor = bus.factor(operation, ranks)
        right = t.algbw * factor
        if not abs(t.busbw - right) <= FACTOR_MISMATCH * right + 1.01 * t.rounding_gbps * (1 + factor):
            yield f"bus bandwidth {t.busbw:g} GB/s for {t.algbw:g} x {factor:g} {name}"


def speed(rule: Rule, sweep: Sweep, instance_type: str, own: Sequence[Baseline] = ()) -> Iterator[Finding]:
    """Each size reaches its baseline: one's own if there is one, else what others published."""
    scope = scope_of(sweep)
    if sweep.below_minimum:
        # An average depends on the sizes, so it is no bound of ours; but whoever ran it has set one.
        observed = f"an average of {sweep.average or 0:.4g} GB/s, which the tool itself calls FAILED"
        yield rule.finding(Verdict.WARN, observed, expected="what NCCL_TESTS_MIN_BW asks for", scope=scope)
    if not instance_type or sweep.ranks is None or sweep.nodes is None or not sweep.operation:
        missing = "the type of the nodes" if not instance_type else "ranks, hosts or operation"
        remedy = "say what the nodes are: --instance" if not instance_type else ""
        yield rule.finding(Verdict.UNKNOWN, f"nothing tells {missing}", remedy=remedy, scope=scope)
        return
    if sweep.groups > 1:
        why = f"{sweep.groups} groups ran at the same time, so no baseline fits"
        yield rule.finding(Verdict.UNKNOWN, why, scope=scope)
        return
    key = (instance_type, sweep.nodes, sweep.ranks, sweep.operation)
    judged = [
        (row, row.main, found)
        for row in sweep.rows
        if row.main and (found := nearest(own, key, row.size) or nearest(published(), key, row.size))
    ]
    if not judged:
        what = f"{sweep.operation} of {sweep.ranks} ranks on {sweep.nodes} x {instance_type}"
        yield rule.finding(Verdict.UNKNOWN, f"no baseline for {what}{_best(sweep)}", remedy=RECORD, scope=scope)
        return
    yield _worst([_one(rule, sweep, row, timing, found) for row, timing, found in judged], len(judged))


def _one(rule: Rule, sweep: Sweep, row: Row, timing: Timing, found: Sequence[Baseline]) -> tuple[float, Finding]:
    """Share of the lowest baseline, and what follows: below all sources' bounds FAIL, below one's WARN."""
    low, high = (pick(found, key=lambda b: b.busbw_gbps) for pick in (min, max))
    observed = f"{timing.busbw:.4g} GB/s at {size_text(row.size)}"
    said = " and ".join(
        f"{b.busbw_gbps:.4g} ({', '.join(filter(None, (b.source, b.date, b.versions)))})"
        for b in dict.fromkeys((low, high))
    )
    expected = f"{FAIL_BELOW:.0%} or more of {said}"
    fails = timing.busbw < (FAIL_BELOW - low.spread) * low.busbw_gbps
    warns = timing.busbw < (WARN_BELOW - high.spread) * high.busbw_gbps
    share = timing.busbw / low.busbw_gbps
    if fails or not math.isfinite(share):
        made = rule.finding(Verdict.FAIL, observed, expected=expected, scope=scope_of(sweep), remedy=SEARCH)
    elif warns:
        made = rule.finding(Verdict.WARN, observed, expected=expected, scope=scope_of(sweep))
    else:
        made = replace(passed(rule, sweep, observed), expected=expected)
    return share, made


def _worst(found: Sequence[tuple[float, Finding]], count: int) -> Finding:
    """The finding of the size that is furthest below, of those with the worst verdict."""
    order = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.PASS)
    share, finding = min(found, key=lambda item: (order.index(item[1].verdict), item[0]))
    return replace(finding, observed=f"{finding.observed}, {share:.0%} of its baseline, the lowest of {count} sizes")


def _best(sweep: Sweep) -> str:
    rows = [(row.main.busbw, row.size) for row in sweep.rows if row.main]
    return f"; it reached {max(rows)[0]:.4g} GB/s at {size_text(max(rows)[1])}" if rows else ""


def passed(rule: Rule, sweep: Sweep, observed: str) -> Finding:
    """PASS, or UNKNOWN where the sweep may not be whole."""
    doubt = sweep.doubt()
    if doubt:
        return rule.finding(Verdict.UNKNOWN, f"{observed}, but {doubt}", scope=scope_of(sweep))
    return rule.finding(Verdict.PASS, observed, scope=scope_of(sweep))


def scope_of(sweep: Sweep) -> dict[str, object]:
    """What a finding about it is about."""
    told = {"operation": sweep.operation, "nodes": sweep.nodes, "ranks": sweep.ranks}
    return {name: value for name, value in told.items() if value}


def size_text(size: int) -> str:
    """``16 GiB``, ``8 B``."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 2**power:
            return f"{size / 2**power:.4g} {unit}"
    return f"{size} B"
