"""Lines of a log, freed of what engines and terminals put around them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.rank.lines import Line, clean, number, same, size

METRIC = "step:  1  loss: 8.1234  memory: 1.75GiB"

# --- prefixes ---


@pytest.mark.parametrize(
    ("prefix", "rank"),
    [
        ("", None),
        ("0: ", 0),
        ("  7: ", 7),
        ("1023: ", 1023),
        ("[default3]:", 3),
        ("[rank5]:", 5),
        ("1: [default3]:", 3),
        ("[pod/fsdp-worker-0/pytorch] ", None),
        ("[1,0]<stdout>:", None),
        ("[prterun-node-7-412@1,3]<stderr>: ", None),
        ("2026-11-22T10:11:12.123456789Z ", None),
        ("2026-11-22T10:11:12+01:00 ", None),
        ("[pod/fsdp-worker-0/pytorch] 2026-11-22T10:11:12.123456789Z ", None),
        ("[pod/fsdp-worker-0/pytorch] 2026-11-22T10:11:12Z [default1]:", 1),
        ("(pretraining, pid=4112) ", None),
        ("(worker1, rank=1, pid=4112, ip=10.0.0.2) ", None),
        ("(head, rank=0, pid=4112) [default7]:", 7),
        ("(RayTrainWorker pid=4112) ", None),
        ("(RayTrainWorker pid=4112, ip=10.0.0.2) ", None),
        ("(pid=4112) ", None),
    ],
)
def test_prefixes_come_off_and_are_kept(prefix: str, rank: int | None) -> None:
    assert clean(prefix + METRIC) == Line(METRIC, rank, prefix)
    assert clean(prefix + METRIC + "\n") == Line(METRIC, rank, prefix)
    assert clean(prefix + METRIC, prefixed=False) == Line(prefix + METRIC)


def test_a_framework_that_indents_its_lines_keeps_its_blanks() -> None:
    line = " iteration        1/      10 | lm loss: 1.0E+01"
    for prefix in ("", "3: ", "[default0]:", "2: [default0]:"):
        assert clean(prefix + line).text == line


@pytest.mark.parametrize(
    "line",
    [
        "12:30:01 loss 3",  # a clock
        "12:3",
        "1/10: loss 3",
        "[rank 0] Step: 1     | Loss: 5.5",
        "[batch=1/10]:",
        "[titan] 2026-11-22 10:11:12,123 - root - INFO - step:  1  loss: 8.1",
        "2026-11-22 10:11:12 INFO loss 3",
        "(loss) 3",
        "(step 3, loss 2)",
        "-1: 3",
        "epoch 1: loss 3",
    ],
)
def test_what_only_looks_like_a_prefix_stays(line: str) -> None:
    assert clean(line) == Line(line)


def test_a_label_of_srun_and_a_metric_line_look_the_same() -> None:
    assert clean("12: 3") == Line("3", 12, "12: ")
    assert clean("12: 3", prefixed=False) == Line("12: 3")


PREFIXES = ["0: ", "12: ", "[default1]:", "[rank0]:", "[pod/a-0/b] ", "(x pid=1) "]
WORDS = st.text(st.characters(exclude_characters="\x1b\r\n", exclude_categories=["Cs"]), max_size=60)


@given(st.lists(st.sampled_from(PREFIXES), max_size=3), WORDS)
def test_nothing_of_a_line_is_lost(prefixes: list[str], words: str) -> None:
    raw = "".join(prefixes) + words
    line = clean(raw)
    # The blanks at the end may be those of the last prefix.
    assert (line.prefix + line.text).rstrip() == raw.rstrip()
    assert clean(raw, prefixed=False).text == raw.rstrip()


@given(WORDS)
def test_a_line_that_begins_with_a_word_is_left_alone(words: str) -> None:
    raw = "loss " + words
    assert clean(raw) == Line(raw.rstrip())


# --- terminals ---


@pytest.mark.parametrize(
    "raw",
    [
        f"\x1b[36m(main, pid=7)\x1b[0m \x1b[1;32m{METRIC}\x1b[0m",
        f"\x1b[38;5;12m{METRIC}\x1b[K",
        f"\x1b]8;;http://a/b\x1b\\{METRIC}\x1b]8;;\x1b\\",
        f"\x1b]0;title\x07{METRIC}",
        f"\x1b[?25l{METRIC}\x1b[?25h",
        f"{METRIC}\r\n",
        f"{METRIC}   \r\r\n",
        f"\r{METRIC}",
        f" 10%|#  | 1/10\r 20%|## | 2/10\r{METRIC}",
        f"{METRIC}\r\x1b[K",
        f"0: \r 10%|#  | 1/10\r{METRIC}",
    ],
)
def test_colours_and_redrawn_lines(raw: str) -> None:
    assert clean(raw).text == METRIC


def test_a_redrawn_line_keeps_who_printed_it() -> None:
    assert clean("3: [default1]:\r 10%|# |\r 20%|# | loss 3") == Line(" 20%|# | loss 3", 1, "3: [default1]:")


# --- numbers ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6,785", 6785),
        ("1,234,567.5", 1234567.5),
        ("3.32K", 3320),
        ("12k", 12_000),
        ("1.5M", 1.5e6),
        ("536.90M", 536.9e6),
        ("7B", 7e9),
        ("2G", 2e9),
        ("1.2T", 1.2e12),
        ("1.638E-08", 1.638e-08),
        ("1e+3", 1000),
        ("-0.5", -0.5),
        ("+3", 3),
        (".5", 0.5),
        ("12.", 12),
        (" 7 ", 7),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "NAN"])
def test_not_a_number_is_read_as_such(text: str) -> None:
    assert math.isnan(number(text))


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", "1.2.3", "0,5", "1,23", "1,2345", "1,,234", ",123", "5m", "5b", "1e", "e5", "0x10", "1_000"),
        *("3 K", "nanK", "infB", "12%", "٣", "3KB", "none", "1 2"),
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(text)


@given(st.floats(allow_nan=False))
def test_every_number_that_python_prints_is_read(value: float) -> None:
    assert number(repr(value)) == value
    assert number(f"{value:.3e}") == float(f"{value:.3e}")


@given(st.integers(-(10**15), 10**15))
def test_thousands(value: int) -> None:
    assert number(f"{value:,}") == value


@given(st.floats(1.0, 999.0), st.sampled_from("KMBT"))
def test_suffixes(value: float, suffix: str) -> None:
    power = {"K": 3, "M": 6, "B": 9, "T": 12}[suffix]
    assert number(f"{value:.2f}{suffix}") == pytest.approx(float(f"{value:.2f}") * 10**power)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512B", 512),
        ("68.57GiB", round(68.57 * 2**30)),
        ("1.75GB", 1_750_000_000),
        ("1,024.5 MiB", round(1024.5 * 2**20)),
        ("3kB", 3000),
        ("2KiB", 2048),
        ("1TB", 10**12),
        ("0.50TiB", 2**39),
    ],
)
def test_sizes(text: str, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["", "5", "5iB", "5 Gb", "GiB", "1.2.3GB", "-1GB", "nanGiB", "infGB", "5PB", "1KGB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        size(text)


@given(st.floats(0, 1023), st.sampled_from(["K", "M", "G", "T"]))
def test_sizes_round_trip(value: float, unit: str) -> None:
    power = {"K": 1, "M": 2, "G": 3, "T": 4}[unit]
    assert size(f"{value:.2f}{unit}iB") == round(float(f"{value:.2f}") * 1024**power)


@pytest.mark.parametrize(("rate", "seconds"), [(5070.0, 0.101), (4300.0, 0.12), (0.0, 1.0), (100.0, 0.0)])
def test_a_rate_and_a_time_that_are_of_a_batch_of_512(rate: float, seconds: float) -> None:
    same(512, rate, seconds)
    same(0, rate, seconds)  # not told


@pytest.mark.parametrize(("rate", "seconds"), [(5070.0, 0.05), (5070.0, 0.2)])
def test_a_rate_and_a_time_that_are_of_another_batch(rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"5070 a second over 0\.\d+ s are \d+\.?\d*, and it says a batch of 512"):
        same(512, rate, seconds)
