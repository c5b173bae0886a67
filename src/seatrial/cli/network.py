"""seatrial network"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from seatrial import network
from seatrial.cli.completing import complete_instance
from seatrial.cli.options import F, as_json, output_format, print_json
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.findings import Finding, Verdict
from seatrial.hardware import instances
from seatrial.lint import documents
from seatrial.lint.documents import Document
from seatrial.lint.environment import judged
from seatrial.lint.stack import versions
from seatrial.network.floors import lint_stack

VERSIONS = {
    "efa_installer": "EFA installer",
    "libfabric": "libfabric",
    "aws_ofi_nccl": "aws-ofi-nccl",
    "nccl": "NCCL",
    "kernel": "the kernel",
}


def site_options(function: F) -> F:
    """Options that say where a job runs, besides its instance type."""
    function = click.option("--pod-network", is_flag=True, help="Pods have a network of their own.")(function)
    for name, title in reversed(VERSIONS.items()):
        option = f"--{name.replace('_', '-')}"
        function = click.option(option, name, metavar="VERSION", help=f"Version of {title}.")(function)
    return function


@click.group()
def command() -> None:
    """The variables of EFA, NCCL and Neuron: what a job needs, and what is wrong in a file."""


@command.command()
@click.option("--instance", required=True, metavar="TYPE", help="EC2 instance type.", shell_complete=complete_instance)
@site_options
@output_format("export")
def show(instance: str, pod_network: bool, format_: str, **versions: str | None) -> None:
    """The variables that a job on an instance type needs, each with its reason and source."""
    kind = instances.instance(instance)
    needed = network.environment(kind, pod_network=pod_network, **versions)
    if format_ == "json":
        print_json([{"variable": name, **asdict(setting)} for name, setting in needed.items()])
    elif format_ == "export":
        for name, setting in needed.items():
            click.echo(f"# {setting.reason}\nexport {name}={shlex.quote(setting.value)}")
    else:
        for name, setting in needed.items():
            click.echo(f"{click.style(name, bold=True)}={setting.value}\n    {setting.reason}\n    {setting.source}")
        if not needed:
            click.echo(f"A job on {kind.name} needs no variable.")
    for finding in lint_stack(kind, **versions):
        click.echo(f"{finding.verdict} {finding.check}: {finding.observed}; {finding.expected}", err=True)


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--instance",
    metavar="TYPE",
    help="EC2 instance type.  [default: what the file names]",
    shell_complete=complete_instance,
)
@site_options
@as_json
@click.pass_context
def lint(ctx: click.Context, /, files: tuple[Path, ...], instance: str | None, as_json: bool, **site: Any) -> None:
    """Judge the variables that launch files set: sbatch and shell scripts, Kubernetes manifests, Dockerfiles.

    Exit code 1 if there is a FAIL or a WARN.
    """
    kind = instances.instance(instance) if instance else None
    found = list(_judged(files, kind, **site))
    if as_json:
        print_json([{"path": str(path), "line": line, **asdict(finding)} for path, line, finding in found])
    else:
        for path, line, finding in found:
            click.echo(f"{path}:{line}: {finding.verdict} {finding.check}: {finding.observed}")
            click.echo(f"    {finding.expected}\n    {finding.remedy}")
    if any(finding.verdict in (Verdict.FAIL, Verdict.WARN) for _, _, finding in found):
        ctx.exit(ExitCode.FAILED)


def _judged(
    files: Sequence[Path], instance: instances.Instance | None, pod_network: bool, **site: Any
) -> Iterator[tuple[Path, int, Finding]]:
    for document in _documents(files):
        where = {**versions(document), **{name: value for name, value in site.items() if value}}
        found = judged(
            document,
            instance or document.instance(),
            pod_network=pod_network or None,
            complete=bool(instance or any(site.values())),
            **where,
        )
        yield from ((document.path, line, finding) for line, finding in found)


def _documents(files: Sequence[Path]) -> list[Document]:
    """Raises UserError with every file that cannot be read: what is in it would pass unjudged."""
    read: list[Document] = []
    problems: list[Problem] = []
    for path in documents.find(files):
        try:
            read += documents.read(path)
        except UserError as error:
            problems += error.problems
    problems += [Problem(d.problem, f"{d.path}:{d.problem_line}") for d in read if d.problem]
    if problems:
        raise UserError(problems)
    return read
