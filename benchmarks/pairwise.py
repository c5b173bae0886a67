"""The pairwise search on many simulated nodes, against asking each pair: rounds and tests.

    python benchmarks/pairwise.py [--nodes 1024] [--bad 3] [--seeds 200]

A round is what disjoint groups take that are measured at the same time. Two ways to ask each node stand beside it: all
pairs, which need no node that is known to be good, in the fewest rounds there are (a round robin); and one node after
the other against one that somebody already knows to be good. Simulated: an oracle knows what is bad; what a group
really takes to measure, and noise, are not in it.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence

from seatrial.checks.pairwise import Group, search


def oracle(nodes: set[int], links: list[set[int]]):
    """Says what is good: no bad node, and no bad link, in a group."""

    def measure(groups: Sequence[Group]) -> list[bool]:
        return [not nodes & {*group} and not any(link <= {*group} for link in links) for group in groups]

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("nodes", 1024), ("bad", 3), ("seeds", 200)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    count = options.nodes
    print(f"{count} nodes, {options.seeds} seeds; worst of all seeds\n")
    print(f"{'what is bad':24} {'named':>9} {'rounds':>7} {'tests':>8} {'own time':>9}")
    for what in (f"{options.bad} nodes", "1 node", "1 link", f"{options.bad} links"):
        number, kind = int(what.split()[0]), what.split()[1]
        right = rounds = tests = 0
        slowest = 0.0
        for seed in range(options.seeds):
            chance = random.Random(seed)
            nodes = {*chance.sample(range(count), number)} if "node" in kind else set()
            links = [] if nodes else [{*chance.sample(range(count), 2)} for _ in range(number)]
            begin = time.perf_counter()
            found = search(range(count), oracle(nodes, links))
            slowest = max(slowest, time.perf_counter() - begin)
            same = {*found.nodes} == nodes and sorted(map(sorted, found.links)) == sorted(map(sorted, links))
            right += same and not found.unresolved
            rounds, tests = max(rounds, found.rounds), max(tests, found.tests)
        print(f"{what:24} {right:>4}/{options.seeds:<4} {rounds:>7} {tests:>8} {slowest * 1e3:>6.1f} ms")
    print(f"{'all pairs':24} {'':>9} {count - 1 + count % 2:>7} {count * (count - 1) // 2:>8}")
    print(f"{'each against a good one':24} {'':>9} {count - 1:>7} {count - 1:>8}")


if __name__ == "__main__":
    main()
