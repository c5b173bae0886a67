"""Which lines are looked at: the same that the words themselves would choose."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seatrial.reading import ends, kinds
from seatrial.reading.kinds import ANEW, METRIC, SIGN, Kinds

WORDS = ("step:", "loss ", "100%|")
PARTS = st.sampled_from(
    [*WORDS, *ends.WORDS, *ends.ANEW_WORDS, "Killed", "Exit 137", "0x55d0c8a0", " ", "█", "7", "\r"]
)
LINES = st.lists(st.lists(PARTS, max_size=4).map("".join), min_size=1, max_size=8)


@given(LINES)
def test_no_line_with_a_word_is_missed(lines: list[str]) -> None:
    for line, kind in zip(lines, Kinds(WORDS).of(lines), strict=True):
        assert kind & METRIC or not any(word in line for word in WORDS)
        assert kind & ANEW or not any(word in line for word in ends.ANEW_WORDS)
        assert kind & SIGN or not any(word in line.lower() for word in ends.WORDS)


def test_lines_that_differ_in_their_digits_are_of_one_kind() -> None:
    seen = Kinds(WORDS)
    assert seen.of(["step: 1 of 20", "rank 7", "step: 19 of 20"]) == [METRIC, 0, METRIC]
    assert len(seen.known) == 2


def test_a_reader_without_words_needs_all_lines_and_no_one_else_does() -> None:
    assert Kinds(()).of(["rank 7", "", "Killed"]) == [METRIC, METRIC, METRIC | SIGN]
    assert Kinds(WORDS).of(["rank 7", "", "resumed"]) == [0, 0, ANEW]


def test_memory_does_not_grow_with_lines_of_a_kind_of_their_own() -> None:
    seen = Kinds(WORDS)
    letters = str.maketrans("0123456789", "abcdefghij")
    for batch in range(5):
        names = [str(batch * kinds.MOST + at).translate(letters) for at in range(kinds.MOST // 2)]
        assert set(seen.of([*names, "step: 1"])) == {0, METRIC}
    assert len(seen.known) < 2 * kinds.MOST
