"""Which lines of a log are worth a look, found out once for all lines that differ in nothing but their digits.

A log of gigabytes holds some hundred kinds of lines: the same words with other numbers. So words are looked for in each
kind, and of the lines themselves only the digits are taken out, which costs a tenth of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from seatrial.reading import ends

METRIC = 1
"""The framework's reader asks for such a line."""
SIGN = 2
"""It may tell of a failure."""
ANEW = 4
"""It may tell of a start anew."""
MOST = 4096
"""Kinds that are kept: where every line is of a kind of its own, memory does not grow with them."""
BATCH = 2000
"""Lines that are looked through at once."""
_DIGITS = b"0123456789"


class Kinds:
    """The kinds of lines that were seen."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words`: of the reader; none: it needs to see all lines."""
        self._always = 0 if words else METRIC
        self._words = [(METRIC, _plain(words)), (ANEW, _plain(ends.ANEW_WORDS))]
        self._signs = _plain(ends.WORDS)
        self.known: dict[bytes, int] = {}
        """Kind -> what it is worth."""

    def of(self, lines: Sequence[str]) -> list[int]:
        """What each line is worth: METRIC, SIGN and ANEW together; 0 if it need not be looked at."""
        kinds = "\n".join(lines).encode("utf-8", "replace").translate(None, _DIGITS).split(b"\n")
        if new := set(kinds).difference(self.known):
            if len(self.known) > MOST:
                self.known.clear()
                new = set(kinds)
            self._learn(list(new))
        assert len(kinds) == len(lines), "a line holds no end of a line"
        return [self.known[kind] for kind in kinds]

    def _learn(self, kinds: list[bytes]) -> None:
        self.known.update(dict.fromkeys(kinds, self._always))
        for flag, words in self._words:
            self._mark(kinds, kinds, words, flag)
        self._mark(kinds, [kind.lower() for kind in kinds], self._signs, SIGN)

    def _mark(self, kinds: list[bytes], texts: list[bytes], words: Iterable[bytes], flag: int) -> None:
        together = b"\n".join(texts)
        for word in words:
            if word in together:
                for kind, text in zip(kinds, texts, strict=True):
                    if word in text:
                        self.known[kind] |= flag


def batches(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines without what ends them, BATCH at a time."""
    rest = iter(lines)
    while batch := [line.rstrip("\n") for line in islice(rest, BATCH)]:
        yield batch


def _plain(words: Iterable[str]) -> list[bytes]:
    """Words without digits, as the kinds are."""
    return [word.encode().translate(None, _DIGITS) for word in words]
