"""Shorter texts for golden files: the whole text can be had again of each."""

from __future__ import annotations

import json
import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compact import WIDTH, differences, folded

LINES = st.lists(st.sampled_from(["", "a", "b", " c", "= 2 lines", "-a", "+b"]), max_size=12)
WORDS = st.sampled_from(["", "a", '"\\', "é", "x" * 60])
LISTS = st.lists(st.just(1 / 3), max_size=9)
JSON = st.recursive(
    st.sampled_from([None, True, 0, -1.5]) | WORDS | LISTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def restored(base: str, changes: str) -> str:
    """The text, of its base and what is different."""
    old, found = iter(base.split("\n")), []
    for line in changes.removesuffix("\n").split("\n"):
        if count := re.fullmatch(r"= (\d+) lines", line):
            found += islice(old, int(count[1]))
        elif line.startswith("+"):
            found.append(line[1:])
        else:
            assert next(old) == line[1:]
            found += [line[1:]] if line.startswith(" ") else []
    return "\n".join(found) + "\n"


@given(LINES, LINES)
def test_a_text_can_be_had_again_of_its_base_and_the_differences(old: list[str], new: list[str]) -> None:
    base, text = "\n".join([*old, "end\n"]), "\n".join([*new, "end\n"])
    assert restored(base, differences(base, text)) == text


def test_lines_in_common_are_counted_and_the_last_of_them_shown() -> None:
    base = "".join(f"{n}\n" for n in range(10))
    assert differences(base, base.replace("5", "five")) == "= 4 lines\n 4\n-5\n+five\n= 4 lines\n"
    assert differences(base, f"x\n{base}") == "+x\n= 10 lines\n"
    assert differences(base, base) == "= 10 lines\n"


@given(JSON, st.booleans())
def test_what_is_folded_is_the_same_value_in_no_more_lines(value: object, escaped: bool) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=escaped) + "\n"
    assert text.isascii() or not escaped
    short = folded(text)
    assert json.dumps(json.loads(short), indent=2, ensure_ascii=text.isascii()) + "\n" == text
    assert short.count("\n") <= text.count("\n")


def test_what_fits_is_one_line_and_numbers_are_filled_in() -> None:
    value = {"few": [1, {"a": None}, []], "many": [{"name": "x" * 40, "value": "y" * 30}] * 2}
    assert folded(json.dumps(value, indent=2) + "\n").splitlines() == [
        "{",
        '  "few": [1, {"a": null}, []],',
        '  "many": [',
        *[f'    {{"name": "{"x" * 40}", "value": "{"y" * 30}"}}{comma}' for comma in (",", "")],
        "  ]",
        "}",
    ]
    numbers = folded(json.dumps([1 / 3] * 6, indent=2) + "\n").splitlines()
    assert [line.count("0.333") for line in numbers] == [0, 5, 1, 0]
    assert [folded(json.dumps(["é"], indent=2, ensure_ascii=escaped) + "\n") for escaped in (True, False)] == [
        '["\\u00e9"]\n',
        '["é"]\n',
    ]
    edge = ["x" * (WIDTH - 4)]
    assert folded(json.dumps(edge, indent=2) + "\n").count("\n") == 1
    assert folded(json.dumps([edge[0] + "x"], indent=2) + "\n").count("\n") == 3


@pytest.mark.parametrize(
    "text", ["no JSON\n", '{"a": 1}\n\n', '{\n    "a": 1\n}\n', '{"a": 1}\n', "[\n  1\n]", "[1,2]\n"]
)
def test_what_is_not_written_as_we_write_it_stays_as_it_is(text: str) -> None:
    assert folded(text) == text
