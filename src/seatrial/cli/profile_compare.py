"""seatrial profile compare"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_run
from seatrial.cli.options import output_format, print_json, runs_dir

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.history import History


@click.command()
@click.argument("one", metavar="RUN|FILE", shell_complete=complete_run)
@click.argument("other", metavar="RUN|FILE", shell_complete=complete_run)
@runs_dir
@output_format("md")
def command(one: str, other: str, history: History, format_: str) -> None:
    """Two profiles side by side, A and B: what a step is made of, and the kernels whose time changed most.

    Of each the first rank that was recorded.
    """
    from seatrial.cli.profile_show import profiles_of
    from seatrial.masking import mask_forms
    from seatrial.report import document, profile
    from seatrial.report.document import Section

    (name_a, a), (name_b, b) = (profiles_of((target,), history) for target in (one, other))
    if format_ == "json":
        print_json({"a": {"title": name_a, **profile.as_record(a)}, "b": {"title": name_b, **profile.as_record(b)}})
        return
    tables = profile.compare_tables(a.ranks[0], b.ranks[0])
    told = [Section(title=f"{name_a} and {name_b}, {a.ranks[0].label}", tables=tuple(t for t in tables if t.rows))]
    write = document.to_markdown if format_ == "md" else document.to_text
    click.echo(mask_forms(write("Profiles compared", told)).rstrip("\n"))
