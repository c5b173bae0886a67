"""What nccl-tests and nccom-test printed: read where it is pasted, never run here. A run of its own is a case."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.collectives import judging, nccl_tests_json, nccl_tests_text, nccom
from seatrial.checks.collectives.sweep import Sweep
from seatrial.checks.observations import Lines, Source
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

NCCL_TESTS_REPOSITORY = "NVIDIA/nccl-tests 2.19.6, src/util.cu and doc/PERFORMANCE.md"
NCCOM_GUIDE = "AWS Neuron SDK 2.29, nccom-test's user guide"


def parse_nccl_tests(lines: Lines) -> list[Sweep]:
    """Text or JSON, as the first character tells."""
    all_lines = iter(lines)
    first = next((line for line in all_lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        return nccl_tests_json.parse(first + "".join(all_lines))
    return nccl_tests_text.parse(chain([first], all_lines))


NCCL_TESTS = Source(
    kind="nccl-tests",
    title="output of a program of nccl-tests, text or JSON (-J)",
    part="gpu",
    level="deep",
    parse=parse_nccl_tests,
    package="nccl-tests",
    ends=False,
)
NCCOM = Source(
    kind="nccom",
    title="output of nccom-test, text or JSON (--report-to-json-file), with the command line before it",
    part="neuron",
    level="deep",
    parse=lambda lines: nccom.parse(lines),
    package="aws-neuronx-tools",
)

_DEVICES = "".join(
    f"#  Rank {n:2} Group  0 Pid  4{n:02} on node-1 device {n:2} [0000:{16 + n}:00] NVIDIA B200\n" for n in range(8)
)
_NCCL_GOOD = (
    "# nccl-tests version 2.19.6 nccl-headers=22707 nccl-library=22707\n"
    "# Collective test starting: all_reduce_perf\n"
    "# nThread 1 nGpus 8 minBytes 8589934592 maxBytes 17179869184 step: 2(factor) warmup iters: 1 iters: 20 agg iters:"
    " 1 validation: 1 graph: 0 unalign: 0\n"
    "#\n# Using devices\n" + _DEVICES + "#\n"
    "#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw"
    "  #wrong\n"
    "  8589934592    2147483648     float     sum      -1    17923  479.28  838.74       0    17940  478.82  837.94"
    "       0\n"
    " 17179869184    4294967296     float     sum      -1    35554  483.20  845.61       0    35560  483.12  845.47"
    "       0\n"
    "# Out of bounds values : 0 OK\n# Avg bus bandwidth    : 841.94 \n#\n# Collective test concluded: all_reduce_perf\n"
)
_NCCOM_GOOD = (
    "nccom-test -r 64 -N 2 -b 512MB -e 1GB -f 2 -d fp32 --check allr\n"
    "               size(B)    count(elems)    type    time(us)    algbw(GB/s)    busbw(GB/s)\n"
    "             536870912       134217728    fp32       21803          22.93          45.15\n"
    "            1073741824       268435456    fp32       41806          23.92          47.09\n"
    "        Avg bus bandwidth:      46.1200GB/s\n"
)
_VERDICTS = (Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN)


@check(
    "nccl-tests.data",
    NCCL_TESTS,
    scope="cluster",
    severity=Severity.ISOLATE,
    expected="no wrong element, and all were looked at",
    why="A link or a GPU that changes data breaks a training in silence, whatever its speed.",
    remedy=judging.SEARCH,
    cites=NCCL_TESTS_REPOSITORY,
    good=_NCCL_GOOD,
    bad=_NCCL_GOOD.replace("838.74       0", "838.74 1.67772e+07"),
    on="p6-b200.48xlarge",
)
def nccl_data(rule: Rule, sweeps: list[Sweep], _: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.data(rule, sweep) for sweep in sweeps)


@check(
    "nccl-tests.ended",
    NCCL_TESTS,
    scope="cluster",
    severity=Severity.MONITOR,
    expected="all sizes that were asked for, a footer, no error",
    why="What a test did not come to was not tested.",
    remedy="read what the ranks printed before it; run it again with NCCL_DEBUG=WARN",
    cites=NCCL_TESTS_REPOSITORY,
    good=_NCCL_GOOD,
    bad=_NCCL_GOOD.partition(" 17179869184 ")[0] + "node-1: Test NCCL failure common.cu:958 'unhandled cuda error'\n",
    on="p6-b200.48xlarge",
)
def nccl_ended(rule: Rule, sweeps: list[Sweep], _: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.ended(rule, sweep) for sweep in sweeps)


@check(
    "nccl-tests.arithmetic",
    NCCL_TESTS,
    scope="cluster",
    expected="bandwidths that size, time and ranks come to, within 1 %",
    why="Otherwise the text was changed, torn or read wrongly, and its bandwidth is none.",
    remedy="look at the row in the file; run it again and keep its output whole",
    cites=NCCL_TESTS_REPOSITORY,
    severity=Severity.MONITOR,
    good=_NCCL_GOOD,
    bad=_NCCL_GOOD.replace("479.28  838.74", "479.28  938.74"),
    on="p6-b200.48xlarge",
)
def nccl_arithmetic(rule: Rule, sweeps: list[Sweep], _: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.arithmetic(rule, sweep) for sweep in sweeps)


@check(
    "nccl-tests.speed",
    NCCL_TESTS,
    scope="cluster",
    severity=Severity.MONITOR,
    verdicts=_VERDICTS,
    expected="90 % or more of the baseline at each size; below 95 % is WARN",
    why="A slow link slows every step of every training that crosses it.",
    remedy=judging.SEARCH,
    cites="nccl-tests 2.19.6 (0.9 of NCCL_TESTS_MIN_BW); SuperBench, rule variance (-5 %)",
    good=_NCCL_GOOD,
    bad=_NCCL_GOOD.replace("17923  479.28  838.74", "25923  331.36  579.89"),
    on="p6-b200.48xlarge",
)
def nccl_speed(rule: Rule, sweeps: list[Sweep], profile: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.speed(rule, sweep, profile.name, profile.baselines) for sweep in sweeps)


@check(
    "nccom.data",
    NCCOM,
    scope="cluster",
    severity=Severity.MONITOR,
    expected="--check, and no error of it",
    why="A NeuronLink or an EFA that changes data breaks a training in silence.",
    remedy="run it on each node alone, then on pairs of nodes",
    cites=NCCOM_GUIDE,
    good=_NCCOM_GOOD,
    bad=_NCCOM_GOOD + "Correctness check failed for rank 3\n1 errors found - test failed\n",
    on="trn1.32xlarge",
)
def nccom_data(rule: Rule, sweeps: list[Sweep], _: Profile) -> Iterator[Finding]:
    for sweep in sweeps:
        wrong = next((error for error in sweep.errors if "orrectness" in error), "")
        if wrong:
            yield rule.finding(Verdict.FAIL, wrong, scope=judging.scope_of(sweep))
        elif not sweep.checked:
            why = (
                "nobody looked at the data" if sweep.checked is False else "nothing tells whether the data were checked"
            )
            yield rule.finding(
                Verdict.UNKNOWN, why, remedy="run it with --check, and keep the command line with its output"
            )
        else:
            yield judging.passed(rule, sweep, f"no wrong element in {len(sweep.rows)} sizes")


@check(
    "nccom.ended",
    NCCOM,
    scope="cluster",
    severity=Severity.MONITOR,
    expected="all sizes that were asked for, an average, no error",
    why="What a test did not come to was not tested.",
    remedy="read the log of neuron-bench that it names",
    cites=NCCOM_GUIDE,
    good=_NCCOM_GOOD,
    bad=_NCCOM_GOOD.partition("            1073741824")[0]
    + "            1073741824    Failure running neuron-bench - log file /tmp/nccom_test_log_7pqpdfjf.log\n",
    on="trn1.32xlarge",
)
def nccom_ended(rule: Rule, sweeps: list[Sweep], _: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.ended(rule, sweep) for sweep in sweeps)


@check(
    "nccom.arithmetic",
    NCCOM,
    scope="cluster",
    severity=Severity.MONITOR,
    expected="bandwidths that size, time and ranks come to, within 1 %; with a column time(us) its GB are GiB",
    why="Otherwise the text was changed, torn or read wrongly, and its bandwidth is none.",
    remedy="look at the row in the file; run it again and keep its output whole",
    cites=NCCOM_GUIDE,
    good=_NCCOM_GOOD,
    bad=_NCCOM_GOOD.replace("45.15", "54.15"),
    on="trn1.32xlarge",
)
def nccom_arithmetic(rule: Rule, sweeps: list[Sweep], _: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.arithmetic(rule, sweep) for sweep in sweeps)


@check(
    "nccom.speed",
    NCCOM,
    scope="cluster",
    severity=Severity.MONITOR,
    verdicts=_VERDICTS,
    expected="90 % or more of one's own baseline at each size; nobody published one for Trainium",
    why="A slow link slows every step of every training that crosses it.",
    remedy="run it on each node alone, then on pairs of nodes",
    cites="nccl-tests 2.19.6 (0.9 of NCCL_TESTS_MIN_BW); SuperBench, rule variance (-5 %)",
    good=_NCCOM_GOOD,
    bad=_NCCOM_GOOD.replace("41806          23.92          47.09", "83612          11.96          23.54"),
    on="trn1.32xlarge",
)
def nccom_speed(rule: Rule, sweeps: list[Sweep], profile: Profile) -> Iterator[Finding]:
    return chain.from_iterable(judging.speed(rule, sweep, profile.name, profile.baselines) for sweep in sweeps)
