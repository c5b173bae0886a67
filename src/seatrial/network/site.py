"""Where a job runs, as far as it is known, and the facts about it on which the rules depend.

Facts are three-valued: True, False, and None for unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypedDict

from seatrial.errors import Problem, UserError, unknown
from seatrial.hardware.accelerators import accelerator
from seatrial.hardware.instances import Instance
from seatrial.versions import EFA_INSTALLERS

Version = tuple[int, int, int]
Fact = bool | None

GPUDIRECT_RDMA = frozenset({"p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200"})
"""Families whose EFA reads and writes GPU memory. Source: "EFA-enabled instance types" and the p-series in
https://github.com/aws/aws-ofi-nccl/blob/master/src/platform-aws.cpp"""

WITHOUT_RDMA_READ = frozenset({"g4dn", "g5"})
"""Families whose EFA is known to lack RDMA read. Of those in neither set that is unknown.
Source: https://github.com/ofiwg/libfabric/pull/12160 for g4dn, reports of users for g5."""

SHM_COPY_ENGINE = frozenset({"g5", "g6"})
"""Families whose GPUs talk through host memory, and twice as fast when the copy engine moves the data."""


class VersionTexts(TypedDict, total=False):
    """Versions of the software on a node, as their tools print them. None or missing: unknown."""

    efa_installer: str | None
    libfabric: str | None
    aws_ofi_nccl: str | None
    nccl: str | None
    kernel: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """The same, parsed."""

    efa_installer: Version | None = None
    libfabric: Version | None = None
    aws_ofi_nccl: Version | None = None
    nccl: Version | None = None
    kernel: Version | None = None


def parse_version(text: str) -> Version:
    """The first three numbers: ``1.13.2-aws``, ``v1.7.3``, ``libfabric 1.22.0amzn1.0``, ``5.15.0-1050-aws``, ``1.18``.

    Raises ValueError for a text without a dotted number: ``latest``, ``22105``.
    """
    found = re.search(r"\d+(?:\.\d+)+", text)
    if not found:
        raise ValueError(f"{text!r} holds no version such as 1.22.0")
    first, second, third, *_ = [*map(int, found[0].split(".")), 0]
    return first, second, third


def parse_versions(texts: VersionTexts) -> Versions:
    """Raises UserError, with all versions that cannot be read and names that are none of ours."""
    known = VersionTexts.__annotations__
    problems, parsed = [unknown("version", name, known) for name in texts if name not in known], {}
    for name, text in texts.items():
        try:
            if isinstance(text, str):
                parsed[name] = parse_version(text)
        except ValueError as error:
            option = f"--{name.replace('_', '-')}"
            problems.append(Problem(str(error), option, "leave it out if it is not known"))
    if problems:
        raise UserError(problems)
    return _with_bundled(parsed)


def _with_bundled(parsed: dict[str, Version]) -> Versions:
    given = parsed.get("efa_installer")
    bundle = next((one for name, one in EFA_INSTALLERS.items() if given and parse_version(name) == given), None)
    if bundle:
        libfabric, plugin = map(parse_version, (bundle.libfabric, bundle.aws_ofi_nccl))
        parsed = {"libfabric": libfabric, "aws_ofi_nccl": plugin, **parsed}
    return Versions(**parsed)


def at_least(version: Version | None, *floor: int) -> Fact:
    """Whether a version is `floor` or newer."""
    return None if version is None else version >= floor


def all_of(*facts: Fact) -> Fact:
    """False if one is False, whatever is unknown."""
    if any(fact is False for fact in facts):
        return False
    return None if any(fact is None for fact in facts) else True


def no(fact: Fact) -> Fact:
    """The opposite; unknown stays unknown."""
    return None if fact is None else not fact


def any_of(*facts: Fact) -> Fact:
    """True if one is True, whatever is unknown."""
    return no(all_of(*map(no, facts)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a file says about its job, besides the variables that it sets."""

    efa: Fact = None
    """It speaks of EFA; False: of another network, InfiniBand or another cloud's, and not of EFA."""
    several_nodes: Fact = None
    by_choice: bool = False
    """It is set in some cases only, or for a measurement: what is wrong for a training is meant there."""
    bound: bool = False
    """Algorithm and protocol are not free: results must be the same each time, or the network's maker prescribes them,
    as Google Cloud does for TCPX."""
    own: frozenset[str] = frozenset()
    """Variables that it reads itself."""


UNTOLD = Context()
"""Of a job of which nothing but the environment is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where a job runs."""

    instance: Instance | None = None
    versions: Versions = Versions()
    pod_network: Fact = False
    """It runs in pods with a network of their own."""
    context: Context = UNTOLD

    @property
    def family(self) -> str | None:
        return self.instance.name.split(".")[0] if self.instance else None

    @property
    def vendor(self) -> str | None:
        """Of its accelerators. NCCL means NVIDIA's; None: unknown, or it has none."""
        if self.instance is None:
            return "NVIDIA" if self.versions.nccl else None
        return accelerator(self.instance.accelerator).vendor if self.instance.accelerator else None

    @property
    def gpu(self) -> Fact:
        return self.vendor == "NVIDIA" if self.instance or self.vendor else None

    @property
    def neuron(self) -> Fact:
        return self.vendor == "AWS" if self.instance or self.vendor else None

    @property
    def efa(self) -> Fact:
        if self.instance is None:
            return self.context.efa
        return self.instance.efa_interfaces > 0

    @property
    def elsewhere(self) -> Fact:
        """Its network is another one than EFA, and fast."""
        return True if self.instance is None and self.context.efa is False else None

    @property
    def several_nodes(self) -> Fact:
        """Who sets up EFA means several nodes, unless it is said that it is one."""
        return self.context.several_nodes if self.context.several_nodes is not None else self.efa or None

    @property
    def gpudirect(self) -> Fact:
        return self.within(GPUDIRECT_RDMA)

    @property
    def several_gpus(self) -> Fact:
        return all_of(self.gpu, self.instance.accelerators > 1 if self.instance else None)

    def within(self, families: frozenset[str]) -> Fact:
        """Whether the instance type is of one of the families."""
        return None if self.family is None else self.family in families
