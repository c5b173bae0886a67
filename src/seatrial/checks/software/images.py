"""The root file system of a container image, by an engine that can mount one without starting it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from seatrial.errors import Problem, UserError

SECONDS = 600
"""That an engine gets to mount an image: it may have to unpack it."""


@contextlib.contextmanager
def mounted(reference: str) -> Iterator[Path]:
    """Where the image lies while it is looked at. It must be here already: nothing is fetched.

    Raises UserError where no engine here can mount it, with what to do instead.
    """
    if shutil.which("podman"):
        root = _run(reference, "podman", "image", "mount", reference)
        try:
            yield Path(root)
        finally:
            _run(reference, "podman", "image", "unmount", reference)
    elif shutil.which("buildah"):
        container = _run(reference, "buildah", "from", "--pull-never", reference)
        try:
            yield Path(_run(reference, "buildah", "mount", container))
        finally:
            _run(reference, "buildah", "rm", container)
    else:
        what = "neither podman nor buildah is here, which can mount an image"
        raise UserError(Problem(what, f"--image {reference}", _unpack(reference)))


def _unpack(reference: str) -> str:
    return (
        f"unpack it: docker create --name look {reference} && mkdir rootfs && docker export look | tar -x -C rootfs, "
        "and then: seatrial check versions --path rootfs"
    )


def _run(reference: str, *command: str) -> str:
    """The last line that it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(Problem(f"{command[0]}: {error}", f"--image {reference}", _unpack(reference))) from None
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        remedy = _unpack(reference)
        if "unshare" in said:
            remedy = f"{command[0]} unshare seatrial check versions --image {reference}"
        raise UserError(Problem(f"{' '.join(command[:3])}: {said}", f"--image {reference}", remedy))
    return lines[-1].strip()
