"""Options that the verbs of seatrial observe have in common, and what they come to."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import runs_dir
from seatrial.errors import Problem, UserError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.history import History

F = TypeVar("F", bound=Callable[..., Any])

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def on(function: F) -> F:
    """``--on local|CLUSTER``"""
    return click.option(
        "--on",
        "cluster",
        metavar="local|CLUSTER",
        default="local",
        show_default=True,
        shell_complete=complete_cluster,
        help="What is looked at.",
    )(function)


def state_dir(function: F) -> F:
    """``--state-dir``, as the parameter `where`."""

    @functools.wraps(function)
    def call(*args: Any, where: Path | None, **kwargs: Any) -> Any:
        from seatrial.observe.stack import running

        return function(*args, where=(where or running.folder()).absolute(), **kwargs)

    option = click.option(
        "--state-dir",
        "where",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="SEATRIAL_OBSERVE_DIR",
        show_envvar=True,
        help="Where configuration, data and logs lie.  [default: ~/.local/state/seatrial/observe]",
    )
    return cast(F, option(call))


def rules_options(function: F) -> F:
    """Options about rules, as the parameter `rules`. Addresses that are not given are those of seatrial.toml."""

    @functools.wraps(function)
    def call(
        *args: Any, rule_files: tuple[Path, ...], settings: tuple[str, ...], runbooks: str, grafana: str, **kwargs: Any
    ) -> Any:
        from seatrial import config
        from seatrial.observe import rules

        told = config.observe()
        chosen = rules.Rules(
            changed=rules.settings(settings),
            runbooks=runbooks or told["runbooks"] or "docs/alerts.md",
            grafana=grafana or told["grafana"] or "",
            more=_texts(rule_files),
        )
        return function(*args, rules=chosen, **kwargs)

    for option in (
        click.option(
            "--grafana",
            metavar="URL",
            default="",
            help="Where Grafana is, for links in alerts.  [default: observe.grafana of seatrial.toml]",
        ),
        click.option(
            "--runbooks",
            metavar="URL",
            default="",
            help="Where docs/alerts.md can be read.  [default: observe.runbooks of seatrial.toml]",
        ),
        click.option(
            "--set",
            "settings",
            metavar="ALERT.KEY=VALUE",
            multiple=True,
            help="Change a threshold of an alert, or with the key `for` how long it must last.",
        ),
        click.option(
            "--rules", "rule_files", type=_file, multiple=True, metavar="FILE", help="Rules of your own, beside ours."
        ),
    ):
        call = option(call)
    return cast(F, call)


def _texts(files: tuple[Path, ...]) -> Mapping[str, str]:
    """Name of a file -> its text. Raises UserError for what is no text, and for names that are there twice."""
    from seatrial.observe.rules import FILE

    texts: dict[str, str] = {}
    for file in files:
        if file.name in texts or file.name == FILE:
            raise UserError(Problem(f"there is another file called {file.name}", f"--rules {file}", "rename it"))
        try:
            texts[file.name] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(Problem(f"cannot be read: {error}", f"--rules {file}")) from None
    return texts


def machine_options(function: F) -> F:
    """Options about this machine, as the parameter `machine`."""

    @functools.wraps(function)
    def call(
        *args: Any, history: History, ports: tuple[str, ...], collect: str, every: int, webhook: str, **kwargs: Any
    ) -> Any:
        from seatrial.observe.stack import local
        from seatrial.observe.stack.scraping import check_url

        if webhook:
            check_url(webhook, "--webhook")
        machine = local.Machine(
            host=platform.node().partition(".")[0],
            python=sys.executable,
            programs=local.installed(),
            runs=history.root.absolute(),
            collect=collect,
            ports=_ports(ports),
            every=f"{every}s",
            webhook=webhook,
        )
        return function(*args, machine=machine, **kwargs)

    for option in (
        click.option(
            "--webhook", metavar="URL", default="", help="Where Alertmanager sends alerts.  [default: nowhere]"
        ),
        click.option(
            "--every", type=click.IntRange(1), metavar="SECONDS", default=15, show_default=True, help="Between scrapes."
        ),
        click.option(
            "--collect", metavar="NAMES", default="run", show_default=True, help="Collectors: see observe export."
        ),
        click.option(
            "--port", "ports", metavar="PROGRAM=PORT", multiple=True, help="Another port; 0 takes a free one, with up."
        ),
        runs_dir,
    ):
        call = option(call)
    return cast(F, call)


def _ports(texts: tuple[str, ...]) -> dict[str, int]:
    from seatrial.observe.stack.local import PORTS

    ports, problems = dict(PORTS), []
    for text in texts:
        name, _, port = text.partition("=")
        if name not in PORTS:
            problems.append(unknown("program", name, PORTS, "--port"))
        elif not (port.isascii() and port.isdecimal() and int(port) < 65536):
            problems.append(Problem(f"{port!r} is no port", f"--port {name}", "0 to 65535"))
        else:
            ports[name] = int(port)
    if problems:
        raise UserError(problems)
    return ports


def this_machine(cluster: str, verb: str) -> None:
    """Raises UserError for another one: nobody's root or cluster is changed from here."""
    if cluster != "local":
        remedy = f"seatrial observe render --on {cluster} -o DIR; DIR/commands.sh says what goes where"
        raise UserError(Problem(f"{verb} is for this machine", f"--on {cluster}", remedy))
