"""seatrial observe up"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.observe_options import machine_options, on, rules_options, state_dir, this_machine
from seatrial.cli.options import as_json, print_json

if TYPE_CHECKING:
    from seatrial.observe.rules import Rules
    from seatrial.observe.stack.local import Machine


@click.command()
@on
@state_dir
@rules_options
@machine_options
@as_json
def command(cluster: str, where: Path, rules: Rules, machine: Machine, as_json: bool) -> None:
    """Start what looks at this machine, in the background, on loopback: whatever of Prometheus, Alertmanager,
    node_exporter and Grafana is installed, and our exporter of runs.

    What ends is started again. It goes on until `seatrial observe down`, or until the machine is shut down.
    """
    from seatrial.errors import Problem, UserError
    from seatrial.observe.stack import local, running

    this_machine(cluster, "up")
    running.refuse_twice(where)
    if "prometheus" not in machine.programs:
        remedy = "Debian and Ubuntu: apt install prometheus prometheus-alertmanager"
        raise UserError(Problem("prometheus is not installed", "PATH", remedy))
    programs = ["exporter", *machine.programs]
    machine = replace(machine, ports=running.choose({name: machine.ports[name] for name in programs}))
    plan = local.render(machine, rules)
    running.up(plan, where, {name: machine.url(name) for name in programs})
    standings = running.status(where)
    if as_json:
        print_json({"folder": str(where), "programs": [asdict(one) for one in standings]})
        return
    for one in standings:
        click.echo(f"{one.name:14} {one.url}")
    for name in sorted(set(local.PROGRAMS) - set(programs)):
        click.echo(f"{name:14} not installed", err=True)
