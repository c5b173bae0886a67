"""Dumps of torch's flight recorder: what a rank knew of its newest collectives. A dump is a pickle, and foreign data.

So it is read by an unpickler that makes nothing but plain values: numbers, texts, lists, tuples, dictionaries. Both
recorders write the same form, gloo's with less in it: no members of a group, no times of start and end.
"""

from __future__ import annotations

import ast
import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

MAX_BYTES = 256 * 2**20
"""Of a dump that is read: a thousand times what 2,000 collectives take."""


class Unreadable(ValueError):
    """No dump, or one of a form that is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collective:
    """One entry of a recorder."""

    group: str
    """Backend and name of its process group, the same on all ranks: ``gloo:0`` is the one of all ranks."""
    number: int
    """1 for the group's first: the same on all ranks for what belongs together."""
    name: str
    """``all_reduce``; of a point-to-point operation ``send 1->2``."""
    sizes: tuple[tuple[int, ...], ...]
    """Shape of each input."""
    dtypes: tuple[str, ...]
    done: bool
    peer: bool
    """Point to point: not all ranks of the group take part."""
    created: float
    """When the rank came to it, Unix seconds of its host's clock."""

    @property
    def elements(self) -> int:
        """Numbers in all inputs together."""
        total = 0
        for shape in self.sizes:
            count = 1
            for size in shape:
                count *= size
            total += count
        return total

    def __str__(self) -> str:
        shapes = ", ".join(str([*shape]) for shape in self.sizes)
        types = "/".join(dict.fromkeys(self.dtypes))
        return f"{self.name}({shapes} {types})" if self.sizes else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Dump:
    """What one rank knew."""

    rank: int
    collectives: tuple[Collective, ...]
    """Oldest first; of a long run only the newest."""
    members: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Group -> its ranks, where the recorder tells."""
    origin: str = ""
    """The file, relative to the run."""

    @property
    def newest(self) -> float:
        """When the rank came to its newest collective; 0 if it had none."""
        return max((one.created for one in self.collectives), default=0.0)


class _Plain(pickle.Unpickler):
    """Nothing but plain values: whatever needs a class or a function by name is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise Unreadable(f"it asks for {module}.{name}: this is no dump")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise Unreadable("it asks for an object from elsewhere: this is no dump")


def read(content: bytes, rank: int, origin: str = "") -> Dump:
    """The dump of a rank. Raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable(f"{len(content)} bytes are more than a dump has")
    try:
        record = _Plain(io.BytesIO(content)).load()
    except Unreadable:
        raise
    except Exception as error:  # pickle's own errors are of every kind
        raise Unreadable(f"no pickle of plain values: {error}") from None
    try:
        entries = [_collective(entry) for entry in record["entries"]]
        members = {str(name): _ranks(group["ranks"]) for name, group in record["pg_config"].items()}
    except Unreadable:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"a field is missing or of another kind: {error!r}") from None
    backend = next((one.group.partition(":")[0] for one in entries), "")
    told = {f"{backend}:{name}": ranks for name, ranks in members.items() if ranks}
    return Dump(rank=rank, collectives=tuple(entries), members=told, origin=origin)


def merged(dumps: Sequence[Dump]) -> Dump:
    """What several recorders of one rank knew together; where two know the same collective, the newer dump counts."""
    collectives: dict[tuple[str, bool, int], Collective] = {}
    members: dict[str, tuple[int, ...]] = {}
    for dump in sorted(dumps, key=lambda one: one.newest):
        collectives |= {(one.group, one.peer, one.number): one for one in dump.collectives}
        members |= dump.members
    return Dump(
        rank=dumps[0].rank,
        collectives=tuple(sorted(collectives.values(), key=lambda one: one.created)),
        members=members,
        origin=", ".join(dump.origin for dump in dumps),
    )


def _collective(entry: Mapping[str, Any]) -> Collective:
    kind, _, name = str(entry["profiling_name"]).partition(":")
    state = entry["state"]
    if state not in ("scheduled", "started", "completed"):
        raise Unreadable(f"a state {state!r} is not known")
    peer = bool(entry["is_p2p"])
    return Collective(
        group=f"{kind}:{entry['process_group'][0]}",
        number=int(entry["p2p_seq_id" if peer else "collective_seq_id"]),
        name=(name or kind).removeprefix("_"),
        sizes=tuple(tuple(int(size) for size in shape) for shape in entry["input_sizes"]),
        dtypes=tuple(str(one) for one in entry["input_dtypes"]),
        # gloo never says completed, but retires what is over.
        done=state == "completed" or bool(entry["retired"]),
        peer=peer,
        created=int(entry["time_created_ns"]) / 1e9,
    )


def _ranks(text: Any) -> tuple[int, ...]:
    """``[0, 1, 3]``, which the recorder writes as a text."""
    found = ast.literal_eval(text) if isinstance(text, str) else text
    return tuple(int(rank) for rank in found)
