"""nccl-tests and nccom-test as people paste them: nothing of a result is lost, and no part of one passes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.checks.catalogue import of_kind
from seatrial.checks.collectives import nccl_tests_text
from seatrial.checks.collectives.baselines import Baseline
from seatrial.checks.collectives.sweep import Sweep
from seatrial.checks.judging import judge
from seatrial.checks.node.collectives import NCCL_TESTS, NCCOM
from seatrial.checks.observations import Lines, Observation, Unreadable
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Finding, Severity, Verdict, overall

RECORDED = Path(__file__).parents[1] / "recorded"
P5 = Profile.of("p5.48xlarge")
TRN1 = replace(
    Profile.of("trn1.32xlarge"),
    baselines=(
        Baseline(
            instance_type="trn1.32xlarge",
            nodes=2,
            ranks=64,
            operation="all_reduce",
            size_bytes=2**30,
            busbw_gbps=48.5,
            source="a test",
        ),
    ),
)
PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN


def text_of(kind: str, name: str) -> str:
    return (RECORDED / kind / f"{name}.txt").read_text()


def found(kind: str, text: str, profile: Profile = P5) -> dict[str, Finding]:
    """The worst finding of each rule."""
    seen = Observation(kind=kind, origin="pasted", text=text, foreign=True)
    findings = judge(of_kind(kind), [seen], profile)
    order = (UNKNOWN, FAIL, WARN, PASS)
    by_rule = sorted(findings, key=lambda f: -order.index(f.verdict))
    return {f.check.partition(".")[2]: f for f in by_rule}


def verdicts(kind: str, text: str, profile: Profile = P5) -> dict[str, Verdict]:
    return {rule: finding.verdict for rule, finding in found(kind, text, profile).items()}


def read(text: str, source: Any = NCCL_TESTS) -> list[Sweep]:
    return source.parse(Lines(Observation(kind=source.kind, origin="", text=text, foreign=True)))


HEALTHY = ("2.19-two-p5", "2.19-srun-labels", "2.19-kubectl", "2.19-stern", "2.19-iterations-timestamps")
JSON = ("json-v1", "json-v2", "json-v3")


@pytest.mark.parametrize("name", [*HEALTHY, *JSON])
def test_a_healthy_sweep_of_p5_passes_whatever_stands_before_its_lines(name):
    assert verdicts("nccl-tests", text_of("nccl-tests", name)) == dict.fromkeys(
        ("arithmetic", "data", "ended", "speed"), PASS
    )


@pytest.mark.parametrize("name", HEALTHY)
def test_a_prefix_changes_nothing_of_what_is_read(name):
    [plain] = read(text_of("nccl-tests", "2.19-two-p5"))
    [sweep] = read(text_of("nccl-tests", name))
    assert (sweep.operation, sweep.ranks, sweep.nodes) == ("all_reduce", 16, 2)
    assert sweep.versions == {"nccl-tests": "2.19.0", "nccl": "2.28.9"}
    if "iterations" not in name:
        assert sweep == plain and len(sweep.rows) == 32


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2.10-old-columns", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": UNKNOWN}),
        ("2.10-all-gather-no-redop", {"data": PASS, "ended": PASS, "arithmetic": UNKNOWN, "speed": UNKNOWN}),
        ("2.10-unchecked", {"data": UNKNOWN, "ended": PASS, "arithmetic": UNKNOWN, "speed": UNKNOWN}),
        ("2.13-mpirun-tagged", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": FAIL}),
        ("2.19-alltoall", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": UNKNOWN}),
        ("2.19-unchecked", {"data": UNKNOWN, "ended": PASS, "arithmetic": PASS, "speed": PASS}),
        ("2.19-corrupt", {"data": FAIL, "ended": PASS, "arithmetic": PASS, "speed": PASS}),
        ("2.19-slow", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": FAIL}),
        ("2.19-failure", {"data": UNKNOWN, "ended": FAIL, "arithmetic": UNKNOWN, "speed": UNKNOWN}),
        ("2.19-truncated", dict.fromkeys(("data", "ended", "arithmetic", "speed"), UNKNOWN)),
    ],
)
def test_each_fault_is_found_where_it_is(name, expected):
    assert verdicts("nccl-tests", text_of("nccl-tests", name)) == expected


def test_wrong_elements_are_counted_also_in_powers_of_ten():
    finding = found("nccl-tests", text_of("nccl-tests", "2.19-corrupt"))["data"]
    assert "16777200 wrong elements of 512 MiB, in place" in finding.observed
    assert "search=true" in finding.remedy and finding.severity is Severity.MONITOR  # of two nodes, which?
    on_one = text_of("nccl-tests", "2.19-corrupt").replace("ip-10-1-0-2", "ip-10-1-0-1")
    assert found("nccl-tests", on_one)["data"].severity is Severity.ISOLATE


def test_several_runs_in_one_file_are_judged_apart():
    healthy, slow = text_of("nccl-tests", "2.19-two-p5"), text_of("nccl-tests", "2.19-slow")
    assert [len(sweep.rows) for sweep in read(healthy + slow)] == [32, 15]
    assert verdicts("nccl-tests", healthy + slow)["speed"] is FAIL
    # Built without MPI each rank is a job of its own, and their tables mix.
    mixed = "".join(a + b for a, b in zip(healthy.splitlines(True), healthy.splitlines(True), strict=True))
    assert PASS not in verdicts("nccl-tests", mixed).values()


# --- no false PASS


def mutations(text: str) -> Iterator[tuple[str, str]]:
    """What takes something away: each prefix that ends with a line, each line, each word of each row."""
    lines = text.splitlines(True)
    for at in range(len(lines)):
        yield f"first {at} lines", "".join(lines[:at])
        yield f"without {lines[at]!r}", "".join(lines[:at] + lines[at + 1 :])
        words = lines[at].split()
        if words and words[0][0].isdigit():
            for n in range(len(words)):
                shorter = "  ".join(words[:n] + words[n + 1 :]) + "\n"
                yield f"word {n} less: {lines[at]!r}", "".join([*lines[:at], shorter, *lines[at + 1 :]])
                if n and words[n] != words[n - 1]:
                    swapped = "  ".join([*words[: n - 1], words[n], words[n - 1], *words[n + 1 :]]) + "\n"
                    yield f"word {n} swapped: {lines[at]!r}", "".join([*lines[:at], swapped, *lines[at + 1 :]])


@pytest.mark.parametrize("name", ["2.19-two-p5", "2.19-iterations-timestamps"])
def test_whatever_takes_away_or_swaps_evidence_does_not_pass(name):
    text = text_of("nccl-tests", name)
    [whole] = read(text)
    tried = 0
    for what, mutated in mutations(text):
        tried += 1
        seen = verdicts("nccl-tests", mutated)
        if PASS not in seen.values():
            continue
        [sweep] = read(mutated)  # what passes was read to the end of its row
        assert (len(sweep.rows), sweep.planned, bool(sweep.average)) == (len(whole.rows), whole.planned, True), what
        if "swapped" in what:
            assert {*seen.values()} != {PASS} or _measured(sweep) == _measured(whole), what
        elif set(seen.values()) == {PASS}:
            assert sweep.rows == whole.rows and (sweep.ranks, sweep.nodes) == (whole.ranks, whole.nodes), what
    assert tried > 500


def _measured(sweep: Sweep) -> list[Any]:
    # How far -I's columns are apart is no evidence of any rule.
    return [
        (row.size, row.count, *((t.time_us, t.algbw, t.busbw, t.wrong) for _, t in row.timings())) for row in sweep.rows
    ]


def test_every_prefix_of_the_last_lines_is_doubted():
    text = text_of("nccl-tests", "2.19-two-p5")
    end = text.index("# Avg bus")
    for at in range(end - 400, text.index("# Collective test concluded") + 30):
        assert PASS not in verdicts("nccl-tests", text[:at]).values(), text[at - 40 : at]


@pytest.mark.parametrize("name", JSON)
def test_json_that_lacks_something_does_not_pass(name):
    text = text_of("nccl-tests", name)
    document = json.loads(text)
    for at in random.Random(1).sample(range(len(text.rstrip())), 50):
        assert PASS not in verdicts("nccl-tests", text[:at]).values(), at
    needed = set(document) - {"start_time", "env", "nccl_version", "errors"}
    for key in needed:
        left = json.dumps({k: v for k, v in document.items() if k != key}) + "\n"
        assert overall(found("nccl-tests", left).values()) is not PASS, key
    for at in range(len(document["results"])):
        fewer = json.dumps(document | {"results": document["results"][:at] + document["results"][at + 1 :]}) + "\n"
        assert PASS not in verdicts("nccl-tests", fewer).values(), at
    one = document["results"][3]
    for key in ("size", "count", "type", "out_of_place", "in_place"):
        results = [*document["results"]]
        results[3] = {k: v for k, v in one.items() if k != key}
        assert PASS not in verdicts("nccl-tests", json.dumps(document | {"results": results}) + "\n").values(), key


def test_json_of_a_version_to_come_is_not_read():
    document = json.loads(text_of("nccl-tests", "json-v3")) | {"version": 4}
    finding = found("nccl-tests", json.dumps(document) + "\n")["data"]
    assert finding.verdict is UNKNOWN and "version 4" in finding.observed


def test_nan_of_json_is_no_bandwidth():
    text = text_of("nccl-tests", "json-v3")
    document = json.loads(text)
    document["results"][-1]["out_of_place"]["bus_bw"] = "nan"
    seen = verdicts("nccl-tests", json.dumps(document) + "\n")
    assert seen["arithmetic"] is FAIL and seen["speed"] is FAIL


@pytest.mark.parametrize(
    "line",
    [
        "  8388608       2097152     float     sum      -1    123.4  67.98  118.97\n",
        "  8388608       2097152     float     sum      -1    123.4  67.98  118.97      x   123.4  67.98 118.97   0\n",
        "  8388608       2097152     fp4       sum      -1    123.4  67.98  118.97      0   123.4  67.98 118.97   0\n",
        "  8388608\n",
        "ip-10-1-0-1 launcher   8388608   2097152  float  sum  -1  123.4  67.98  118.97\n",
        "  8388608       2097152     float  ip-10-1-0-2:1:2 [0] NCCL INFO Channel 00\n",
        "#  Rank  0 Group  0 Pid  20000 on\n",
        "# Out of bounds values : 3 OK\n",
        "# Avg bus bandwidth    : many\n",
    ],
)
def test_nothing_that_begins_like_a_result_is_dropped_in_silence(line):
    text = text_of("nccl-tests", "2.19-two-p5")
    head, rest = text[: text.index("           8 ")], text[text.index("           8 ") :]
    with pytest.raises(Unreadable):
        read(head + line + rest)
    assert set(verdicts("nccl-tests", head + line + rest).values()) == {UNKNOWN}


def test_what_a_log_says_beside_the_results_is_passed_over():
    text = text_of("nccl-tests", "2.19-two-p5")
    noise = "Authorization required, but no authorization protocol specified\nip:1:2 [0] NCCL INFO 16 coll channels\n"
    assert read(noise + text) == read(text)


def test_fewer_sizes_because_of_memory_are_what_the_tool_planned():
    text = text_of("nccl-tests", "2.19-slow")
    lines = [line for line in text.splitlines(True) if not line.startswith(" 17179869184")]
    assert verdicts("nccl-tests", "".join(lines))["ended"] is UNKNOWN
    lines.insert(3, "# Reducing maxBytes to 8589934592 due to memory limitation\n")
    assert verdicts("nccl-tests", "".join(lines))["ended"] is PASS


# --- speed


def scaled(share: float) -> str:
    """The last row of the healthy sweep at a share of 487 GB/s, its arithmetic right."""
    lines = text_of("nccl-tests", "2.19-two-p5").splitlines(True)
    [at] = [n for n, line in enumerate(lines) if line.startswith(" 17179869184")]
    size, factor = 17179869184, 1.875
    busbw = share * 487
    half = f"{size * factor / busbw / 1e3:.0f} {busbw / factor:.2f} {busbw:.2f} 0"
    lines[at] = f" {size} 4294967296 float sum -1 {half} {half}\n"
    return "".join(lines)


@pytest.mark.parametrize(
    ("share", "verdict"), [(1.0, PASS), (0.955, PASS), (0.945, WARN), (0.905, WARN), (0.895, FAIL), (0.1, FAIL)]
)
def test_speed_is_judged_at_the_bounds(share, verdict):
    finding = found("nccl-tests", scaled(share))["speed"]
    assert finding.verdict is verdict
    assert "16 GiB" in finding.observed or verdict is PASS
    assert "487 (awsome-distributed-training" in finding.expected or verdict is PASS


def test_a_bound_belongs_to_its_nodes_its_operation_and_its_size():
    healthy = text_of("nccl-tests", "2.19-two-p5")
    assert verdicts("nccl-tests", healthy, Profile.of("p5en.48xlarge"))["speed"] is UNKNOWN  # known of 1 and 4 nodes
    assert verdicts("nccl-tests", healthy, NOT_KNOWN)["speed"] is UNKNOWN
    small = "".join(
        line.replace("maxBytes 17179869184", "maxBytes 33554432")
        for line in healthy.splitlines(True)
        if not line[:13].strip().isdigit() or int(line[:13]) <= 2**25
    )
    finding = found("nccl-tests", small)["speed"]
    assert finding.verdict is UNKNOWN and "no baseline" in finding.observed and "baseline record" in finding.remedy
    split = healthy
    for rank in range(8, 16):
        split = split.replace(f"Rank {rank:2} Group  0", f"Rank {rank:2} Group  1")
    assert found("nccl-tests", split)["speed"].verdict is UNKNOWN


def test_ones_own_baseline_is_held_before_a_published_one():
    own = Baseline(
        instance_type="p5.48xlarge",
        nodes=2,
        ranks=16,
        operation="all_reduce",
        size_bytes=2**34,
        busbw_gbps=600,
        source="x",
    )
    assert verdicts("nccl-tests", scaled(1.0), replace(P5, baselines=(own,)))["speed"] is FAIL
    noisy = replace(own, spread=0.2)
    assert verdicts("nccl-tests", scaled(1.0), replace(P5, baselines=(noisy,)))["speed"] is PASS


def test_an_average_is_no_bound_but_what_the_tool_calls_failed_is_told():
    text = text_of("nccl-tests", "2.19-two-p5")
    start = text.index("# Avg bus")
    low = text[:start] + "# Avg bus bandwidth    : 1.5 FAILED\n" + text[text.index("\n", start) + 1 :]
    assert read(low)[0].below_minimum
    assert verdicts("nccl-tests", text)["speed"] is PASS
    assert verdicts("nccl-tests", low)["speed"] is WARN


# --- nccom-test


def test_nccom_counts_in_gib_or_in_gb_as_its_column_of_time_is_called():
    [sweep] = read(text_of("nccom", "one-trn1-average-column"), NCCOM)
    assert sweep.rows[-1].main.busbw == 2.65 and sweep.average == 0.7785
    [sweep] = read(text_of("nccom", "two-trn1"), NCCOM)
    assert sweep.rows[-1].main.busbw == pytest.approx(45.17 * 2**30 / 1e9)
    assert (sweep.operation, sweep.ranks, sweep.nodes, sweep.checked) == ("all_reduce", 64, 2, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("two-trn1", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": PASS}),
        ("one-trn1-average-column", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": UNKNOWN}),
        ("one-trn1-percentiles", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": UNKNOWN}),
        ("one-trn1-json-command", {"data": PASS, "ended": PASS, "arithmetic": PASS, "speed": UNKNOWN}),
        ("one-trn1-json", dict.fromkeys(("data", "ended", "arithmetic", "speed"), UNKNOWN)),
        ("no-command", dict.fromkeys(("data", "ended", "arithmetic", "speed"), UNKNOWN)),
        ("unchecked", {"data": UNKNOWN, "ended": PASS, "arithmetic": PASS, "speed": UNKNOWN}),
        ("failure", {"data": UNKNOWN, "ended": FAIL, "arithmetic": UNKNOWN, "speed": UNKNOWN}),
        ("no-driver", {"data": UNKNOWN, "ended": FAIL, "arithmetic": UNKNOWN, "speed": UNKNOWN}),
    ],
)
def test_nccom_is_judged(name, expected):
    assert verdicts("nccom", text_of("nccom", name), TRN1) == expected


def test_the_json_of_nccom_is_its_table_with_more_digits():
    [table] = read(text_of("nccom", "one-trn1-average-column"), NCCOM)
    [written] = read(text_of("nccom", "one-trn1-json-command"), NCCOM)
    assert (written.operation, written.ranks, written.planned, written.checked) == ("all_gather", 32, 4, True)
    for row, same in zip(table.rows, written.rows, strict=True):
        assert (row.size, row.count, row.type) == (same.size, same.count, same.type)
        assert row.main.time_us == same.main.time_us
        assert row.main.busbw == pytest.approx(same.main.busbw, abs=0.005)
    [alone] = read(text_of("nccom", "one-trn1-json"), NCCOM)
    assert "nothing tells how many sizes" in found("nccom", text_of("nccom", "one-trn1-json"))["ended"].observed
    assert (alone.rows, alone.average) == (written.rows, pytest.approx(written.average))


def test_the_average_is_the_time_and_percentiles_are_not():
    text = text_of("nccom", "one-trn1-percentiles")
    assert read(text, NCCOM)[0].rows[-1].main.time_us == 192.0
    only = text.replace("time:avg(us)    time:p25(us)    time:p50(us)", "time:p25(us)    time:p50(us)    time:p51(us)")
    assert read(only, NCCOM)[0].rows[-1].main.time_us == 192.0  # the first
    with pytest.raises(Unreadable, match="header"):
        read(text.replace("time:p50", "time:p25"), NCCOM)  # which of the two?


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_json_of_nccom_with_something_else_in_it_passes(data):
    command, _, text = text_of("nccom", "one-trn1-json-command").partition("\n")
    document = json.loads(text)
    result = data.draw(st.sampled_from(document["results"]))
    name = data.draw(st.sampled_from(sorted(result)))
    anything = st.none() | st.booleans() | st.floats(-1e6, 1e6) | st.text(max_size=5) | st.lists(st.integers())
    match data.draw(st.sampled_from(["drop", "rename", "value", "result", "cut"])):
        case "drop":
            del result[name]
        case "rename":
            result[data.draw(st.text(max_size=5))] = result.pop(name)
        case "value":
            value = data.draw(anything)
            assume(not (isinstance(value, float) and abs(value - float(result[name] if name != "type" else 0)) < 0.1))
            result[name] = value
        case "result":
            document["results"].remove(result)
        case "cut":
            document = {}
    seen = verdicts("nccom", f"{command}\n{json.dumps(document)}\n", TRN1)
    assert seen["ended"] is not PASS or seen["arithmetic"] is not PASS
    start = data.draw(st.integers(0, len(text) - 3))
    assert PASS not in verdicts("nccom", f"{command}\n{text[:start]}", TRN1).values()


def test_no_part_of_nccom_passes():
    text = text_of("nccom", "two-trn1")
    [whole] = read(text, NCCOM)
    for what, mutated in mutations(text):
        seen = verdicts("nccom", mutated, TRN1)
        if set(seen.values()) == {PASS}:
            [sweep] = read(mutated, NCCOM)
            assert _measured(sweep) == _measured(whole) and sweep.ranks == 64, what


def test_the_columns_of_old_versions_are_read_as_such():
    [sweep] = nccl_tests_text.parse(text_of("nccl-tests", "2.10-all-gather-no-redop").splitlines(True))
    assert not sweep.counts_wrong and sweep.rows[0].redop == "none" and sweep.ranks == 8
