"""Versions that go together: drivers, CUDA, NCCL and EFA's software."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.checks import compatibility as table
from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Source
from seatrial.checks.profile import Profile
from seatrial.checks.software.document import example, parse
from seatrial.checks.software.layouts import TITLES
from seatrial.checks.software.pairs import named, needs, nothing, read, text, version, who
from seatrial.checks.software.search import Software
from seatrial.findings import Finding, Severity, Verdict, judged
from seatrial.hardware import accelerators
from seatrial.network.floors import FLOORS, dotted, too_old
from seatrial.network.site import parse_version
from seatrial.network.sources import EFA_CHANGELOG, EFA_CHEATSHEET
from seatrial.versions import EFA_INSTALLERS

VERSIONS = Source(
    kind="versions",
    title="versions of drivers and libraries, found in files",
    part="node",
    level="full",
    parse=parse,
    command=("python", "-m", "seatrial", "check", "versions", "--json"),
    package="seatrial",
    timeout=60.0,
    statuses=frozenset({0, 1, 3}),  # those of a verdict: what was found is all there
)
ALONE = ("nccl", "aws_ofi_nccl", "libfabric")
"""Libraries of which one copy is enough, and several are a matter of luck."""
EFA_BRINGS = ("libfabric", "aws_ofi_nccl")


GOOD = example()


@check(
    "versions.cuda-driver",
    VERSIONS,
    verdicts=(*Verdict,),
    expected="a driver that is new enough for CUDA",
    why="With an older driver no program of that CUDA starts; with one of its generation some functions are missing.",
    remedy="install a newer driver on the host, or an image with an older CUDA; cuda-compat bridges generations",
    cites=table.CUDA_NOTES,
    good=GOOD,
    bad=example(driver="535.183.01", driver_libraries="535.183.01"),
)
def cuda_driver(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    finding = next(needs(rule, table.DRIVERS, seen, profile))
    cuda, driver = version(seen, "cuda"), version(seen, "driver")
    own = table.OWN_DRIVERS.get(cuda[:2]) if cuda else None
    if finding.verdict is not Verdict.PASS or own is None or driver is None or driver >= own:
        yield finding
        return
    expected = f"{dotted(own)} or newer, which came with CUDA {dotted(cuda or own)}; it starts from {finding.expected}"
    yield rule.finding(Verdict.WARN, finding.observed, expected=expected)


@check(
    "versions.cuda-device",
    VERSIONS,
    expected="a CUDA that knows the GPU",
    why="An older CUDA has no code for the GPU: kernels do not run, or are translated at every start.",
    remedy="install a newer CUDA, and what was built with it",
    cites="https://developer.nvidia.com/cuda-gpus",
    good=GOOD,
    bad=example(cuda="11.7"),
)
def cuda_device(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    found = version(seen, "cuda")
    if found is None:
        yield nothing(rule, seen, "cuda", profile)
        return
    observed = f"CUDA {text(seen, 'cuda')}"
    if profile.accelerators is None:
        yield rule.finding(Verdict.UNKNOWN, observed, remedy="say what the node is: --instance")
    elif profile.has("gpu") is not True:
        yield rule.finding(Verdict.SKIP, f"a node of type {profile.name} has no GPU")
    else:
        name = profile.accelerator.name if profile.accelerator else ""
        capability = accelerators.COMPUTE_CAPABILITIES.get(name)
        first = table.FIRST_CUDA.get(capability) if capability else None
        if first is None:
            yield rule.finding(Verdict.UNKNOWN, f"{observed}; which CUDA knows {name} first is not in the table")
            return
        yield rule.finding(judged(found >= first), observed, expected=f"{dotted(first)} or newer for {name}")


@check(
    "versions.plugin",
    VERSIONS,
    scope="nic",
    expected="libfabric and NCCL that aws-ofi-nccl was made for",
    why="NCCL does not load a plugin that does not fit, and goes on over TCP without a word.",
    remedy="install libfabric and aws-ofi-nccl of one EFA installer, and a newer NCCL",
    cites=table.PLUGIN,
    good=GOOD,
    bad=example(libfabric="1.17.0"),
)
def plugin(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    yield from needs(rule, table.PLUGIN_NEEDS, seen, profile)


@check(
    "versions.known-faults",
    VERSIONS,
    scope="nic",
    verdicts=(*Verdict,),
    expected="no two versions that are known not to work together",
    why="They crash, or are slow, and nothing says why.",
    remedy="install a newer one of them",
    cites=f"{EFA_CHEATSHEET}; {table.PLUGIN}",
    good=GOOD,
    bad=example(efa_installer="1.28.0"),
)
def known_faults(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    for clash in table.CLASHES:
        one, other = version(seen, clash.component), version(seen, clash.other)
        missing = [name for name in (clash.component, clash.other) if version(seen, name) is None]
        if one is None or other is None:
            yield nothing(rule, seen, missing[0], profile)
            continue
        broken = clash.since <= one < clash.before and clash.other_since <= other < clash.other_before
        observed = f"{named(seen, clash.component)}, {named(seen, clash.other)}"
        if broken:
            told = replace(rule, source=clash.source)
            yield told.finding(clash.verdict, f"{observed}: {clash.why}", remedy=clash.remedy)
        else:
            yield rule.finding(Verdict.PASS, observed)


@check(
    "versions.efa-bundle",
    VERSIONS,
    scope="nic",
    verdicts=(*Verdict,),
    expected="the libfabric and aws-ofi-nccl that came with the EFA installer",
    why="They are tested together; another copy that is found first is most often one that somebody forgot.",
    remedy="remove the other copy, or put EFA's folders first in /etc/ld.so.conf.d and LD_LIBRARY_PATH",
    cites=EFA_CHANGELOG,
    good=GOOD,
    bad=example(libfabric="1.22.0"),
)
def efa_bundle(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    installer = version(seen, "efa_installer")
    if installer is None:
        yield nothing(rule, seen, "efa_installer", profile)
        return
    bundle = next((one for name, one in EFA_INSTALLERS.items() if parse_version(name) == installer), None)
    if bundle is None:
        yield rule.finding(Verdict.SKIP, f"what EFA {text(seen, 'efa_installer')} brings is not in the table")
        return
    for name in EFA_BRINGS:
        brings = getattr(bundle, name)
        found = version(seen, name)
        if found is None:
            yield nothing(rule, seen, name, profile)
            continue
        verdict = Verdict.PASS if found == parse_version(brings) else Verdict.WARN
        yield rule.finding(verdict, named(seen, name), expected=f"{brings} of EFA {text(seen, 'efa_installer')}")


@check(
    "versions.instance",
    VERSIONS,
    verdicts=(*Verdict,),
    expected="software that is new enough for the instance type",
    why="Older software does not use all of its network, or none of it.",
    remedy="install a newer one",
    cites=FLOORS[0].source,
    good=GOOD,
    bad=example(nccl="2.17.1"),
)
def for_instance(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    if profile.instance is None:
        remedy = "say what the node is: --instance"
        yield rule.finding(Verdict.UNKNOWN, "the instance type is not known", remedy=remedy)
        return
    wanted = [floor.component for floor in FLOORS if floor.instance == profile.instance.name]
    if not wanted:
        yield rule.finding(Verdict.SKIP, f"nothing is published for {profile.instance.name}")
        return
    old = {f.scope["component"]: f for f in too_old(profile.instance, {name: version(seen, name) for name in wanted})}
    for name in wanted:
        if version(seen, name) is None:
            yield nothing(rule, seen, name, profile)
        elif name in old:
            said = old[name]
            yield replace(rule, source=said.source).finding(
                said.verdict, said.observed, expected=said.expected, remedy=said.remedy
            )
        else:
            yield rule.finding(Verdict.PASS, f"{named(seen, name)} on {profile.instance.name}")


@check(
    "versions.copies",
    VERSIONS,
    verdicts=(*Verdict,),
    expected="one copy of each library, or the same version in all of them",
    why="Which one a job gets depends on its variables, so that two jobs on one node differ.",
    remedy="remove those that nobody needs",
    cites="ld.so(8)",
    good=GOOD,
    bad=example(nccl="2.31.2 2.23.4"),
)
def copies(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    for name in ALONE:
        found = seen.found[name]
        if not found:
            yield nothing(rule, seen, name, profile)
            continue
        differ = len({copy.version for copy in found}) > 1
        told = "; ".join(f"{copy.version or 'an unknown version'} in {copy.path}" for copy in found)
        first = (
            f"{who(found[0])} first: {told}" if differ else f"{len(found)} of {found[0].version or 'unknown version'}"
        )
        verdict = Verdict.WARN if differ else Verdict.PASS if found[0].version else Verdict.UNKNOWN
        yield rule.finding(verdict, f"{TITLES[name]}: {first}")


@check(
    "versions.driver-libraries",
    VERSIONS,
    scope="gpu",
    severity=Severity.REBOOT,
    expected="libraries of the driver that runs",
    why="After an update the old driver runs on until the node is booted, and its new libraries refuse it.",
    remedy="boot the node; in an image remove the driver's libraries, which the container runtime brings",
    cites="NVIDIA: 'Failed to initialize NVML: Driver/library version mismatch'",
    good=GOOD,
    bad=example(driver_libraries="580.105.08"),
)
def driver_libraries(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    driver, libraries = version(seen, "driver"), version(seen, "driver_libraries")
    if driver is None or libraries is None:
        yield nothing(rule, seen, "driver" if driver is None else "driver_libraries", profile)
        return
    others = [copy for copy in seen.found["driver_libraries"] if read(copy) != driver]
    worst = others[0] if others else seen.found["driver_libraries"][0]
    observed = f"{named(seen, 'driver')}; {worst.version} in {worst.path}"
    yield rule.finding(judged(not others), observed, expected=text(seen, "driver"))
