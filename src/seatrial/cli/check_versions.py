"""seatrial check versions"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance
from seatrial.cli.findings import print_findings, record
from seatrial.cli.options import as_json, print_json
from seatrial.errors import Problem, UserError
from seatrial.findings import exit_code

if TYPE_CHECKING:
    from seatrial.checks.profile import Profile
    from seatrial.checks.software.search import Copy, Software
    from seatrial.findings import Finding


@click.command()
@click.option(
    "--path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="ROOTFS",
    help="Also a root file system that is mounted or unpacked there; nothing in it is started.",
)
@click.option("--image", metavar="REF", help="Also a container image that is here; podman or buildah mounts it.")
@click.option(
    "--instance",
    metavar="TYPE",
    help="EC2 instance type that it runs on.  [default: what the firmware says]",
    shell_complete=complete_instance,
)
@click.option("-v", "--verbose", is_flag=True, help="Also what is right, and every copy.")
@as_json
def command(path: Path | None, image: str | None, instance: str | None, verbose: bool, as_json: bool) -> None:
    """Versions of EFA's software, NCCL, drivers, CUDA, GDRCopy and Neuron, and whether they go together.

    With --path or --image beside each other, and judged as the image would run on this host: its files, this kernel.
    Exit code 0: PASS or WARN; 1: FAIL; 3: not all could be seen.
    """
    if path and image:
        raise UserError(Problem("are two roots", "--path, --image", "leave one of them out"))
    from seatrial.checks.profile import Profile, detect
    from seatrial.checks.software.document import write
    from seatrial.checks.software.search import search

    profile = Profile.of(instance) if instance else detect()
    host = search(library_path=os.environ.get("LD_LIBRARY_PATH", "").split(":"), packages=sys.path)
    with _root(path, image) as root:
        inside = search(root, host=False) if root else None
    document = write(host, inside)
    findings = _judged(json.dumps(document), profile)
    about = f"{image or path or platform.node()}, {profile.name or 'of no known type'}"
    if as_json:
        print_json({**document, **record(about, findings)})
    else:
        _print_table(host, inside, str(image or path), verbose=verbose)
        print_findings(about, findings, verbose=verbose)
    sys.exit(exit_code(findings))


@contextlib.contextmanager
def _root(path: Path | None, image: str | None) -> Iterator[Path | None]:
    from seatrial.checks.software.images import mounted

    with mounted(image) if image else contextlib.nullcontext(path) as root:
        yield root


def _judged(text: str, profile: Profile) -> list[Finding]:
    """By the same rules, and the same way, as what somebody else has captured."""
    from seatrial.checks.catalogue import of_kind
    from seatrial.checks.judging import judge
    from seatrial.checks.observations import Observation

    observation = Observation(kind="versions", origin="seatrial check versions", text=f"{text}\n")
    return judge(of_kind("versions"), [observation], profile)


def _print_table(host: Software, inside: Software | None, name: str, *, verbose: bool) -> None:
    from seatrial.checks.software.layouts import COMPONENTS, TITLES
    from seatrial.cli.tables import print_table

    sides = [host] if inside is None else [host, inside]
    rows = []
    for component in COMPONENTS:
        copies = [side.found[component] for side in sides]
        if not any(copies):
            continue
        lines = max(map(len, copies)) if verbose else 1
        for number in range(lines):
            rows.append([TITLES[component] if not number else "", *(_cell(c, number, verbose=verbose) for c in copies)])
    if rows:
        print_table(("COMPONENT", "HOST", *([name] if inside else [])), rows)
    absent = [TITLES[component] for component in COMPONENTS if not any(side.found[component] for side in sides)]
    if absent:
        click.echo(f"not found: {', '.join(absent)}")


def _cell(copies: tuple[Copy, ...], number: int, *, verbose: bool) -> str:
    if number >= len(copies):
        return "" if number else "-"
    copy = copies[number]
    more = len(copies) - 1 if not number and not verbose else 0
    return f"{copy.version or '?'}  {copy.path}" + (f"  (first of {more + 1})" if more else "")
