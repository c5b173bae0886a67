"""Why ranks wait for each other, from the dumps of all of them: who is missing, who called another collective.

Ranks that belong together number a group's collectives alike. So the first number at which their entries differ in
kind, size or type is where they parted; and where some wait in a collective and others never came to it, the others are
the cause, unless they wait themselves, in another group: then those who are missing there are asked for, and so on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seatrial.diagnose.dumps import Collective, Dump

Kind = Literal["kind", "size", "dtype", "missing", "order", "stuck"]

SAME_SIZE = frozenset(
    ("all_reduce", "allreduce", "broadcast", "reduce", "all_gather", "allgather", "all_gather_into_tensor_base",
     "allgather_base", "reduce_scatter", "reduce_scatter_base", "_allgather_base", "_reduce_scatter_base")
)  # fmt: skip
"""Collectives in which every rank gives as many numbers. Of others, such as all_to_all, sizes say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parting:
    """Where ranks parted."""

    kind: Kind
    """They called another collective, gave another number of elements or another type, never came, came to two groups'
    collectives in another order, or all came and none got through."""
    ranks: tuple[int, ...]
    """Who did other than the most; empty if no side has the most."""
    group: str
    number: int
    """Of the collective in its group."""
    said: str
    """What was seen, in words."""
    waiting: tuple[int, ...] = ()
    """Who waits there."""


def find(dumps: Mapping[int, Dump], world_size: int) -> Parting | None:
    """Where the ranks parted; None if the dumps do not show that they have."""
    groups = _groups(dumps, world_size)
    partings = [parting for name in groups for parting in _mismatch(name, dumps)]
    if partings:
        return min(partings, key=lambda one: one[0])[1]
    return _missing(dumps, groups)


def _groups(dumps: Mapping[int, Dump], world_size: int) -> dict[str, tuple[int, ...]]:
    """Name -> members. gloo does not tell them: whoever used the group is one, and all ranks of the first group are."""
    found: dict[str, set[int]] = {}
    for rank, dump in dumps.items():
        for one in dump.collectives:
            found.setdefault(one.group, set()).update({rank}, dump.members.get(one.group, ()))
    for name in found:
        if name.endswith(":0"):
            found[name] |= set(range(world_size))
    return {name: tuple(sorted(ranks)) for name, ranks in found.items()}


def _mismatch(group: str, dumps: Mapping[int, Dump]) -> Iterable[tuple[float, Parting]]:
    """The group's first collective that is not the same on all ranks that know it, and when that was."""
    by_number: dict[int, dict[int, Collective]] = {}
    for rank, dump in dumps.items():
        for one in dump.collectives:
            if one.group == group and not one.peer:
                by_number.setdefault(one.number, {})[rank] = one
    for number in sorted(by_number):
        entries = by_number[number]
        for kind in ("kind", "size", "dtype"):
            views = {rank: _view(kind, one) for rank, one in entries.items()}
            if len(set(views.values())) > 1:
                yield min(one.created for one in entries.values()), _parted(kind, group, number, views, entries)
                return


def _view(kind: str, one: Collective) -> object:
    """What must be the same on all ranks."""
    if kind == "kind":
        return one.name
    if kind == "size":
        return one.elements if one.name in SAME_SIZE else None
    return one.dtypes if one.name in SAME_SIZE else None


def _parted(
    kind: Kind, group: str, number: int, views: Mapping[int, object], entries: Mapping[int, Collective]
) -> Parting:
    counts = Counter(views.values()).most_common()
    clear = counts[0][1] > counts[1][1]
    odd = tuple(rank for rank, view in views.items() if clear and view != counts[0][0])
    sides = [(ranks_text([r for r in views if views[r] == view]), view) for view, _ in counts]
    told = {view: str(next(entries[r] for r in views if views[r] == view)) for view, _ in counts}
    said = "; ".join(f"{who} called {told[view]}" for who, view in reversed(sides))
    return Parting(kind=kind, ranks=odd, group=group, number=number, said=said, waiting=_waiting_in(entries))


def _waiting_in(entries: Mapping[int, Collective]) -> tuple[int, ...]:
    return tuple(sorted(rank for rank, one in entries.items() if not one.done))


def _missing(dumps: Mapping[int, Dump], groups: Mapping[str, tuple[int, ...]]) -> Parting | None:
    """Who never came to a collective that others wait in, and waits nowhere."""
    waits = {rank: one for rank, dump in dumps.items() if (one := _waits(dump)) is not None}
    if not waits:
        return None
    absent = {rank: _absent(one, dumps, groups) for rank, one in waits.items()}
    short = [rank for rank in waits if absent[rank]]
    if not short:
        return _stuck(waits, dumps, groups)
    first = min(short, key=lambda rank: waits[rank].created)
    seen: list[int] = []
    while first not in seen:
        seen.append(first)
        idle = tuple(rank for rank in absent[first] if rank not in waits)
        if idle:
            return _never_came(idle, first, waits)
        first = next((rank for rank in absent[first] if absent[rank]), first)
    circle = seen[seen.index(first) :]
    one = waits[first]
    said = "; ".join(f"rank {rank} waits in {_place(waits[rank])}" for rank in circle)
    return Parting(kind="order", ranks=(), group=one.group, number=one.number, said=said, waiting=tuple(sorted(waits)))


def _stuck(
    waits: Mapping[int, Collective], dumps: Mapping[int, Dump], groups: Mapping[str, tuple[int, ...]]
) -> Parting | None:
    """All members of a group came, and none got through. Nothing can be said where a rank left no dump."""
    one = min(waits.values(), key=lambda waiting: waiting.created)
    members = groups[one.group]
    if one.peer or not set(members) <= dumps.keys():
        return None
    said = f"{ranks_text(members)} all came to {_place(one)}, and nobody got through"
    return Parting(kind="stuck", ranks=(), group=one.group, number=one.number, said=said, waiting=tuple(sorted(waits)))


def _waits(dump: Dump) -> Collective | None:
    """The oldest collective that a rank came to and is not done with."""
    return min((one for one in dump.collectives if not one.done), key=lambda one: one.created, default=None)


def _absent(one: Collective, dumps: Mapping[int, Dump], groups: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Members that have a dump in which they have not come to this collective."""
    if one.peer:
        return ()
    came = {
        rank: max((c.number for c in dump.collectives if c.group == one.group and not c.peer), default=0)
        for rank, dump in dumps.items()
    }
    return tuple(rank for rank in groups[one.group] if rank in came and came[rank] < one.number)


def _never_came(idle: tuple[int, ...], first: int, waits: Mapping[int, Collective]) -> Parting:
    one = waits[first]
    waiting = tuple(sorted(r for r, other in waits.items() if (other.group, other.number) == (one.group, one.number)))
    said = f"{ranks_text(idle)} never came to {_place(one)}, in which {ranks_text(waiting)} wait"
    return Parting(kind="missing", ranks=idle, group=one.group, number=one.number, said=said, waiting=waiting)


def _place(one: Collective) -> str:
    return f"{one}, no. {one.number} of group {one.group}"


def ranks_text(ranks: Sequence[int]) -> str:
    """``rank 3``, ``ranks 0, 1 and 4 to 7``."""
    runs: list[list[int]] = []
    for rank in sorted(ranks):
        if runs and rank == runs[-1][-1] + 1:
            runs[-1].append(rank)
        else:
            runs.append([rank])
    parts = [p for run in runs for p in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    text = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    return f"rank {text}" if len(ranks) == 1 else f"ranks {text}"
