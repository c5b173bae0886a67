"""Versions that were built or released together: torch with CUDA and NCCL, and the parts of Neuron's SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.checks import compatibility as table
from seatrial.checks.catalogue import Rule, check
from seatrial.checks.node.versions import VERSIONS
from seatrial.checks.profile import Profile
from seatrial.checks.software.document import example
from seatrial.checks.software.pairs import named, nothing, text, version
from seatrial.checks.software.search import Software
from seatrial.findings import Finding, Verdict
from seatrial.network.floors import dotted
from seatrial.network.site import Version, parse_version
from seatrial.versions import NEURON_SDK

NEURON = {"efa_installer": "", "efa_driver": "", "libfabric": "", "aws_ofi_nccl": "", "nccl": "", "driver": "",
          "driver_libraries": "", "cuda": "", "torch": ""}  # fmt: skip
"""What a Trainium node has none of, or needs none of to be judged."""
SDK = table.NEURON_RELEASES[NEURON_SDK]


@check(
    "versions.torch-cuda",
    VERSIONS,
    verdicts=(*Verdict,),
    expected="a CUDA that PyTorch builds this torch for",
    why="Its libraries look for those of the CUDA that it was built with, and do not load with another generation.",
    remedy="install the torch that was built for this CUDA, or the CUDA of this torch",
    cites=table.TORCH_NOTES,
    good=example(),
    bad=example(cuda="11.8"),
)
def torch_cuda(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    cuda, builds = version(seen, "cuda"), _builds(seen)
    if cuda is None and builds and not (profile.has("gpu") or seen.first("cuda") or seen.problems):
        yield rule.finding(Verdict.PASS, f"{named(seen, 'torch')} without CUDA, which PyTorch builds, too")
    elif cuda is None:
        yield nothing(rule, seen, "cuda", profile)
    elif builds is None:
        yield _unjudged(rule, seen, profile)
    else:
        verdict = Verdict.PASS if cuda[:2] in builds else Verdict.WARN
        if cuda[0] not in {major for major, _ in builds}:
            verdict = Verdict.FAIL
        expected = f"CUDA {' or '.join(f'{major}.{minor}' for major, minor in builds)} for {named(seen, 'torch')}"
        yield rule.finding(verdict, f"{named(seen, 'torch')}, {named(seen, 'cuda')}", expected=expected)


@check(
    "versions.torch-nccl",
    VERSIONS,
    verdicts=(*Verdict,),
    expected="the NCCL that torch was built with, or a newer one",
    why="torch calls functions that an older NCCL does not have: `import torch` ends with an undefined symbol.",
    remedy="install the NCCL that torch's wheel asks for",
    cites=table.TORCH_NOTES,
    good=example(),
    bad=example(nccl="2.18.5"),
)
def torch_nccl(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    cuda, nccl, builds = version(seen, "cuda"), version(seen, "nccl"), _builds(seen)
    if nccl is None:
        yield nothing(rule, seen, "nccl", profile)
        return
    if builds is None:
        yield _unjudged(rule, seen, profile)
        return
    own = builds.get(cuda[:2] if cuda else (0, 0), min(builds.values()))
    # Its functions change with the second number.
    verdict = Verdict.PASS if nccl >= own else Verdict.WARN if nccl[:2] == own[:2] else Verdict.FAIL
    expected = f"NCCL {dotted(own)} or newer for {named(seen, 'torch')}"
    yield rule.finding(verdict, f"{named(seen, 'torch')}, {named(seen, 'nccl')}", expected=expected)


def _builds(seen: Software) -> Mapping[tuple[int, int], Version] | None:
    """CUDA -> NCCL of the builds of the torch that is there; None: there is none, or they are not in the table."""
    torch = version(seen, "torch")
    return None if torch is None or "+cpu" in text(seen, "torch") else table.TORCH_BUILDS.get(torch[:2])


def _unjudged(rule: Rule, seen: Software, profile: Profile) -> Finding:
    if version(seen, "torch") is None:
        return nothing(rule, seen, "torch", profile)
    if "+cpu" in text(seen, "torch"):
        return rule.finding(Verdict.SKIP, f"{named(seen, 'torch')} is built for CPUs")
    return rule.finding(Verdict.UNKNOWN, f"what {named(seen, 'torch')} is built with is not in the table")


@check(
    "versions.neuron-sdk",
    VERSIONS,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="a driver, runtime, compiler and collectives of one release of the Neuron SDK",
    why="They are tested together; a compiler's output may not load in an older runtime.",
    remedy="install all of them from one release of the Neuron SDK",
    cites=table.NEURON_NOTES,
    good=example(**NEURON, **SDK),
    bad=example(**NEURON, **{**SDK, "neuron_runtime": "2.20.11.0"}),
    on="trn1.32xlarge",
)
def neuron_sdk(rule: Rule, seen: Software, profile: Profile) -> Iterator[Finding]:
    found = {name: version(seen, name) for name in SDK if version(seen, name)}
    if not found:
        yield nothing(rule, seen, "neuron_driver", profile)
        return
    releases = {
        sdk: [name for name, here in found.items() if parse_version(parts[name]) == here]
        for sdk, parts in table.NEURON_RELEASES.items()
    }
    sdk, fits = max(releases.items(), key=lambda one: len(one[1]))
    if not fits:
        yield rule.finding(Verdict.SKIP, f"the release of {', '.join(named(seen, name) for name in found)} is unknown")
        return
    for name in found:
        expected = f"{table.NEURON_RELEASES[sdk][name]} of Neuron SDK {sdk}, as {named(seen, fits[0])}"
        yield rule.finding(Verdict.PASS if name in fits else Verdict.WARN, named(seen, name), expected=expected)
