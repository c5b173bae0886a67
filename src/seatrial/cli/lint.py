"""seatrial lint"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seatrial.cli.completing import complete_instance, complete_rule
from seatrial.cli.options import output_format, print_json
from seatrial.cli.tables import print_table
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.hardware import instances


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
@click.option(
    "--select",
    metavar="ID",
    multiple=True,
    help="Only this rule; patterns such as 'slurm.*' work.",
    shell_complete=complete_rule,
)
@click.option("--ignore", metavar="ID", multiple=True, help="Not this rule.", shell_complete=complete_rule)
@click.option("--diff", "base", metavar="BASE", help="Only what is on lines that changed since this commit of git.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Leave out what this file says is known.",
)
@click.option(
    "--write-baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what is found into this file, for --baseline, and fail nothing.",
)
@click.option("--all", "every", is_flag=True, help="Show every place of a rule, not the first ten.")
@click.option("--jobs", type=click.IntRange(1), help="Processes that read files.  [default: by their size]")
@click.option("--list", "list_", is_flag=True, help="Show the rules and stop.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    format_: str,
    output: Path | None,
    list_: bool,
    write_baseline: Path | None,
    every: bool,
    **options: Any,
) -> None:
    """Find what is wrong in launch files: sbatch and shell scripts, Kubernetes manifests, Dockerfiles.

    In a folder these are recognised: scripts by their first line, #SBATCH lines or the ends .sh, .bash and .sbatch;
    YAML by its apiVersion (manifests, eksctl's ClusterConfig), besides kustomizations and the charts of Helm with their
    values; Dockerfiles and Containerfiles by name; templates of all these, for Helm, Jinja, Terraform, envsubst and
    Python, by the ends .j2, .jinja, .jinja2, .tftpl, .tpl, .tmpl, .template, .in, or a folder templates.
    Scripts and manifests inside of each other are read, too.
    """
    if list_:
        _list(format_)
        return
    if not paths:
        raise UserError(Problem("nothing to lint", "PATH", "give files or folders; --list shows the rules"))
    from seatrial.lint import baseline
    from seatrial.lint.judge import lint
    from seatrial.lint.output import FORMATS, summary, text

    instance = options.pop("instance")
    report = lint(paths, instance=instances.instance(instance) if instance else None, **options)
    if write_baseline:
        baseline.write(write_baseline, (*report.findings, *(report.known or ())))
        click.echo(f"{summary(report)}; written to {write_baseline}")
        return
    rendered = text(report, every=every) if format_ == "text" else FORMATS[format_](report)
    if output:
        output.write_text(rendered, encoding="utf-8")
        click.echo(f"{summary(report)}; written to {output}")
    else:
        click.echo(rendered, nl=False)
    if report.findings:
        ctx.exit(ExitCode.FAILED)


def _list(format_: str) -> None:
    from seatrial.lint.judge import headers

    rows = [{"rule": rule.id, "verdict": rule.verdicts[0], "expected": rule.expected} for rule in headers()]
    if format_ == "json":
        print_json(rows)
    else:
        print_table(("RULE", "VERDICT", "EXPECTED"), [[*row.values()] for row in rows])
