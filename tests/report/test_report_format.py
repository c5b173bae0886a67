"""Numbers for people: units, rounding at the edges, and unknown instead of zero."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.report.format import bytes_, clean, duration, moment, number, percent, quantity


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "tokens/s", "unknown"),
        (0, "", "0"),
        (12345.6, "tokens/s", "12.3K tokens/s"),
        (999.4, "", "999"),
        (999.6, "", "1K"),
        (-2_500_000, "", "-2.5M"),
        (8_030_261_248, "", "8.03B"),
        (989.5e12, "FLOP/s", "990 TFLOP/s"),
        (0.25, "nats", "0.25 nats"),
        (math.nan, "tokens/s", "NaN tokens/s"),
        (math.inf, "", "Infinity"),
    ],
)
def test_quantity(value, unit, expected):
    assert quantity(value, unit) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (0.00085, "850 µs"),
        (0.0123, "12.3 ms"),
        (0.99996, "1 s"),
        (4.5, "4.5 s"),
        (59.96, "1 min"),
        (119.9, "2 min"),
        (200, "3 min 20 s"),
        (3599.9, "1 h"),
        (18_420, "5 h 7 min"),
        (86_399, "1 d"),
        (183_600, "2 d 3 h"),
        (-4.5, "-4.5 s"),
        (math.nan, "NaN"),
    ],
)
def test_duration(seconds, expected):
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, "unknown"), (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536 * 2**20, "1.5 GiB"), (2**40, "1 TiB")],
)
def test_bytes(count, expected):
    assert bytes_(count) == expected


def test_percent_and_number():
    assert [percent(0.4123), percent(None), percent(0), percent(math.nan)] == ["41.2 %", "unknown", "0 %", "NaN"]
    assert [number(2.345678), number(None), number(-math.inf)] == ["2.3457", "unknown", "-Infinity"]


def test_moment_is_utc_and_survives_nonsense():
    assert moment(1_700_000_000) == "2023-11-14 22:13:20 UTC"
    assert [moment(None), moment(1e300), moment(math.nan)] == ["unknown"] * 3


@settings(deadline=None)
@given(st.floats())
def test_every_float_can_be_written(value):
    for text in (
        quantity(value),
        quantity(value, "FLOP/s"),
        duration(value),
        bytes_(value),
        percent(value),
        number(value),
    ):
        assert text and "\n" not in text


def test_clean_takes_out_what_terminals_and_xml_choke_on():
    assert clean("a\x1b[31mb\x00\ud800\u202e") == "a\ufffd[31mb\ufffd\ufffd\ufffd"
    assert clean("tab\tline\nümläut 漢字") == "tab\tline\nümläut 漢字"
