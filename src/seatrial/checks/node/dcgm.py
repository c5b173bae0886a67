"""DCGM's own diagnosis: what must have run, and what its failures ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.judging import ORDER
from seatrial.checks.node.dcgm_json import ROOTS, Diagnosis, Result, parse
from seatrial.checks.observations import Level, Source
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

SEVERITIES: Mapping[int, tuple[str, Severity | None]] = {
    0: ("none", Severity.MONITOR),  # it failed all the same
    1: ("monitor", Severity.MONITOR),
    2: ("isolate", Severity.ISOLATE),
    3: ("unknown", None),
    4: ("triage", Severity.RESET),  # an Xid, a link that is down, a low bandwidth: no job until somebody has looked
    5: ("config", Severity.MONITOR),  # to be set right, not to be repaired
    6: ("reset", Severity.RESET),
}
"""error_severity -> DCGM's own word, and what we ask for. dcgm_errors.h, dcgmErrorSeverity_enum."""
DEPLOYMENT = "deployment"
"""The category of tests of the software: a failure without a severity blames no GPU."""
SOFTWARE = (
    "nvml library",
    "cuda main library",
    "permissions and os-related blocks",
    "persistence mode",
    "environmental variables",
    "page retirement/row remap",
    "graphics processes",
    "inforom",
)
"""What generation 3 lists one by one, where 4 has one test "software"."""
TESTS = {
    2: ("software", "pcie", "memory"),
    4: (
        *("software", "pcie", "memory", "diagnostic"),
        *("memory bandwidth", "targeted stress", "targeted power", "memtest"),
    ),
}
"""Level -> what must have run: DCGM user guide, diagnostics, since 2.4. Later ones, such as the pulse test, and those
that a package of its own brings (EUD) are judged if they are there."""


def _source(kind: str, run: int, level: Level, timeout: float) -> Source:
    return Source(
        kind=kind,
        title=f"DCGM's diagnosis, its level {run}",
        part="gpu",
        level=level,
        parse=parse,
        command=("dcgmi", "diag", "-r", str(run), "-j"),
        package="datacenter-gpu-manager",
        timeout=timeout,
        ends=False,
        alone=True,
    )


DCGM = _source("dcgm", 2, "full", 900.0)  # the time-outs of awsome-distributed-ai, gpu-healthcheck.sh
DCGM_LONG = _source("dcgm-4", 4, "deep", 9000.0)


def example(level: int, status: str = "Pass", severity: int = 0, warning: str = "") -> str:
    """What generation 4 says of eight healthy GPUs, but for one test of the last of them."""
    categories: dict[str, list[dict[str, Any]]] = {}
    for name in TESTS[level]:
        results: list[dict[str, Any]] = [
            {"entity_group": "GPU", "entity_group_id": 1, "entity_id": gpu, "status": "Pass"} for gpu in range(8)
        ]
        bad = name == "memory" and status != "Pass"
        if bad:
            told = {"error_category": 7, "error_id": 17, "error_severity": severity, "warning": warning}
            results[-1] |= {"status": status, "warnings": [told]}
        of = {"software": "Deployment", "pcie": "Integration", "memory": "Hardware", "diagnostic": "Hardware"}
        test = {
            "name": name.replace(" ", "_"),
            "results": results,
            "test_summary": {"status": status if bad else "Pass"},
        }
        categories.setdefault(of.get(name, "Stress"), []).append(test)
    tests = [{"category": category, "tests": found} for category, found in categories.items()]
    metadata = {"Driver Version Detected": "580.95.05", "version": "4.4.1"}
    return json.dumps({ROOTS[0]: {"test_categories": tests}, "metadata": metadata}, indent=1) + "\n"


_WARNING = "GPU 7 has 3 memory errors."
_WHY = "It is NVIDIA's own word on whether a GPU works, from the driver's libraries to every cell of its memory."
_REMEDY = "what the warning says; run it again without other work on the node before you replace it"
_MORE = "run it on all GPUs, at this level or a higher one: dcgmi diag -r, and see nvvs.log for what it left out"
_CITES = "NVIDIA DCGM 4.6.0, dcgm_errors.h and dcgm_diag_schema.json; its user guide, diagnostics"


@check(
    "dcgm.diag",
    DCGM,
    scope="gpu",
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="all tests of level 2, which are those of level 1 too, run and passed",
    why=_WHY,
    remedy=_REMEDY,
    cites=_CITES,
    good=example(2),
    bad=example(2, "Fail", 2, _WARNING),
)
def diag(rule: Rule, seen: Diagnosis, profile: Profile) -> Iterator[Finding]:
    return _judged(rule, seen, profile, TESTS[2])


@check(
    "dcgm.diag-4",
    DCGM_LONG,
    scope="gpu",
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="all tests of level 4, which are those of level 3 too, run and passed",
    why=_WHY,
    remedy=_REMEDY,
    cites=_CITES,
    good=example(4),
    bad=example(4, "Fail", 2, _WARNING),
)
def diag_4(rule: Rule, seen: Diagnosis, profile: Profile) -> Iterator[Finding]:
    return _judged(rule, seen, profile, TESTS[4])


def _judged(rule: Rule, seen: Diagnosis, profile: Profile, tests: tuple[str, ...]) -> Iterator[Finding]:
    if seen.problem:
        yield rule.finding(Verdict.UNKNOWN, f"no verdict: {seen.problem}")
    passed: dict[str, set[int]] = {}
    for result in seen.results:
        if result.status == "pass":
            passed.setdefault(result.test, set()).update(result.gpus)
        else:
            yield _not_passed(rule, result, tests)
    everything = {*range(profile.accelerators)} if profile.accelerators is not None else {*seen.gpus}
    blamed = {(result.test, gpu) for result in seen.results if result.status != "pass" for gpu in result.gpus}
    whole = {result.test for result in seen.results if result.status != "pass" and not result.gpus}
    for test in dict.fromkeys((*_required(seen, tests), *passed)):
        silent = sorted(gpu for gpu in everything - passed.get(test, set()) if (test, gpu) not in blamed)
        if silent or not everything:
            told = f"{test}: no result of GPU {', '.join(map(str, silent)) or 'whatever'}"
            yield rule.finding(Verdict.UNKNOWN, told, scope={"test": test}, remedy=_MORE)
        elif passed.get(test) and test not in whole:
            told = f"{test} passed on {len(passed[test])} GPUs, DCGM {seen.version}"
            yield rule.finding(Verdict.PASS, told, scope={"test": test})


def _required(seen: Diagnosis, tests: tuple[str, ...]) -> Iterator[str]:
    """The tests that must have run, as the generation names them."""
    old = any(result.test in SOFTWARE for result in seen.results)
    for test in tests:
        yield from SOFTWARE if old and test == "software" else (test,)


def _not_passed(rule: Rule, result: Result, tests: tuple[str, ...]) -> Finding:
    scope: dict[str, Any] = {"test": result.test}
    if result.gpus:
        scope["gpu"] = ",".join(map(str, sorted(result.gpus)))
    said = "; ".join(result.words) or "no reason given"
    if result.status in ("skip", "skipped"):
        left_out = result.test in (*tests, *SOFTWARE)
        return rule.finding(Verdict.UNKNOWN if left_out else Verdict.SKIP, f"skipped: {said}", scope=scope)
    severity, words = _severity(result)
    told = f"{said}{f' (DCGM: {words})' if words else ''}"
    verdict = Verdict.FAIL if result.status == "fail" else Verdict.WARN
    return replace(rule, severity=severity).finding(verdict, told, scope=scope)


def _severity(result: Result) -> tuple[Severity, str]:
    """What a failure asks for, and DCGM's words for it: the most of all its warnings."""
    unclear = Severity.MONITOR if result.category == DEPLOYMENT else Severity.ISOLATE
    known = [SEVERITIES.get(number, ("", None)) for number in result.severities if number is not None]
    asked = [severity or unclear for _, severity in known] or [unclear]
    return max(asked, key=ORDER.index), ", ".join(dict.fromkeys(word for word, _ in known if word))
