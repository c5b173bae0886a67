"""Options that several verbs share, and how they print."""

from __future__ import annotations

import functools
import json
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from seatrial.cli.completing import (
    complete_cluster,
    complete_option,
    complete_run,
    complete_setting,
    complete_target,
)
from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.history import History
    from seatrial.job import Job
    from seatrial.profiling import Profile
    from seatrial.runs import Run

VERDICT_COLORS = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}

F = TypeVar("F", bound=Callable[..., Any])


def output_format(*others: str) -> Callable[[F], F]:
    """``--format text|json|...`` as the parameter `format_`, and ``--json``, which is short for one of them."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, as_json: bool, format_: str | None, **kwargs: Any) -> Any:
            if as_json and format_ not in (None, "json"):
                raise UserError(Problem(f"means --format json, not {format_}", "--json", "leave one of them out"))
            return function(*args, format_="json" if as_json else format_ or "text", **kwargs)

        choices = click.Choice(["text", "json", *others])
        json_ = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
        form = click.option("--format", "format_", type=choices, help="What is printed.  [default: text]")
        return cast(F, form(json_(call)))

    return decorate


def as_json(function: F) -> F:
    """``--format text|json`` and ``--json``, as the parameter `as_json`."""

    @functools.wraps(function)
    def call(*args: Any, format_: str, **kwargs: Any) -> Any:
        return function(*args, as_json=format_ == "json", **kwargs)

    return cast(F, output_format()(call))


def _history(ctx: click.Context, _: click.Parameter, path: Path) -> History | Path:
    above: History | Path | None = ctx.parent.params.get("history") if ctx.parent else None
    if above is not None and ctx.get_parameter_source("history") is not ParameterSource.COMMANDLINE:
        return above  # runs --runs-dir DIR rm RUN
    if ctx.resilient_parsing:  # a shell completes something, most often no run
        return path
    from seatrial.history import History

    return History(path)


def runs_dir(function: F) -> F:
    """``--runs-dir``, as the parameter `history`."""
    return runs_folder(function, _history)


def runs_folder(function: F, callback: Callable[[click.Context, click.Parameter, Path], Any] | None = None) -> F:
    """The same, as its path: for a verb that seldom looks at a run, and starts faster without their history."""
    return click.option(
        "--runs-dir",
        "history",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("runs"),
        envvar="SEATRIAL_RUNS_DIR",
        show_default=True,
        show_envvar=True,
        callback=callback,
        help="Folder of all runs.",
    )(function)


def run_argument(function: F) -> F:
    """``[RUN]``: an id, the unique beginning of one, or the newest run."""
    return click.argument("name", metavar="[RUN]", default="latest", shell_complete=complete_run)(function)


def settings_option(help_: str) -> Callable[[F], F]:
    """``--set KEY=VALUE``, as often as you like."""
    return click.option(
        "--set", "settings", metavar="KEY=VALUE", multiple=True, help=help_, shell_complete=complete_setting
    )


def scale(function: F) -> F:
    """Options that decide what a job is: shared by ``run`` and ``render``."""
    for option in (
        click.option("--processes", type=click.IntRange(1), help="Processes per node.  [default: the recipe's]"),
        click.option("--nodes", type=click.IntRange(1), help="Nodes.  [default: the recipe's]"),
        click.option(
            "--expect",
            metavar="KEY=VALUE|none",
            multiple=True,
            help="What the run must show, instead of what the recipe states: loss_decrease=1.5, or a metric of it.",
        ),
        click.option(
            "--profile",
            metavar="KEY=VALUE,...",
            help="Record steps of ranks: steps=10:12,ranks=0|all,tool=torch|nsys; see docs/profile.md.",
        ),
        settings_option("Change an argument; see show."),
        click.option(
            "--option",
            "options",
            metavar="KEY=VALUE",
            multiple=True,
            help="Change an option of the cluster's launcher.",
            shell_complete=complete_option,
        ),
        click.option(
            "--on",
            "cluster",
            metavar="CLUSTER",
            help="Where to run.  [default: local]",
            shell_complete=complete_cluster,
        ),
    ):
        function = option(function)
    return function


def find_run(history: History, name: str, *, logs: bool = False) -> Run:
    """The run of that name, as its engine sees it now; a warning where the engine does not answer."""
    from seatrial import following

    run = history.find(name)
    warn_unseen(following.refresh([run], logs=logs))
    return run


def say_notes(job: Job) -> None:
    """What is different from the recipe as it was made, and what may go wrong."""
    for note in job.notes:
        click.echo(f"{click.style('note', fg='cyan')}: {note}", err=True)


def warn(problems: Iterable[Problem], because: str = "") -> None:
    """Say what did not go as it should, and ends nothing."""
    for problem in problems:
        click.echo(f"{click.style('warning', fg='yellow')}: {because}{problem}", err=True)


def warn_unseen(problems: Sequence[Problem]) -> None:
    """Say which engines did not answer, so that what follows is older than it looks."""
    warn(problems, "as last seen, because ")


def target_argument(function: F) -> F:
    """``TARGET``: case, case/recipe or file.py."""
    return click.argument("target", metavar="CASE[/RECIPE]|FILE.py", shell_complete=complete_target)(function)


def pasteable(*words: str, keep: Collection[str] = ()) -> str:
    """A command of ours that can be pasted: its words, and of the command that is running the options that it needs.

    ``--runs-dir`` always; beside it those options, by the names of their parameters, that `keep` lists.
    """
    ctx = click.get_current_context()
    command = ["seatrial", *words]
    for param in ctx.command.params:
        asked = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if asked and param.name in ("history", *keep):
            value = ctx.params[param.name]
            values = value if isinstance(value, tuple) else (getattr(value, "root", value),)
            command += [word for one in values for word in (param.opts[0], str(one))]
    return shlex.join(command)


def parse_settings(settings: Sequence[str]) -> dict[str, str]:
    """``key=value`` texts as a mapping. Raises UserError for one without ``=``."""
    wrong = [text for text in settings if "=" not in text]
    if wrong:
        raise UserError(Problem(f"{text!r} is not KEY=VALUE", "--set") for text in wrong)
    return dict(text.split("=", 1) for text in settings)


def parse_profile(text: str | None) -> Profile | None:
    """What ``--profile`` asks for. Raises UserError."""
    from seatrial import profiling

    return None if text is None else profiling.parse(text)


def secrets_for(cluster: Cluster) -> frozenset[str] | None:
    """Names of the secrets at hand for a job there; None: the cluster holds them. Their values are not read here."""
    from seatrial import launchers

    if not launchers.find(cluster.launcher).takes_secrets:
        return None
    names = {name for name in os.environ if os.environ[name]}
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache/huggingface"))
    return frozenset(names | ({"HF_TOKEN"} if (home / "token").is_file() else set()))


def print_json(value: Any) -> None:
    """One JSON document on stdout: numbers as they are, those that JSON cannot hold as in events.jsonl."""
    click.echo(_json(value, indent=2))


def print_json_line(value: Any) -> None:
    """One of many documents, each a line."""
    click.echo(_json(value))


def _json(value: Any, indent: int | None = None) -> str:
    from seatrial.strict_json import plain

    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False, default=str)
