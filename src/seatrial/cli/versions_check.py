"""seatrial versions check"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seatrial.checks.fitting import chosen, misfits, unreadable
from seatrial.cli.completing import complete_instance, complete_stack
from seatrial.cli.findings import print_findings
from seatrial.cli.options import as_json, print_json
from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import exit_code, overall

if TYPE_CHECKING:
    from seatrial.hardware.instances import Instance
    from seatrial.versions import Stack


@click.command()
@click.argument("stack", required=False, shell_complete=complete_stack)
@click.option(
    "--set", "settings", metavar="COMPONENT=VERSION", multiple=True, help="Another version of a component; repeatable."
)
@click.option(
    "--instance",
    metavar="TYPE",
    help="Also whether the versions are new enough for an EC2 instance type.",
    shell_complete=complete_instance,
)
@click.option("-v", "--verbose", is_flag=True, help="Also what is right.")
@as_json
def command(stack: str | None, settings: Sequence[str], instance: str | None, verbose: bool, as_json: bool) -> None:
    """Whether the versions of a stack go together; without STACK of all, with --set of those that have the component.

    The rules are those of `seatrial check versions`. Exit code 0: PASS or WARN; 1: FAIL; 3: a rule could not tell.
    """
    from seatrial.hardware import instances

    kind = instances.instance(instance) if instance else None
    stacks = _stacks(stack, kind)
    wanted = _settings(settings, stacks)
    judged = {}
    for name, one in stacks.items():
        its = {component: version for component, version in wanted.items() if component in one.pins}
        if its or not wanted:
            pins = chosen(one, its)
            judged[name] = (pins, misfits(pins, kind))
    if as_json:
        print_json(
            [
                {"stack": name, "components": pins, "verdict": overall(found), "findings": [asdict(f) for f in found]}
                for name, (pins, found) in judged.items()
            ]
        )
    else:
        for name, (_, found) in judged.items():
            print_findings(name, found, verbose=verbose)
    sys.exit(exit_code(finding for _, found in judged.values() for finding in found))


def _stacks(name: str | None, instance: Instance | None) -> Mapping[str, Stack]:
    """The one of that name; without a name those for the instance's accelerators."""
    from seatrial.hardware.accelerators import accelerator
    from seatrial.versions import STACKS

    if name is not None:
        if name not in STACKS:
            raise UserError(unknown("stack", name, STACKS))
        return {name: STACKS[name]}
    if instance is None:
        return STACKS
    vendor = accelerator(instance.accelerator).vendor if instance.accelerator else ""
    return {stack: one for stack, one in STACKS.items() if _vendor(one) == vendor}


def _vendor(stack: Stack) -> str:
    """Of the accelerators that a stack is for; empty: it is for none."""
    if any(component.startswith("neuron") for component in stack.pins):
        return "AWS"
    return "NVIDIA" if "aws_ofi_nccl" in stack.pins else ""  # which is a plugin of NCCL's


def _settings(texts: Sequence[str], stacks: Mapping[str, Stack]) -> dict[str, str]:
    known = {component for one in stacks.values() for component in one.pins}
    wanted, problems = {}, []
    for text in texts:
        name, sign, version = text.partition("=")
        if not sign:
            problems.append(Problem(f"{text!r} sets nothing", "--set", "COMPONENT=VERSION"))
        elif name not in known:
            problems.append(unknown("component", name, known, "--set"))
        elif name in wanted:
            problems.append(Problem(f"{name} is set twice", "--set", "leave one of them out"))
        elif problem := unreadable(name, version):
            problems.append(problem)
        else:
            wanted[name] = version
    if problems:
        raise UserError(problems)
    return wanted
