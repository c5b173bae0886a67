"""Combinations of parameters in which any two values meet, since what fails mostly takes no more than two."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

Values = Mapping[str, Sequence[Any]]
Choice = dict[str, int]
"""Parameter -> which of its values, by number: some values cannot be hashed."""

TRIES = 8
"""Random combinations that are tried around two values before they count as ones that cannot meet."""


def pairwise(values: Values, possible: Callable[[dict[str, Any]], bool] = lambda _: True) -> Iterator[dict[str, Any]]:
    """Few combinations that hold each value, and each two values that can stand together. The same ones every time."""

    def meant(choice: Choice) -> dict[str, Any]:
        return {name: values[name][number] for name, number in choice.items()}

    chance = random.Random(0)
    open_pairs = dict.fromkeys(_all_pairs(values))
    while open_pairs:
        wanted = next(iter(open_pairs))
        found = next((c for c in _candidates(values, wanted, open_pairs, chance) if possible(meant(c))), None)
        if found is None:
            del open_pairs[wanted]
            continue
        for pair in _pairs(found):
            open_pairs.pop(pair, None)
        yield meant(found)


def _candidates(
    values: Values, wanted: Sequence[tuple[str, int]], open_pairs: Mapping[Any, None], chance: random.Random
) -> Iterator[Choice]:
    """Combinations around what is wanted: the one with most that is new, the first value of all others, and any."""
    yield _greedy(values, wanted, open_pairs)
    yield dict.fromkeys(values, 0) | dict(wanted)
    for _ in range(TRIES):
        yield {name: chance.randrange(len(choices)) for name, choices in values.items()} | dict(wanted)


def _greedy(values: Values, wanted: Sequence[tuple[str, int]], open_pairs: Mapping[Any, None]) -> Choice:
    choice = dict(wanted)
    for name in values:
        if name not in choice:
            choice[name] = max(
                range(len(values[name])),
                key=lambda number: sum(_pair((name, number), one) in open_pairs for one in choice.items()),  # noqa: B023
            )
    return choice


def _all_pairs(values: Values) -> Iterable[tuple[tuple[str, int], ...]]:
    numbered = [[(name, number) for number in range(len(choices))] for name, choices in values.items()]
    if len(numbered) == 1:
        yield from ((one,) for one in numbered[0])
    for some, others in combinations(numbered, 2):
        yield from (_pair(one, other) for one in some for other in others)


def _pairs(choice: Choice) -> Iterable[tuple[tuple[str, int], ...]]:
    yield from ((one,) for one in choice.items())
    yield from (_pair(one, other) for one, other in combinations(choice.items(), 2))


def _pair(one: tuple[str, int], other: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((one, other)))
