"""Charts: well-formed for whatever floats and labels a run holds, and true to their extremes."""

import math
import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.report.axes import bounds, clock_ticks, drawable, round_ticks, thin, tick_texts
from seatrial.report.bars import MAX_BARS, rank_bars, stacked_bar
from seatrial.report.charts import Mark, Reference, Series, line_chart
from seatrial.report.format import quantity
from seatrial.report.timeline import Lane, Span, timeline

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(\.\d+)?")
floats = st.floats() | st.sampled_from([0.0, -0.0, 5e-324, 1e-310, 1.7e308, -1.7e308, 1e100, 1.0 + 2**-52])
labels = st.text() | st.sampled_from(["<b>&amp;\"'", "a\nb\tc", "]]>", "\x00\x1b\ud800", "漢字 ümläut", "-->"])


def parse(markup):
    """The picture's elements; every coordinate in it is checked to be a plain number."""
    root = ElementTree.fromstring(markup)
    assert root.get("role") == "img" and root.find(f"{SVG}title") is not None and root.find(f"{SVG}desc") is not None
    for node in root.iter():
        for name, value in node.attrib.items():
            if name in {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"}:
                assert NUMBER.fullmatch(value), (name, value)
            if name == "d":
                assert re.fullmatch(r"M[-\d. ]+(L[-\d. ]+)+", value)
    return root


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(labels, st.lists(st.tuples(floats, floats), max_size=12)), max_size=5),
    st.lists(st.tuples(floats, st.sampled_from(["restart", "checkpoint"])), max_size=4),
    floats,
    labels,
    st.booleans(),
)
def test_line_chart_takes_any_floats_and_labels(series, marks, level, text, from_zero):
    drawn = [Series(name, points) for name, points in series]
    told = [Mark(*mark) for mark in marks]
    parse(line_chart(drawn, title=text, x_name=text, from_zero=from_zero, marks=told, reference=Reference(level, text)))


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(labels, floats, max_size=8), labels)
def test_stacked_bar_takes_any_floats_and_labels(parts, text):
    parse(stacked_bar(parts, title=text))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | floats, max_size=80), labels)
def test_rank_bars_take_any_floats_and_labels(values, text):
    parse(rank_bars(values, title=text))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(labels, st.lists(st.tuples(floats, floats, labels)), st.lists(floats))), floats, labels)
def test_timeline_takes_any_floats_and_labels(rows, seconds, text):
    lanes = [Lane(name, [Span(*span) for span in spans], moments) for name, spans, moments in rows]
    parse(timeline(lanes, seconds, title=text))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e100, 1e100), max_size=9), st.booleans())
def test_ticks_are_few_ascending_and_span_the_values(values, from_zero):
    low, high = bounds(values, from_zero=from_zero)
    ticks = round_ticks(low, high)
    assert 2 <= len(ticks) <= 8 and ticks == sorted(set(ticks))
    slack = 1e-6 * (high - low)
    assert ticks[0] <= low + slack and ticks[-1] >= high - slack


def test_ticks_are_round():
    assert round_ticks(0, 43) == [0, 20, 40, 60]
    assert round_ticks(3.3, 5.4) == [3, 4, 5, 6]
    assert clock_ticks(9_546) == [0, 1800, 3600, 5400, 7200, 9000]
    assert tick_texts([2.3001, 2.3002], quantity) == ["2.3001", "2.3002"]


@settings(deadline=None, max_examples=25)
@given(st.lists(floats, min_size=1, max_size=30), st.integers(601, 3000), st.randoms(use_true_random=False))
def test_thinning_keeps_both_ends_and_all_extremes(seen, count, chance):
    values = chance.choices(seen, k=count)
    points = [(float(step), value) for step, value in enumerate(values)]
    kept = thin(points)
    assert len(kept) <= 600 and kept[0][0] == 0.0 and kept[-1][0] == points[-1][0]
    numbers = [value for value in values if drawable(value)]
    if numbers:
        left = [value for _, value in kept if drawable(value)]
        assert (min(left), max(left)) == (min(numbers), max(numbers))
    assert any(not drawable(value) for value in values) == any(not drawable(value) for _, value in kept)


def test_a_loss_that_is_not_a_number_breaks_the_line_and_is_marked():
    points = [(1.0, 3.0), (2.0, 2.0), (3.0, math.nan), (4.0, 2.0), (5.0, 1.0)]
    root = parse(line_chart([Series("loss", points)], title="Loss"))
    assert len(root.findall(f"{SVG}path")) == 2
    assert [node.text for node in root.iter(f"{SVG}text") if node.get("class") == "bad"] == ["\u00d7"]
    assert "1 points are not numbers" in root.find(f"{SVG}desc").text


def test_a_single_step_is_a_dot():
    root = parse(line_chart([Series("loss", [(1.0, 3.0)])], title="Loss"))
    assert not root.findall(f"{SVG}path") and len(root.findall(f"{SVG}circle")) == 1


def test_many_ranks_are_cut_to_the_slowest_and_the_median():
    root = parse(rank_bars([float(rank) for rank in range(200)], title="busy"))
    tips = [node.find(f"{SVG}title").text for node in root.iter(f"{SVG}rect")]
    assert len(tips) == MAX_BARS
    assert tips[0] == "rank 199: 3 min 19 s" and tips[-1] == "rank median: 1 min 40 s"


def test_bars_of_few_ranks_stand_in_order_and_only_those_behind_are_marked():
    root = parse(rank_bars([1.0, 3.0, 2.0, 3.0], title="busy", behind=(1,)))
    assert [node.get("class") for node in root.iter(f"{SVG}rect")] == ["bar", "bar behind", "bar", "bar"]
    assert [node.text for node in root.iter(f"{SVG}text") if node.get("class") == "behind"] == ["\u25b2"]
    assert root.find(f"{SVG}desc").text.endswith("behind: 1")
    even = parse(rank_bars([1.0, 3.0], title="busy"))
    assert [node.get("class") for node in even.iter(f"{SVG}rect")] == ["bar", "bar"]


def test_stacked_bar_is_to_scale():
    root = parse(stacked_bar({"data_wait": 0.25, "forward": 0.75, "other": 0.0, "checkpoint": math.nan}, title="step"))
    assert [float(node.get("width")) for node in root.iter(f"{SVG}rect")] == [260, 780]
    assert root.find(f"{SVG}desc").text == "data_wait 250 ms, 25 %; forward 750 ms, 75 %"
