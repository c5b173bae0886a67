"""Combinations of parameters in which any two values meet, since what fails mostly takes no more than two."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

Values = Mapping[str, Sequence[Any]]
Choice = dict[str, int]
"""Parameter -> which of its values, by number: some values cannot be hashed."""
Pair = tuple[tuple[str, int], ...]
"""Two of them, of two parameters; or one, which has to be there even where it can meet no other."""

TRIES = 8
"""Random combinations that are tried around two values before they count as ones that cannot meet."""


def pairwise(
    values: Values,
    possible: Callable[[dict[str, Any]], bool] = lambda _: True,
    known: Sequence[Mapping[str, Any]] = (),
) -> Iterator[dict[str, Any]]:
    """Few combinations that hold each value, and each two values that can stand together. The same ones every time.

    Where most combinations are impossible, some that are `known` to be possible help: what they lack is a first value.
    """

    def meant(choice: Choice) -> dict[str, Any]:
        return {name: values[name][number] for name, number in choice.items()}

    starts = [{name: values[name].index(value) for name, value in one.items()} for one in ({}, *known)]
    chance = random.Random(0)
    missing = dict.fromkeys(_all_pairs(values))
    while missing:
        wanted = next(iter(missing))
        around = (choice | dict(wanted) for choice in _around(values, starts, chance))
        found = next((choice for choice in around if possible(meant(choice))), None)
        if found is None:
            del missing[wanted]
            continue
        found = _richer(found, wanted, values, missing, lambda choice: possible(meant(choice)))
        for pair in _pairs(found):
            missing.pop(pair, None)
        yield meant(found)


def _around(values: Values, starts: Sequence[Choice], chance: random.Random) -> Iterator[Choice]:
    """Combinations into which what is wanted may fit: those known to be possible, and any."""
    yield from (dict.fromkeys(values, 0) | start for start in starts)
    for _ in range(TRIES):
        yield {name: chance.randrange(len(choices)) for name, choices in values.items()}


def _richer(
    choice: Choice, wanted: Pair, values: Values, missing: Mapping[Pair, None], possible: Callable[[Choice], bool]
) -> Choice:
    """The same one with other values beside what is wanted, as long as each brings pairs that are missing."""
    fixed = dict(wanted)
    for name in (name for name in values if name not in fixed):
        gains = [_gain(choice, name, number, missing) for number in range(len(values[name]))]
        for number in sorted(range(len(gains)), key=gains.__getitem__, reverse=True):
            if gains[number] <= gains[choice[name]]:
                break
            if possible(choice | {name: number}):
                choice = choice | {name: number}
                break
    return choice


def _gain(choice: Choice, name: str, number: int, missing: Mapping[Pair, None]) -> int:
    """Missing pairs that this value of a parameter makes with all others."""
    return sum(_pair((name, number), other) in missing for other in choice.items() if other[0] != name)


def _all_pairs(values: Values) -> Iterable[Pair]:
    numbered = [[(name, number) for number in range(len(choices))] for name, choices in values.items()]
    yield from ((one,) for ones in numbered for one in ones)
    for some, others in combinations(numbered, 2):
        yield from (_pair(one, other) for one in some for other in others)


def _pairs(choice: Choice) -> Iterable[Pair]:
    yield from ((one,) for one in choice.items())
    yield from (_pair(one, other) for one, other in combinations(choice.items(), 2))


def _pair(one: tuple[str, int], other: tuple[str, int]) -> Pair:
    return tuple(sorted((one, other)))
