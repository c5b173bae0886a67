"""An all-reduce and an all-to-all whose every element is known beforehand."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks.environment.judging import Around, Expected, rule
from seatrial.findings import Finding, Rule, Severity, judged

KINDS = ("all-reduce", "all-to-all")


def backends(device: str) -> tuple[str, ...]:
    """Backends over which ranks on that device talk."""
    return ("gloo", "nccl") if device == "cuda" else ("gloo",)


def fact(kind: str, backend: str) -> str:
    """Name of the fact that says how many elements were wrong."""
    return f"collective.{kind}.{backend}"


def reduced(elements: int, world_size: int) -> list[int]:
    """What an all-reduce leaves on every rank, where rank r gives ``(r + 1) * (i + 1)`` as element i."""
    return [(i + 1) * world_size * (world_size + 1) // 2 for i in range(elements)]


def sent(elements: int, rank: int, world_size: int) -> list[int]:
    """What a rank gives to an all-to-all, `elements` for each rank: who sends, to whom, which."""
    return [token(rank, to, i, elements, world_size) for to in range(world_size) for i in range(elements)]


def received(elements: int, rank: int, world_size: int) -> list[int]:
    """What it then has."""
    return [token(of, rank, i, elements, world_size) for of in range(world_size) for i in range(elements)]


def token(of: int, to: int, i: int, elements: int, world_size: int) -> int:
    """A number that no other element has."""
    return (of * world_size + to) * elements + i


@rule(
    "env.collectives",
    severity=Severity.ISOLATE,
    expected="every element right, of an all-reduce and an all-to-all",
    why="A device or a network that changes data spoils every training in silence.",
    remedy="keep jobs from the node, and run the deep check there: seatrial check node --level deep",
    source="Seatrial's own rule",
    good="collective.all-reduce.gloo = 0\ncollective.all-to-all.gloo = 0",
    bad="collective.all-reduce.gloo = 0\ncollective.all-to-all.gloo = 3",
    example=Expected(device="cpu", world_size=4),
)
def collectives(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    for backend in backends(expected.device):
        for kind in KINDS:
            wrong = around.number(fact(kind, backend))
            observed = f"{wrong:.0f} wrong elements" if wrong else "every element is right"
            yield rule.finding(judged(wrong == 0), f"{kind} over {backend}: {observed}")
