"""What an environment does not get for itself: torch, and Seatrial, linked from the interpreter that runs the command.

So there is one torch on the machine, the build that the user chose, and no resolver can fetch another one.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import seatrial
from seatrial.errors import Problem, UserError
from seatrial.extras import installing

if TYPE_CHECKING:
    from importlib import metadata


def entries(locked: Collection[str]) -> dict[str, Path]:
    """Name in site-packages -> file or folder that it is to lead to, where torch is shared.

    Seatrial, torch, and what torch requires as far as it is installed here and not in the lock: of a CUDA build
    triton and NVIDIA's libraries. Raises UserError if torch is not installed.
    """
    found = only_seatrial()
    for distribution in _closure("torch", locked):
        found |= _top_level(distribution)
    if "torch" not in found:  # installed in development mode: its record names no package
        spec = util.find_spec("torch")
        found["torch"] = Path(next(iter((spec and spec.submodule_search_locations) or [])))
    return found


def only_seatrial() -> dict[str, Path]:
    """The same for an environment without torch."""
    return {"seatrial": Path(seatrial.__path__[0]).resolve()}


def link(found: dict[str, Path], site_packages: Path) -> None:
    """Make the links. Only after everything is installed: whoever installs into a linked folder changes its source."""
    for name, source in found.items():
        _link(source, site_packages / name)


def _closure(name: str, locked: Collection[str]) -> Iterator[metadata.Distribution]:
    """A distribution and those that it requires, without the locked ones."""
    from importlib import metadata  # with packaging 40 ms, which a run without an environment need not wait for

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    queue: list[tuple[str, frozenset[str]]] = [(name, frozenset())]
    seen = set(queue)
    while queue:
        current, extras = queue.pop()
        try:
            distribution = metadata.distribution(current)
        except metadata.PackageNotFoundError:
            if current == name:
                what = f"{name} is not installed, and every environment shares it"
                raise UserError(Problem(what, remedy=installing("torch"))) from None
            continue  # of another platform, or torch runs without it
        yield distribution
        for requirement in map(Requirement, distribution.requires or ()):
            needed = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            marker = requirement.marker
            applies = marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
            if applies and needed[0] not in locked and needed not in seen:
                seen.add(needed)
                queue.append(needed)


def _top_level(distribution: metadata.Distribution) -> dict[str, Path]:
    """What a distribution has put into site-packages."""
    record = distribution.read_text("RECORD")  # read here, because `files` looks at each of torch's 15,000 files
    paths = (row[0] for row in csv.reader(record.splitlines())) if record else map(str, distribution.files or ())
    names = {path.partition("/")[0] for path in paths} - {"..", "__pycache__"}
    return {name: Path(str(distribution.locate_file(name))) for name in names}


def _link(source: Path, place: Path) -> None:
    """A link, or links inside where a package of the lock has a folder of that name too (`nvidia`)."""
    if not place.exists():
        place.symlink_to(source)
    elif place.is_dir() and source.is_dir():
        for child in source.iterdir():
            _link(child, place / child.name)
