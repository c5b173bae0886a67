"""seatrial lint"""

from __future__ import annotations

from pathlib import Path

import click

from seatrial import hardware
from seatrial.cli.completing import complete_instance
from seatrial.cli.options import output_format, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import ExitCode, Problem, UserError


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path(path_type=Path))
@output_format("sarif")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write into this file.")
@click.option(
    "--instance",
    metavar="TYPE",
    help="EC2 instance type of the nodes, for files that name none.",
    shell_complete=complete_instance,
)
@click.option("--select", metavar="ID", multiple=True, help="Only this rule; patterns such as 'slurm.*' work.")
@click.option("--ignore", metavar="ID", multiple=True, help="Not this rule.")
@click.option("--list", "list_", is_flag=True, help="Show the rules and stop.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    format_: str,
    output: Path | None,
    instance: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    list_: bool,
) -> None:
    """Find what is wrong in launch files: sbatch and shell scripts, Kubernetes manifests, Dockerfiles."""
    from seatrial.lint.judge import headers, lint
    from seatrial.lint.output import FORMATS, summary

    if list_:
        rows = [{"rule": rule.id, "verdict": rule.verdicts[0], "expected": rule.expected} for rule in headers()]
        if format_ == "json":
            print_json(rows)
        else:
            print_table(("RULE", "VERDICT", "EXPECTED"), [[*row.values()] for row in rows])
        return
    if not paths:
        raise UserError(Problem("nothing to lint", "PATH", "give files or folders; --list shows the rules"))
    report = lint(paths, instance=hardware.instance(instance) if instance else None, select=select, ignore=ignore)
    rendered = FORMATS[format_](report)
    if output:
        output.write_text(rendered, encoding="utf-8")
        click.echo(f"{summary(report)}; written to {output}")
    else:
        click.echo(rendered, nl=False)
    if report.findings:
        ctx.exit(ExitCode.FAILED)
