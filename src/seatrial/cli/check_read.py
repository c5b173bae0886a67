"""seatrial check read"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_instance, complete_observation
from seatrial.cli.findings import code_of, nagios_option, print_findings, print_nagios, record
from seatrial.cli.options import as_json, print_json, runs_dir

if TYPE_CHECKING:
    from seatrial.checks.observations import Observation
    from seatrial.history import History


@click.command()
@click.argument("kind", shell_complete=complete_observation)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--instance",
    metavar="TYPE",
    help="EC2 instance type that it comes from.  [default: not known]",
    shell_complete=complete_instance,
)
@runs_dir
@click.option("-v", "--verbose", is_flag=True, help="Also what is right.")
@nagios_option
@as_json
def command(
    kind: str,
    files: tuple[Path, ...],
    instance: str | None,
    history: History,
    verbose: bool,
    nagios: bool,
    as_json: bool,
) -> None:
    """Judge what a tool printed elsewhere. KIND says which: see check list.

    What srun, kubectl and mpirun put before the lines is taken off. Exit codes as of check node.
    """
    from seatrial.checks.catalogue import of_kind
    from seatrial.checks.collectives.baselines import FILE, own
    from seatrial.checks.judging import judge
    from seatrial.checks.profile import NOT_KNOWN, Profile

    checks = of_kind(kind)
    profile = replace(Profile.of(instance) if instance else NOT_KNOWN, baselines=own(history.root / FILE))
    found = {path: judge(checks, [_captured(kind, path)], profile) for path in files}
    everything = [finding for findings in found.values() for finding in findings]
    if as_json:
        print_json([record(str(path), findings) for path, findings in found.items()])
    elif nagios:
        print_nagios(", ".join(map(str, files)), everything)
    else:
        for path, findings in found.items():
            print_findings(str(path), findings, verbose=verbose)
    sys.exit(code_of(everything, nagios=nagios))


def _captured(kind: str, path: Path) -> Observation:
    from seatrial.checks.observations import Observation

    return Observation(kind=kind, origin=str(path), path=path, taken=path.stat().st_mtime, foreign=True)
