"""Which node, or which link between two, makes a group fail: asked of pairs and halves, many at the same time.

First the nodes of one half are paired with those of the other. A pair that is good clears both; the nodes of the others
are suspects, and each is paired with a known-good node, and those that fail with a second one: who fails with both is
bad. Then all that are left are asked together. If they fail though all pairs are good, halves are asked, and what lies
between two good halves, down to the link. Every step is a round of disjoint groups on one allocation: 4 rounds where
few nodes are bad, and about 2 log2 n more for each link that is; of a node's bad links one is
found at a time. Pure: what is good, `measure` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

Group = tuple[int, ...]
Measure = Callable[[Sequence[Group]], Sequence[bool]]
"""Disjoint groups, which are measured at the same time -> whether each is good."""


@dataclass(slots=True)
class Found:
    """What a search came to."""

    nodes: list[int] = field(default_factory=list)
    """That fail with two known-good nodes each."""
    links: list[tuple[int, int]] = field(default_factory=list)
    """Between two nodes that are good with others."""
    unresolved: list[Group] = field(default_factory=list)
    """Groups that failed, and of which it cannot be told why."""
    rounds: int = 0
    tests: int = 0

    @property
    def clean(self) -> bool:
        """Nothing was bad."""
        return not (self.nodes or self.links or self.unresolved)


def search(nodes: Sequence[int], measure: Measure) -> Found:
    """Looks for all that is bad among two nodes or more."""
    asked = _Search(measure)
    half = len(nodes) // 2
    pairs = [(a, b) for a, b in zip(nodes[:half], nodes[half:], strict=False)]
    answers = asked.all(pairs)
    good = [node for pair, fine in zip(pairs, answers, strict=True) if fine for node in pair]
    failed = [pair for pair, fine in zip(pairs, answers, strict=True) if not fine]
    lonely = [*nodes[2 * half :]]
    if failed or lonely:
        asked.suspects([node for pair in failed for node in pair] + lonely, good, failed)
    if not asked.found.unresolved:
        asked.rest(nodes)
    return asked.found


class _Search:
    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self.found = Found()

    def all(self, groups: Sequence[Group]) -> list[bool]:
        """Whether each is good, in as few rounds of disjoint groups as come without looking ahead."""
        answers: dict[int, bool] = {}
        while len(answers) < len(groups):
            busy: set[int] = set()
            chosen = []
            for at, group in enumerate(groups):
                if at not in answers and busy.isdisjoint(group):
                    busy |= {*group}
                    chosen.append(at)
            self.found.rounds += 1
            self.found.tests += len(chosen)
            answers |= zip(chosen, self._measure([groups[at] for at in chosen]), strict=True)
        return [answers[at] for at in range(len(groups))]

    def suspects(self, suspects: list[int], good: list[int], failed: list[tuple[int, int]]) -> None:
        """Each against one known-good node, and who fails against another."""
        if len(good) < 2:
            self.found.unresolved += failed or [tuple(suspects)]
            return
        first = dict(zip(suspects, _partners(good, len(suspects)), strict=True))
        cleared = dict(zip(first, self.all([*first.items()]), strict=True))
        again = [node for node in suspects if not cleared[node]]
        second = {node: good[(good.index(first[node]) + 1) % len(good)] for node in again}
        passes = dict(zip(second, self.all([*second.items()]), strict=True))
        self.found.nodes += [node for node in again if not passes[node]]
        doubtful = [(node, first[node]) for node in again if passes[node]]
        doubtful += [pair for pair in failed if cleared[pair[0]] and cleared[pair[1]]]
        for pair, fine in zip(doubtful, self.all(doubtful), strict=True):
            if not fine:  # twice, while both are good with others
                self.found.links.append(pair)

    def rest(self, nodes: Sequence[int]) -> None:
        """All that is not known to be bad, together; as long as it fails, what lies between its nodes."""
        while True:
            known = {*self.found.nodes, *(a for a, _ in self.found.links)}
            left = tuple(node for node in nodes if node not in known)
            if len(left) < 2 or self.all([left])[0]:
                return
            before = len(self.found.links)
            self.between(left)
            if len(self.found.links) == before:
                return

    def between(self, whole: Group) -> None:
        """Links of a group that fails while its pairs are good."""
        wholes, crosses = [whole], list[tuple[Group, Group]]()
        while wholes or crosses:
            halves = [_halves(group) for group in wholes]
            fine = iter(self.all([half for pair in halves for half in pair if len(half) > 1]))
            wholes = []
            for pair in halves:
                bad = [half for half in pair if len(half) > 1 and not next(fine)]
                wholes += bad
                crosses += [] if bad else [pair]
            crosses = self._narrowed(crosses)

    def _narrowed(self, crosses: list[tuple[Group, Group]]) -> list[tuple[Group, Group]]:
        """Of two good groups that fail together, the quarters that do."""
        parts: list[tuple[Group, Group]] = []
        for a, b in crosses:
            if len(a) == len(b) == 1:
                self.found.links.append((a[0], b[0]))
                continue
            quarters = [(x, y) for x in _halves(a) for y in _halves(b) if x and y]
            # Those that are disjoint stand side by side, so that two rounds do.
            parts += sorted(quarters, key=lambda q: (q[0] == _halves(a)[0]) != (q[1] == _halves(b)[0]))
        answers = self.all([x + y for x, y in parts])
        left = [part for part, fine in zip(parts, answers, strict=True) if not fine]
        for a, b in crosses:
            if len(a) + len(b) > 2 and not any({*x} <= {*a} and {*y} <= {*b} for x, y in left):
                self.found.unresolved.append(a + b)
        return left


def _halves(group: Group) -> tuple[Group, Group]:
    middle = (len(group) + 1) // 2
    return group[:middle], group[middle:]


def _partners(good: Sequence[int], count: int) -> Iterable[int]:
    """As many known-good nodes as there are suspects, each as seldom as possible."""
    return islice((node for _ in range(count) for node in good), count)
