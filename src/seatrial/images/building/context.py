"""What a builder is given: an image's definition as files.

The same content has the same tag, so that a tag is never moved: the tag holds a hash of all that goes into the image.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.image import mutable
from seatrial.images._image import Architecture, Choice, Container
from seatrial.plan import Plan

PLATFORMS: Mapping[Architecture, str] = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
"""As builders and registries call them: https://github.com/opencontainers/image-spec/blob/main/image-index.md"""
SECRETS = ("*TOKEN*", "*SECRET*", "*PASSWORD*", "*_KEY", "*CREDENTIAL*")
"""Names of build arguments that look like a secret's: whoever has an image reads them in its history."""
WRITTEN = 315_532_800
"""Seconds since 1970 of every file's time, 1980-01-01: builders take a file with another time for another file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """A definition with what was chosen: all that an image is made of, but for what its lines fetch by hash."""

    container: Container
    choice: Choice
    plan: Plan
    """Dockerfile, locks, self-test, Seatrial itself."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments."""

    @property
    def platform(self) -> str:
        """``linux/amd64``"""
        return PLATFORMS[self.choice.architecture]

    @property
    def tag(self) -> str:
        """``cuda13-0123456789ab``: stack and content."""
        parts = [self.platform, sorted(self.arguments.items()), sorted(self.plan.files.items())]
        content = hashlib.sha256(json.dumps(parts).encode())
        return f"{self.container.stack}-{content.hexdigest()[:12]}"

    @property
    def reference(self) -> str:
        """What the image is called by the builder that made it."""
        return f"seatrial/{self.container.name}:{self.tag}"

    def write(self, folder: Path) -> None:
        """Put the files into `folder`. The same content has the same times and rights, wherever it is written."""
        for name, text in self.plan.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if name.endswith(".sh") else 0o644)
            os.utime(path, (WRITTEN, WRITTEN))
        for place, _, _ in os.walk(folder):
            os.chmod(place, 0o755)
            os.utime(place, (WRITTEN, WRITTEN))

    def check(self) -> None:
        """Raises UserError for build arguments that may not be."""
        problems = []
        for name, value in self.arguments.items():
            if any(fnmatchcase(name.upper(), pattern) for pattern in SECRETS):
                remedy = "give it to the builder as a secret: seatrial image build NAME -- --secret id=...,src=FILE"
                problems.append(
                    Problem("looks like a secret, and would stand in the image", f"--build-arg {name}", remedy)
                )
            elif name == "BASE" and (why := mutable(value)):
                remedy = "name its digest, NAME@sha256:..., or a tag that is never moved"
                problems.append(Problem(f"{value} {why}: it may be another base tomorrow", "--build-arg BASE", remedy))
        if problems:
            raise UserError(problems)
