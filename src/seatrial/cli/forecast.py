"""seatrial forecast: of a target, or one of its verbs, which are imported when they are used."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from seatrial.cli.completing import complete_target
from seatrial.cli.verbs import Verbs

COMMANDS = {
    "compare": "Two jobs side by side: what is different, and what of memory and time follows from it.",
    "calibrate": "Let forecasts rest on runs of your own as well.",
    "simulate": "A long run of many accelerators, with all that interrupts it: what is left of the time.",
}


class _TargetOrVerb(Verbs):
    """What is no verb is a target."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in COMMANDS:
            return super().resolve_command(ctx, args)
        from seatrial.cli.forecast_target import command

        return command.name, command, args

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        found = super().shell_complete(ctx, incomplete)
        return (
            found
            if incomplete.startswith("-")
            else [*found, *complete_target(ctx, self.get_params(ctx)[0], incomplete)]
        )


@click.command(cls=_TargetOrVerb, modules="seatrial.cli.forecast_", titles=COMMANDS)
def command() -> None:
    """What a run will need and give, before it starts.

    \b
    seatrial forecast CASE[/RECIPE] [--on CLUSTER | --instance TYPE]
        memory of a rank, time of a step; --help after it shows its options
    """
