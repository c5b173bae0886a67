"""seatrial profile show"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_run
from seatrial.cli.options import output_format, print_json, runs_dir
from seatrial.errors import Problem, UserError

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.profiles import Profiles


@click.command()
@click.argument("targets", metavar="[RUN|FILE...]", nargs=-1, shell_complete=complete_run)
@runs_dir
@output_format("md", "html")
def command(targets: tuple[str, ...], history: History, format_: str) -> None:
    """Where the time of the profiled steps goes: computing, communication that nothing hides, gaps; and what to do.

    Of a run, the newest if none is named, all profiles that its ranks recorded. Files are those of anybody:
    .json, .json.gz, .sqlite; several are ranks of one job.
    """
    from seatrial.masking import mask_forms
    from seatrial.report import profile

    title, found = profiles_of(targets or ("latest",), history)
    if format_ == "json":
        print_json({"title": title, **profile.as_record(found)})
        return
    if format_ == "html":
        from seatrial.report.profile_page import to_html

        text = to_html(title, found)
    else:
        text = (profile.to_markdown if format_ == "md" else profile.to_text)(title, found)
    click.echo(mask_forms(text).rstrip("\n"))


def profiles_of(targets: tuple[str, ...], history: History) -> tuple[str, Profiles]:
    """What is shown of one run, or of files; what it is called first. Raises UserError."""
    from seatrial import profiles
    from seatrial.report.profile import title

    paths = [Path(target) for target in targets if Path(target).is_file()]
    if len(paths) < len(targets):
        if len(targets) > 1:
            wrong = next(target for target in targets if not Path(target).is_file())
            raise UserError(Problem("is no file", wrong, "name one run, or files that are ranks of one job"))
        if "/" in targets[0] or targets[0].endswith((".gz", ".json", ".sqlite", ".nsys-rep")):
            raise UserError(Problem("there is no such file", targets[0], "name a run, or a profile's file"))
        run = history.find(targets[0])
        found = profiles.of_run(run.path, keep=True)
        if found is None:
            raise UserError(Problem(*_none(run.path, run.id)))
        return run.id, found
    found = profiles.read(paths)
    return title(found), found


def _none(path: Path, name: str) -> tuple[str, str, str]:
    """Problem, place and remedy of a run without profiles that can be read."""
    reports = sorted((path / "profiles").glob("*.nsys-rep"))
    if reports:
        return "only Nsight Systems reads its own reports", name, f"nsys export --type sqlite {reports[0]}"
    return "has no profile", name, "seatrial run CASE --profile steps=10:12 records one"
