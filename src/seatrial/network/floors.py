"""The oldest software with which an instance type is worth using."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Unpack

from seatrial.findings import Finding, Rule, Verdict
from seatrial.hardware.instances import Instance
from seatrial.network.site import Version, VersionTexts, parse_versions
from seatrial.network.sources import EFA_CHEATSHEET, PLUGIN_CHEATSHEET


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """What one component must be for one instance type."""

    instance: str
    component: str
    least: Version
    recommended: Version
    source: str = EFA_CHEATSHEET


FLOORS = (
    Floor(instance="p5.48xlarge", component="cuda", least=(12, 0, 0), recommended=(12, 0, 0)),
    Floor(instance="p5.48xlarge", component="nccl", least=(2, 18, 0), recommended=(2, 18, 5)),
    Floor(instance="p5.48xlarge", component="aws_ofi_nccl", least=(1, 7, 2), recommended=(1, 7, 3)),
    Floor(
        instance="p5.48xlarge",
        component="efa_installer",
        least=(1, 29, 0),
        recommended=(1, 29, 0),
        source=PLUGIN_CHEATSHEET,
    ),
)
"""Nothing is published for p5e, p5en and p6."""


TOO_OLD = Rule(
    id="network.too-old",
    verdicts=(Verdict.WARN, Verdict.FAIL),
    reads="the versions on a node, or in an image",
    expected="software that is new enough for the instance type",
    why="older software does not use all of its network, or none of it",
    remedy="install a newer one",
    source=EFA_CHEATSHEET,
    good="nccl 2.31.2 on p5.48xlarge",
    bad="nccl 2.17.1 on p5.48xlarge",
)


def lint_stack(instance: Instance, **versions: Unpack[VersionTexts]) -> list[Finding]:
    """Versions that are too old for the instance type: FAIL below what it needs, WARN below what is recommended.

    A version that is None is not judged. Raises UserError for a version that cannot be read.
    """
    parsed = parse_versions(versions)
    return list(too_old(instance, {floor.component: getattr(parsed, floor.component, None) for floor in FLOORS}))


def too_old(instance: Instance, versions: Mapping[str, Version | None]) -> Iterable[Finding]:
    """The same of component -> version."""
    for floor in FLOORS:
        found = versions.get(floor.component)
        if floor.instance != instance.name or found is None or found >= floor.recommended:
            continue
        verdict = Verdict.FAIL if found < floor.least else Verdict.WARN
        yield replace(TOO_OLD, source=floor.source).finding(
            verdict,
            f"{floor.component} {dotted(found)} on {instance.name}",
            expected=f"{dotted(floor.least)} or newer, better {dotted(floor.recommended)} or newer",
            remedy=f"install a newer {floor.component}",
            scope={"component": floor.component},
        )


def dotted(version: Version) -> str:
    return ".".join(map(str, version))
