"""The programs that build images: Docker with Buildx, Buildah, Podman. Which is here, and how each is called."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import Problem, UserError, unknown
from seatrial.images.building.context import Context
from seatrial.plan import Command

SECONDS = 60.0
"""That a builder gets to say something about itself or an image."""
ELSEWHERE = "codebuild"
"""Builds where no builder is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Builder:
    """One of them, as it is called."""

    name: str
    building: tuple[str, ...]
    """What a build begins with."""
    inspecting: tuple[str, ...]
    """What tells an image's id; its reference follows."""
    proofs: Mapping[tuple[str, ...], str]
    """Commands that succeed where it can build -> what it means if one does not."""
    install: str
    """Where it is explained."""
    writes_digest: bool = True
    """Whether ``push`` writes the digest to a file."""

    def missing(self) -> str:
        """Why it cannot build here; empty if it can."""
        if shutil.which(self.name) is None:
            return "is not on PATH"
        return next((why for proof, why in self.proofs.items() if ask(proof) is None), "")

    def build(self, context: Context, folder: Path, id_file: Path, more: Sequence[str] = ()) -> Command:
        """Builds what `Context.write` put into `folder`, with no tag: its id is written to `id_file`."""
        arguments = [word for key, value in context.arguments.items() for word in ("--build-arg", f"{key}={value}")]
        words = ["--platform", context.platform, "--iidfile", str(id_file), *arguments, *more, str(folder)]
        return Command(argv=(*self.building, *words), title=f"build {context.reference}")

    def tag(self, image: str, reference: str) -> None:
        """Give a built image a name. Raises UserError."""
        run((self.name, "tag", image, reference))

    def find(self, reference: str) -> str | None:
        """The id of an image that is here, ``sha256:...``; None: it is not."""
        said = ask((*self.inspecting, reference))
        return said and f"sha256:{said.removeprefix('sha256:')}"


BUILDERS = (
    Builder(
        name="docker",
        # what it attests beside the image would make an index of it, with another digest each time
        building=("docker", "buildx", "build", "--load", "--progress=plain", "--provenance=false"),
        inspecting=("docker", "image", "inspect", "--format", "{{.Id}}"),
        proofs={
            ("docker", "buildx", "version"): "has no Buildx",
            ("docker", "version", "--format", "{{.Server.Version}}"): "has no daemon that answers",
        },
        install="https://docs.docker.com/engine/install",
        writes_digest=False,
    ),
    Builder(
        name="buildah",
        building=("buildah", "build", "--layers", "--force-rm"),
        inspecting=("buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}"),
        proofs={("buildah", "images", "--quiet"): "cannot use its storage"},
        install="https://github.com/containers/buildah/blob/main/install.md",
    ),
    Builder(
        name="podman",
        building=("podman", "build", "--layers", "--force-rm"),
        inspecting=("podman", "image", "inspect", "--format", "{{.Id}}"),
        proofs={("podman", "images", "--quiet"): "cannot use its storage"},
        install="https://podman.io/docs/installation",
    ),
)


def find(name: str) -> Builder:
    """The builder of that name. Raises UserError if it cannot build here."""
    known = {builder.name: builder for builder in BUILDERS}
    if name not in known:
        raise UserError(unknown("builder", name, [*known, ELSEWHERE], "--builder"))
    if why := known[name].missing():
        others = " or ".join(one for one in (*known, ELSEWHERE) if one != name)
        remedy = f"{known[name].install}; or choose another: --builder {others}"
        raise UserError(Problem(f"{name} {why}", "--builder", remedy))
    return known[name]


def choose() -> Builder:
    """The first that can build here. Raises UserError if none can."""
    reasons = []
    for builder in BUILDERS:
        why = builder.missing()
        if not why:
            return builder
        reasons.append(f"{builder.name} {why}")
    told = "; ".join(reasons)
    remedy = f"install one of them, such as {BUILDERS[1].install}; or have it built in AWS: --builder {ELSEWHERE}"
    raise UserError(Problem(f"nothing here can build an image: {told}", "--builder", remedy))


def ask(command: Sequence[str]) -> str | None:
    """What a command printed; None: it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def run(command: Sequence[str], *, given: str = "", env: Mapping[str, str] | None = None) -> str:
    """What a command printed; `given` is its standard input. Raises UserError with its last words."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, input=given, env=env)
    except OSError as error:
        raise UserError(Problem(f"{command[0]} cannot be started: {error.strerror}")) from None
    if done.returncode:
        said = re.sub(r"\s+", " ", (done.stderr or done.stdout).strip())[-500:]
        words = " ".join(command[:3])
        raise UserError(Problem(f"{words}: {said or f'exit status {done.returncode}'}", "", f"try it: {words} --help"))
    return done.stdout
