"""What a user may choose of a container image, and what is then installed in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from seatrial import versions
from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Verdict
from seatrial.images._image import Choice, Container

SHA256 = re.compile(r"[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")
NGC_SINCE = Version("1.48.0")
"""From it on the EFA installer looks whether it is in a container of NVIDIA's, and can be told not to.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"""
_HOW_SHA256 = "fetch {url}, verify it as AWS's guide says (efa-verify), and give what sha256sum prints"
_HOW_DIGEST = "ask its registry, docker buildx imagetools inspect {image}, and give the digest of the index"
_HOW_COMMIT = (
    "git ls-remote {repository} 'refs/tags/{version}*', and give the commit: of an annotated tag the line with ^{{}}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Efa:
    """The EFA installer of an image."""

    version: str
    sha256: str
    libfabric: str | None
    """None: unknown, as is all that it brings."""
    aws_ofi_nccl: str | None
    no_ngc: bool
    """Whether it must be told that it is not in a container of NVIDIA's own making."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A git repository at a commit."""

    version: str
    repository: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Everything that decides an image beside its definition."""

    base: str
    """``docker.io/library/ubuntu:24.04``"""
    digest: str
    efa: Efa | None
    """None: it has no network software, since nothing in it would use it."""
    sources: Mapping[str, Source]
    pins: Mapping[str, str]
    """Component -> version of its stack, with what was chosen."""

    @property
    def reference(self) -> str:
        """The base, whoever moves the tag."""
        return f"{self.base}@{self.digest}"


def has_network(container: Container) -> bool:
    """Whether its jobs talk over EFA."""
    return "efa_installer" in versions.STACKS[container.stack].pins


def choose(container: Container, choice: Choice) -> Chosen:
    """What is installed. Raises UserError with everything that is wrong with the choice."""
    problems = [*_unknown(container, choice), *_architecture(container, choice), *_system(choice)]
    pins = dict(versions.STACKS[container.stack].pins)
    efa = _efa(container, choice, problems)
    if efa is not None:
        brought = {"libfabric": efa.libfabric, "aws_ofi_nccl": efa.aws_ofi_nccl}
        pins = {name: text for name, text in pins.items() if name not in brought} | {"efa_installer": efa.version}
        pins |= {name: text for name, text in brought.items() if text}
    digest = _digest(container, choice, problems)
    sources = {name: _source(name, choice, problems) for name in container.checkouts}
    if not problems:
        problems += _misfits(pins)
    if problems:
        raise UserError(problems)
    return Chosen(base=versions.BASES[container.base].tagged, digest=digest, efa=efa, sources=sources, pins=pins)


def keys(container: Container) -> list[str]:
    """What may be set."""
    network = ["efa_installer", "efa_installer.sha256"] if has_network(container) else []
    return ["base.digest", *network, *(f"{name}.commit" for name in container.checkouts)]


def _where(key: str) -> str:
    return f"--set {key}"


def _unknown(container: Container, choice: Choice) -> Iterator[Problem]:
    """Keys that nothing reads. Those of the stack's other components are refused with what decides them."""
    pins = versions.STACKS[container.stack].pins
    for key, value in choice.settings.items():
        if key in keys(container):
            continue
        if key in ("libfabric", "aws_ofi_nccl") and key in pins:
            what = f"{value}: it comes with the EFA installer, {pins[key]} with {pins['efa_installer']}"
            yield Problem(what, _where(key), "choose the installer that brings it: --set efa_installer=...")
        elif key in pins:
            what = (
                f"{value}: the image has {pins[key]}, as the stack {container.stack} says: {_decided(container, key)}"
            )
            yield Problem(what, _where(key), "leave it out; another one is another lock, and so another stack")
        else:
            yield unknown("setting of this image", key, keys(container), _where(key))


def _decided(container: Container, key: str) -> str:
    if key == "driver":
        return "the host has the driver"
    return f"the lock of its framework holds {key}, by the hash of its file" if container.lock else "its base brings it"


def _architecture(container: Container, choice: Choice) -> Iterator[Problem]:
    if choice.architecture not in container.architectures:
        remedy = f"build it for {' or '.join(container.architectures)}"
        why = f": {container.why}" if container.why else ""
        yield Problem(f"{container.name} has no image for {choice.architecture}{why}", "--architecture", remedy)


def _system(choice: Choice) -> Iterator[Problem]:
    if choice.system is not None:
        yield Problem(f"{choice.system}: a container image brings its own system", "--system", "leave it out")


def _efa(container: Container, choice: Choice, problems: list[Problem]) -> Efa | None:
    if not has_network(container):
        return None
    version = choice.settings.get("efa_installer", versions.STACKS[container.stack].pins["efa_installer"])
    try:
        ngc = Version(version) >= NGC_SINCE
    except InvalidVersion:
        problems.append(Problem(f"{version!r} is no version", _where("efa_installer"), "write it like 1.50.0"))
        return None
    known = versions.EFA_INSTALLERS.get(version)
    url = versions.EFA.url.format(version=version)
    sha256 = _given(choice, "efa_installer.sha256", SHA256, "64 hexadecimal digits", problems)
    sha256 = sha256 or (known.sha256 if known else None)
    if sha256 is None and "efa_installer.sha256" not in choice.settings:
        what = f"the checksum of EFA installer {version} is unknown here"
        problems.append(Problem(what, _where("efa_installer.sha256"), _HOW_SHA256.format(url=url)))
    return Efa(
        version=version,
        sha256=sha256 or "",
        libfabric=known.libfabric if known else None,
        aws_ofi_nccl=known.aws_ofi_nccl if known else None,
        no_ngc=ngc and container.stack == "vendor",
    )


def _digest(container: Container, choice: Choice, problems: list[Problem]) -> str:
    base = versions.BASES[container.base]
    text = choice.settings.get("base.digest")
    if text is None and base.digest is None:
        what = f"the digest of {base.tagged} is unknown here"
        problems.append(Problem(what, _where("base.digest"), _HOW_DIGEST.format(image=base.tagged)))
    if text is not None and not SHA256.fullmatch(text.removeprefix("sha256:")):
        problems.append(Problem(f"{text!r} is no digest", _where("base.digest"), "write it as sha256:64 digits"))
    return f"sha256:{text.removeprefix('sha256:')}" if text else base.digest or ""


def _source(name: str, choice: Choice, problems: list[Problem]) -> Source:
    checkout = versions.CHECKOUTS[name]
    key = f"{name}.commit"
    commit = _given(choice, key, COMMIT, "40 hexadecimal digits", problems) or checkout.commit
    if commit is None and key not in choice.settings:
        how = _HOW_COMMIT.format(repository=checkout.repository, version=checkout.version)
        problems.append(Problem(f"the commit of {checkout.version} is unknown here", _where(key), how))
    version = checkout.version if commit == checkout.commit or key not in choice.settings else commit or ""
    return Source(version=version, repository=checkout.repository, commit=commit or "")


def _given(choice: Choice, key: str, pattern: re.Pattern[str], form: str, problems: list[Problem]) -> str | None:
    text = choice.settings.get(key)
    if text is not None and not pattern.fullmatch(text):
        problems.append(Problem(f"{text!r} is not {form}", _where(key)))
        return None
    return text


def _misfits(pins: Mapping[str, str]) -> Iterator[Problem]:
    """Versions that do not go together."""
    from seatrial.checks.fitting import misfits  # every rule of nodes comes with it

    for finding in misfits(pins):
        if finding.verdict is Verdict.FAIL:
            yield Problem(f"{finding.observed}; needed: {finding.expected}", "--set", finding.remedy)
