"""--json and --format json: on every verb, the same; and what they print is JSON with types."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from seatrial.cli import cli
from seatrial.cli.options import as_json, output_format, print_json
from seatrial.errors import UserError

TEXT_ONLY = {
    "completion",
    "env lock",
    "watch",
    "observe export",
    "observe dashboards",
    "observe check",
    "observe targets",
}
"""They print a file: a shell's script, a lock; serve until Ctrl-C; or say in words what is refused."""


def verbs(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from verbs(command, f"{above}{name} ")


@pytest.mark.parametrize(("name", "command"), [*verbs(cli)], ids=lambda value: value if isinstance(value, str) else "")
def test_every_verb_prints_json_by_both_options(name, command):
    options = {param.name: param for param in command.params if isinstance(param, click.Option)}
    if name in TEXT_ONLY:
        assert "as_json" not in options
        return
    assert options["as_json"].opts == ["--json"] and options["as_json"].help == "The same as --format json."
    assert {"text", "json"} <= set(options["format_"].type.choices)


def called(*args: str) -> str:
    @click.command()
    @output_format("md")
    def command(format_: str) -> None:
        click.echo(format_)

    result = CliRunner().invoke(command, args)
    if isinstance(result.exception, UserError):
        raise result.exception
    return result.output.strip()


def test_both_mean_the_same():
    assert [called(), called("--json"), called("--format", "json")] == ["text", "json", "json"]
    assert [called("--format", "md"), called("--json", "--format", "json")] == ["md", "json"]
    with pytest.raises(UserError, match="means --format json, not md"):
        called("--json", "--format", "md")


def test_a_verb_without_formats_of_its_own_is_told_yes_or_no():
    @click.command()
    @as_json
    def command(as_json: bool) -> None:
        click.echo(as_json)

    outputs = [CliRunner().invoke(command, args).output for args in ([], ["--json"], ["--format", "json"])]
    assert outputs == ["False\n", "True\n", "True\n"]


def test_numbers_are_exact_and_what_json_cannot_hold_is_a_word(capsys):
    print_json({"loss": math.nan, "rate": 12345.678901234567, "steps": 3, "none": None, "more": (math.inf,)})
    text = capsys.readouterr().out
    assert json.loads(text, parse_constant=pytest.fail) == {
        "loss": "NaN",
        "rate": 12345.678901234567,
        "steps": 3,
        "none": None,
        "more": ["Infinity"],
    }
