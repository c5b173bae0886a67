"""seatrial forecast simulate"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli.options import F, as_json, print_json
from seatrial.cli.tables import print_facts, print_table
from seatrial.extras import needed
from seatrial.forecast.failures import FLEETS, fleet

# What the verb needs is imported when it runs: a shell that completes its arguments waits for this file.
if TYPE_CHECKING:
    from seatrial.forecast.interval import Interval
    from seatrial.forecast.simulate import Outcome


def _seconds(name: str, default: float | None, help_: str) -> Callable[[F], F]:
    known = default is not None
    return click.option(f"--{name}", type=float, metavar="SECONDS", default=default, show_default=known, help=help_)


@click.command()
@click.option("--accelerators", type=int, metavar="N", required=True, help="That take part in the run.")
@click.option("--days", type=float, metavar="D", required=True, help="That it lasts.")
@click.option(
    "--failures",
    type=click.Choice([*FLEETS]),
    default="llama3-405b",
    show_default=True,
    help="Published table of what interrupts it.",
)
@_seconds("detection", 120.0, "Until an interruption is noticed; torch's time-out of a collective that hangs is 600.")
@_seconds("restart", 300.0, "From there to the first step.")
@_seconds("interval", None, "Of training between checkpoints.  [default: Daly's best]")
@_seconds("stall", 10.0, "That training stops for a checkpoint.")
@click.option("--spares", type=int, metavar="N", help="Nodes that stand by.  [default: there is always one]")
@_seconds("repair", 86_400.0, "Until a node that broke is back.")
@click.option(
    "--slow", type=float, metavar="RATE", default=0.0, help="Stragglers per accelerator-hour.  [default: none]"
)
@click.option("--slowdown", type=float, metavar="SHARE", default=0.1, show_default=True, help="That one costs the job.")
@_seconds("noticed", 3600.0, "Until a straggler is out of the job.")
@click.option("--draws", type=int, metavar="N", default=1000, show_default=True, help="How often it is played through.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same answer."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture there, as SVG.")
@as_json
def command(failures: str, draws: int, seed: int, output: Path | None, as_json: bool, **options: Any) -> None:
    """Play a long run through many times: interruptions by what caused them, detection, spare nodes, checkpoints,
    restarts, stragglers. Says which share of the time is training that counts, and where the rest goes."""
    with needed("numpy", "forecast"):
        import numpy  # noqa: F401 # said here, once, if it is missing
    from seatrial.forecast.simulate import Scenario, simulate

    outcome = simulate(Scenario(fleet=fleet(failures), **options), draws=draws, seed=seed)
    if output is not None:
        from seatrial.cli.forecast_drawing import write
        from seatrial.report.goodput import picture

        write(output, picture(outcome))
    if as_json:
        print_json(_record(outcome, draws, seed))
    else:
        _print(outcome)
        if output is not None:
            click.echo(f"\nwrote {output}")


def _print(outcome: Outcome) -> None:
    from seatrial.forecast.simulate import spread
    from seatrial.report.format import duration, percent, quantity

    scenario = outcome.scenario
    goodput, total = spread(outcome.goodput), spread(outcome.total)
    print_facts(
        {
            "run": f"{scenario.accelerators:,} accelerators for {scenario.days:g} days",
            "failures": f"{scenario.fleet.title} ({scenario.fleet.source}, {scenario.fleet.date})",
            **({"note": scenario.fleet.note} if scenario.fleet.note else {}),
            "goodput": f"{percent(goodput.expected)}, in four of five draws {percent(goodput.low)} to "
            f"{percent(goodput.high)}",
            "interruptions": f"{quantity(total.expected)}, one in {duration(1 / scenario.rate)}; in four of five draws "
            f"{total.low:.0f} to {total.high:.0f}",
            "checkpoints": f"after {duration(scenario.every)} of training each",
        },
        14,
    )
    click.echo()
    whole = scenario.days * 86_400
    rows = []
    for part, seconds in outcome.seconds.items():
        found = spread(seconds)
        share = " to ".join(percent(end / whole) for end in (found.low, found.high))
        rows.append((part, percent(found.expected / whole), duration(found.expected), share))
    print_table(("TIME", "SHARE", "OF A RUN", "FOUR OF FIVE DRAWS"), rows)


def _record(outcome: Outcome, draws: int, seed: int) -> dict[str, Any]:
    from dataclasses import asdict

    from seatrial.forecast.simulate import spread

    scenario = outcome.scenario
    told = {name: value for name, value in asdict(scenario).items() if name != "fleet"}
    return {
        "scenario": told
        | {"failures": scenario.fleet.title, "source": scenario.fleet.source, "note": scenario.fleet.note},
        "draws": draws,
        "seed": seed,
        "interval": scenario.every,
        "mean_time_to_interruption": 1 / scenario.rate,
        "goodput": _interval(spread(outcome.goodput)),
        "seconds": {part: _interval(spread(seconds)) for part, seconds in outcome.seconds.items()},
        "interruptions": _interval(spread(outcome.total)),
        "by_component": {name: _interval(spread(counts)) for name, counts in outcome.interruptions.items()},
    }


def _interval(found: Interval) -> dict[str, float]:
    return {"low": found.low, "expected": found.expected, "high": found.high}
