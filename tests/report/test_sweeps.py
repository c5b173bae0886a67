"""Collectives over sizes in a report: the curve, what it is held against, and who says so."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from seatrial.checks.collectives import telling
from seatrial.checks.collectives.baselines import published
from seatrial.checks.collectives.line_rate import line_rate
from seatrial.checks.collectives.sweep import Row, Sweep, Timing
from seatrial.events import CollectiveSweep, decode, encode
from seatrial.forecast import bus
from seatrial.report import sweeps
from seatrial.report.html import to_html
from seatrial.report.record import to_json
from seatrial.report.summary import summarise
from seatrial.report.text import to_markdown, to_text

P6 = "p6-b200.48xlarge"


def measured(share: float = 0.5, instance_type: str = P6, nodes: int = 1) -> CollectiveSweep:
    """A sweep that reaches a share of each published baseline."""
    of = [b for b in published() if b.key == (instance_type, nodes, 8 * nodes, "all_reduce")]
    sweep = Sweep(tool="nccl-tests", operation="all_reduce", ranks=8 * nodes)
    sweep.hosts = tuple(f"node-{rank // 8}" for rank in range(8 * nodes))
    lowest = {b.size_bytes: b.busbw_gbps for b in sorted(of, key=lambda b: -b.busbw_gbps)}
    for size, busbw in sorted((size, share * busbw) for size, busbw in lowest.items()):
        seconds = bus.on_the_wire("all_reduce", 8 * nodes, size) / busbw / bus.GB
        timing = Timing(time_us=seconds * 1e6, algbw=size / seconds / bus.GB, busbw=busbw)
        sweep.rows.append(Row(size=size, count=size // 4, type="float", out_of_place=timing))
    told = telling.event(sweep, instance_type)
    assert told is not None
    return told


def test_an_event_has_the_curve_with_its_baseline_and_the_line_rate():
    told = measured()
    assert len(told.sizes) > 15 and told.sizes[-1] == 16 * 2**30
    assert told.bus_bandwidths == pytest.approx([0.5 * (b or 0) for b in told.baselines])
    assert "stas00/ml-engineering network/README.md" in told.baseline_source and "2026-08" in told.baseline_source
    assert (told.line_rate, told.line_rate_source) == (900.0, "18 NVLinks of 50 GB/s a GPU")
    assert decode(encode(told, 1.0)).event == told


def test_nothing_is_told_of_what_is_not_known():
    told = measured()
    sweep = Sweep(tool="nccl-tests", operation="all_reduce", ranks=2, hosts=("a", "a"))
    sweep.rows.append(Row(size=8, count=2, type="float", in_place=Timing(time_us=10, algbw=8e-4, busbw=8e-4)))
    elsewhere = telling.event(sweep, "cpu (some CPU)")
    assert elsewhere is not None and elsewhere.sizes == [8]
    assert elsewhere.baselines == [None] and elsewhere.baseline_source == ""
    assert elsewhere.line_rate is elsewhere.alpha_us is elsewhere.beta_gbps is None
    assert telling.event(replace(sweep, ranks=None), P6) is None
    assert sweeps.notes([told])[1].startswith("Baselines: ") and sweeps.notes([elsewhere])[1].startswith("There is no")
    assert sweeps.notes([]) == () and len(sweeps.notes([elsewhere])) == 2


@pytest.mark.parametrize(
    ("operation", "instance_type", "nodes", "expected"),
    [
        ("all_reduce", "p4d.24xlarge", 1, 300.0),  # GB/s of NVLink in one direction: 600 of both
        ("all_gather", "p5.48xlarge", 1, 450.0),
        ("sendrecv", "p6-b200.48xlarge", 1, 900.0),
        ("all_reduce", "p4d.24xlarge", 2, 50.0),  # 4 x 100 Gbit/s
        ("reduce_scatter", "p5en.48xlarge", 4, 400.0),
        ("sendrecv", "p5.48xlarge", 2, 50.0),  # an eighth of a node
        ("all_to_all", "p5.48xlarge", 2, 50.0 * 15 / 8),  # half of the peers are on the own node
        ("all_to_all", "p5.48xlarge", 4, 50.0 * 31 / 24),
    ],
)
def test_links_are_full_at(operation, instance_type, nodes, expected):
    found = line_rate(operation, 8 * nodes, nodes, instance_type)
    assert found is not None and found[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("operation", "ranks", "nodes", "instance_type"),
    [
        ("all_reduce", 8, 1, "cpu (some CPU)"),
        ("all_reduce", 2, 1, "m5.large"),
        ("all_reduce", 4, 1, "g6.12xlarge"),  # no NVLink
        ("all_reduce", 32, 1, "trn1.32xlarge"),  # the rate of a NeuronLink is in no table of ours
        ("gather", 8, 1, "p5.48xlarge"),
        ("gather", 16, 2, "p5.48xlarge"),
        ("all_reduce", 16, None, "p5.48xlarge"),
        ("all_reduce", 6, 2, "p5.48xlarge"),  # not all GPUs: whose cards they have is not told
    ],
)
def test_where_it_is_not_known_there_is_no_line(operation, ranks, nodes, instance_type):
    assert line_rate(operation, ranks, nodes, instance_type) is None


def test_the_table_says_what_share_was_reached():
    [row] = sweeps.table([measured()]).rows
    shown = dict(zip(sweeps.table([measured()]).headers, row, strict=True))
    assert shown["at"] == "16 GiB" and shown["baseline"] == "845.7" and shown["of it"] == "50 %"
    assert shown["line rate"] == "900" and shown["of that"] == "47 %"
    newer = replace(measured(), sizes=[*measured().sizes, 2**40], bus_bandwidths=[*measured().bus_bandwidths, 1.0])
    newer = replace(newer, times_us=[*newer.times_us, 1.0], baselines=[*newer.baselines, None])
    assert sweeps.table([newer]).rows == sweeps.table([measured()]).rows  # the largest size that has a baseline
    assert sweeps.newest([newer, measured()]) == (measured(),)


def test_the_curve_has_its_four_lines():
    [(title, svg)] = sweeps.curves([measured()])
    assert title == "all_reduce, 8 ranks on 1 node, GB/s on the bus"
    said = re.search(r"<desc>(.*)</desc>", svg)
    assert said and [part.partition(":")[0] for part in said[1].split("; ")] == ["measured", "fit", "baseline"]
    assert 'class="reference"' in svg and ">line rate</text>" in svg and ">32 KiB</text>" in svg
    [(_, bare)] = sweeps.curves([replace(measured(), baselines=[], alpha_us=None, beta_gbps=None, line_rate=None)])
    assert ">measured</text>" in bare and not re.search(r">(fit|baseline|line rate)</text>", bare)


def test_the_fit_of_a_line_is_that_line():
    told = replace(measured(), alpha_us=100.0, beta_gbps=200.0)
    assert sweeps._fitted(told, 2**50) == pytest.approx(200, rel=1e-3)
    wire = bus.on_the_wire("all_reduce", 8, 2**20)
    assert sweeps._fitted(told, 2**20) == pytest.approx(wire / (100e-6 + wire / 200e9) / 1e9)


def test_all_reports_have_it(make_run, story):
    run = make_run([(0.0, story.start()), (1.0, measured())])
    summary = summarise(run, [])
    assert summary.sweeps == (measured(),)
    for text in (to_text(summary), to_markdown(summary), to_html(summary)):
        assert "Collectives over sizes" in text and "NVLinks of 50 GB/s" in " ".join(text.split())
    assert json.loads(to_json(summary))["sweeps"][0]["line_rate"] == 900
    without = summarise(make_run([(0.0, story.start())], name="without"), [])
    assert "Collectives over sizes" not in to_text(without) + to_html(without)
