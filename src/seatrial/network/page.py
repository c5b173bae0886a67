"""docs/efa.md, from the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seatrial.findings import Rule
from seatrial.hardware.instances import INSTANCES
from seatrial.network.accepted import ACCEPTED
from seatrial.network.conflicts import CONFLICTS
from seatrial.network.floors import FLOORS, dotted
from seatrial.network.general import MISSING, MISSPELT, OBSOLETE, UNREAD, UNREADABLE, VALUE
from seatrial.network.gone import GONE
from seatrial.network.lint import RULES
from seatrial.network.presets import PRESETS, Preset, environment
from seatrial.network.readers import MEANT, READERS
from seatrial.network.site import Site
from seatrial.network.sources import EFA_CHANGELOG
from seatrial.versions import EFA_INSTALLERS, STACK

_INTRODUCTION = """\
# EFA, NCCL and Neuron: the environment of a job

This page is written from the tables in `src/seatrial/network/`. `seatrial network show --instance p5.48xlarge` prints
what a job there needs, `seatrial network lint FILE` judges what somebody wrote.

The short version: with present software hardly anything. Most variables that launch scripts hand on to each other work
around software that is long replaced, and some now cost speed or stop the job.
"""

_VERSIONS = """\
## Versions

A version that is not given is unknown, never assumed. What may be needed is then set if it is harmless on every
version, and left out otherwise; the reason that is printed with it says so. Left out are `NCCL_PROTO=simple`, which
costs speed on newer plugins, and `FI_EFA_SET_CUDA_SYNC_MEMOPS=0`, without which a job that needs it fails at once and
says what it misses.

Between aws-ofi-nccl 1.5.0 and 1.6.0, where the published presets have a gap, nothing was released; a build from in
between counts as older than 1.6.

An EFA installer of the following table stands for what it brings, unless a version is given beside it: an image that
builds its own plugin must say which.
"""


def document() -> str:
    """The page, Markdown."""
    return "\n".join((_INTRODUCTION, *_needed(), _VERSIONS, *_installers(), *_floors(), *_rules()))


def _needed() -> Iterable[str]:
    yield "## What to set\n"
    stack = ", ".join(f"{_spelt(name)} {version}" for name, version in STACK.items())
    yield f"With {stack}, on hosts."
    yield "Pods with a network of their own get no `NCCL_SOCKET_IFNAME`:\n"
    yield _table(("instance types", "variables"), _generations())
    yield "Everything else needs nothing: CPU instances train over gloo, which is TCP, and MPI finds EFA by itself.\n"
    yield "`FI_EFA_USE_HUGE_PAGE=0` costs a little speed, and the plugin's own cheat sheet sets it only after a fork"
    yield "has failed; here it is set for every job, since one that dies in its data loader costs more.\n"
    yield "Each variable, when a job needs it, and why:\n"
    yield _table(
        ("variable", "needed on", "why", "if a version is unknown"),
        ((_linked(f"{p.variable}={p.value}", p.source), p.when, p.reason, _if_unknown(p)) for p in PRESETS),
    )


def _if_unknown(preset: Preset) -> str:
    if not any(preset.needed(Site(instance=instance)) is None for instance in INSTANCES):
        return "depends on no version"
    return f"set: {preset.if_unknown}" if preset.if_unknown else "left out"


def _generations() -> Iterable[Sequence[str]]:
    groups: dict[str, list[str]] = {}
    for instance in INSTANCES:
        needed = environment(instance, pod_network=False, **STACK)
        if needed:
            variables = " ".join(f"`{name}={setting.value}`" for name, setting in needed.items())
            groups.setdefault(variables, []).append(instance.name)
    for variables, names in groups.items():
        yield _families(names), variables


def _families(names: Iterable[str]) -> str:
    sizes: dict[str, list[str]] = {}
    for family, _, size in (name.partition(".") for name in names):
        sizes.setdefault(family, []).append(size)
    return ", ".join(f"{family} ({', '.join(found)})" for family, found in sizes.items())


def _installers() -> Iterable[str]:
    rows = ((name, one.libfabric, one.aws_ofi_nccl) for name, one in EFA_INSTALLERS.items())
    yield _table((_linked("EFA installer", EFA_CHANGELOG, code=False), "libfabric", "aws-ofi-nccl"), rows)
    yield f"Seatrial's own images have {STACK['efa_installer']}, with NCCL {STACK['nccl']}, which torch brings.\n"


def _floors() -> Iterable[str]:
    yield "An instance type also needs software that is new enough (`network.too-old`, which judges all but CUDA);"
    yield "nothing is published for p5e, p5en and p6:\n"
    yield _table(
        ("instance type", "component", "needs", "recommended"),
        (
            (f.instance, _linked(_spelt(f.component), f.source, code=False), dotted(f.least), dotted(f.recommended))
            for f in FLOORS
        ),
    )


def _rules() -> Iterable[str]:
    yield "## What to leave out\n"
    yield "Every rule with its id. What is wrong on EC2 alone, or with some versions, is told where that is known.\n"
    yield _table(
        ("rule", "variable", "verdict", "what is right, and why", "what to do"),
        (
            (_linked(r.id, r.source), _code(r.variables), r.verdict, _condition(_right(r.header), r.depends), r.remedy)
            for r in RULES
        ),
    )
    yield "## What does not go together\n"
    yield _table(
        ("rule", "variables", "verdict", "what is right, and why", "what to do"),
        (
            (_linked(c.id, c.source), _code((c.first, c.second)), c.verdict, _right(c.header), c.remedy)
            for c in CONFLICTS
        ),
    )
    yield "## What was removed, renamed or deprecated\n"
    yield f"`{OBSOLETE.id}`:\n"
    yield _table(
        ("variable", "verdict", "why", "instead"),
        ((_linked(n, g.source), g.verdict, g.why, f"`{g.instead}`" if g.instead else "") for n, g in GONE.items()),
    )
    yield "## Names that nobody reads\n"
    yield f"`{MISSPELT.id}` tells of a name that nothing reads and that is nearly one that is read, for example"
    yield (
        "`FI_EFA_DEVICE_RDMA` and `FI_USE_HUGE_PAGE`, where to write that one can do no harm. `" + UNREAD.id + "` tells"
    )
    yield "of all others with the prefixes `NCCL_`, `FI_EFA_` and `OFI_NCCL_`, but for those that a script uses itself."
    yield "Plugins, providers and other builds of NCCL read some that NCCL does not; those are known, too.\n"
    yield _table(("variable", "what is meant"), ((f"`{name}`", meant) for name, meant in MEANT.items()))
    yield "Read by others:\n"
    yield _table(("variable", "read by"), ((f"`{name}`", who) for name, who in READERS.items()))
    yield "## Values\n"
    yield f"`{VALUE.id}` tells of a value that the library does not take:\n"
    yield _table(
        ("variables", "verdict", "what is taken", "what becomes of others"),
        ((f"{_code(sorted(a.names))} ([source]({a.source}))", a.verdict, a.values, a.otherwise) for a in ACCEPTED),
    )
    yield f"`{UNREADABLE.id}` tells of a value that cannot be known without running the file, where it could do harm."
    yield f"`{MISSING.id}` tells of what stands above as needed, for the instance type and the versions that are given,"
    yield "and is not set by a file that sets other variables of the network.\n"


def _spelt(component: str) -> str:
    return {"efa_installer": "EFA installer", "nccl": "NCCL", "cuda": "CUDA"}.get(
        component, component.replace("_", "-")
    )


def _right(rule: Rule) -> str:
    return f"{rule.expected}: {rule.why}"


def _condition(expected: str, depends: str) -> str:
    return f"{expected}. Depends on {depends}" if depends else expected


def _code(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _linked(text: str, source: str, *, code: bool = True) -> str:
    shown = f"`{text}`" if code else text
    return f"[{shown}]({source.split(';')[0]})"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)
