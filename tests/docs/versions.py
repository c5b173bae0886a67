"""docs/versions.md, from the tables: stacks, every version, and what goes together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.checks import compatibility
from seatrial.checks.fitting import OF_INSTANCE, RULES, misfits
from seatrial.checks.software.layouts import TITLES
from seatrial.findings import overall
from seatrial.network.floors import dotted
from seatrial.versions import EFA_INSTALLERS, STACKS
from seatrial.versions.pins import Base, Chart, Checkout, Download, Pin
from seatrial.versions.table import entries
from tests.docs.tables import table

HEAD = """\
# Versions

This page is written from the tables of `src/seatrial/versions/`, `make goldens` writes it anew. Nothing else in the
repository chooses a version: a test looks. `seatrial versions show` prints the same, `seatrial versions check` holds
stacks against the rules below, `--set nccl=VERSION` with another version and `--instance TYPE` on an instance type, and
`seatrial versions outdated` asks what is newer.

To change a version, change its line in `src/seatrial/versions/` and run `make goldens`: this page, [efa.md](efa.md) and
what is rendered follow. A package of Python also needs `python scripts/lock.py`, which makes the locks of it.

## Stacks

Versions that run together, in an image or on a node.
"""
UNKNOWN = "unknown"


def page() -> str:
    """The whole page."""
    return "\n".join((HEAD, _stacks(), *_tables(), *_rules()))


def _stacks() -> str:
    components = [name for name in TITLES if any(name in one.pins for one in STACKS.values())]
    rows = ((TITLES[name], *(one.pins.get(name, "-") for one in STACKS.values())) for name in components)
    judged = ("goes together", *(str(overall(misfits(one.pins))) for one in STACKS.values()))
    told = "".join(f"- `{name}`: {one.title}; {one.source}.\n" for name, one in STACKS.items())
    return f"{told}\n{table(('component', *(f'`{name}`' for name in STACKS)), (*rows, judged))}"


def _tables() -> Iterator[str]:
    yield "## Every version\n"
    yield "*Seen* is the month in which somebody looked; *newer* what was known to be out then, and why it is not"
    yield "taken.\n"
    for name in sorted({entry.table for entry in entries()}):
        some = [entry for entry in entries() if entry.table == name]
        yield f"### `{name}.py`\n"
        if name == "python":
            yield "Of the index of Python packages, but for Python itself and axe-core, which is of npm's.\n"
            yield f"{', '.join(f'{one.name} {one.pin.version}' for one in some)}.\n"
            continue
        rows = (
            (f"`{one.name}`", one.pin.version, _content(one.pin), one.pin.seen, one.pin.newest or "-", one.pin.source)
            for one in some
        )
        yield table(("version of", "version", "content", "seen", "newer", "source"), rows)


def _content(pin: Pin) -> str:
    """What makes it the same file tomorrow, as much of it as a person compares."""
    match pin:
        case Chart() | Download():
            return f"sha256 {pin.sha256[:12]}" if pin.sha256 else f"sha256 {UNKNOWN}"
        case Base():
            return pin.digest[:19] if pin.digest else f"digest {UNKNOWN}"
        case Checkout():
            return f"commit {pin.commit[:12]}" if pin.commit else f"commit {UNKNOWN}"
    return "-"


def _rules() -> Iterator[str]:
    yield "## What goes together\n"
    yield "The rules have their place in [checks.md](checks.md), since they judge nodes and images, too:"
    anchors = {id: id.replace(".", "") for id in (*RULES, *OF_INSTANCE)}
    yield ", ".join(f"[`{id}`](checks.md#{anchor})" for id, anchor in anchors.items()) + ".\n"
    yield f"What PyTorch builds ([source]({compatibility.TORCH_NOTES.split(',')[0]})):\n"
    yield table(("torch", "CUDA, and the NCCL of that build"), _torch())
    yield "CUDA and the NVIDIA driver:\n"
    yield table(("CUDA", "starts from driver", "came with driver"), _cuda())
    yield "EFA's installer, and what it brings:\n"
    bundles = (
        (name, one.efa_driver or UNKNOWN, one.libfabric, one.aws_ofi_nccl, "known" if one.sha256 else UNKNOWN)
        for name, one in EFA_INSTALLERS.items()
    )
    yield table(("EFA installer", "EFA driver", "libfabric", "aws-ofi-nccl", "checksum"), bundles)
    yield "What aws-ofi-nccl needs:\n"
    yield table(("aws-ofi-nccl", "needs"), _plugin())
    yield "The first CUDA that knows a GPU:\n"
    first = compatibility.FIRST_CUDA.items()
    yield table(("compute capability", "CUDA"), ((f"{major}.{minor}", dotted(cuda)) for (major, minor), cuda in first))


def _torch() -> Iterable[tuple[str, str]]:
    for (major, minor), builds in compatibility.TORCH_BUILDS.items():
        yield f"{major}.{minor}", ", ".join(f"{one}.{other}: {dotted(nccl)}" for (one, other), nccl in builds.items())


def _cuda() -> Iterable[tuple[str, str, str]]:
    for (major, minor), own in compatibility.OWN_DRIVERS.items():
        version = (major, minor, 0)
        least = next(row.least for row in compatibility.DRIVERS if row.since <= version < row.before)
        yield f"{major}.{minor}", dotted(least), dotted(own)


def _plugin() -> Iterable[tuple[str, str]]:
    for row in compatibility.PLUGIN_NEEDS:
        until = "" if row.before == compatibility.END else f", before {dotted(row.before)}"
        yield f"{dotted(row.since)}{until}", f"{TITLES[row.other]} {dotted(row.least)} or newer: {row.why}"
