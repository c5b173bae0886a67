"""seatrial observe export"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli.options import runs_dir
from seatrial.errors import Problem, UserError, unknown

if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.observe.exporter.collecting import Collector
    from seatrial.observe.exporter.collectors.health import Reasons
    from seatrial.observe.exporter.serving import Protection

COLLECTORS = ("efa", "run", "slurm", "health")
PORT = 9109
"""Where HyperPod has its EFA exporter: dashboards and scrape configurations know it."""

_existing = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--collect",
    metavar="NAMES",
    default="run",
    show_default=True,
    help=f"Which to run, with commas between: {', '.join(COLLECTORS)}.",
)
@click.option(
    "--listen", metavar="ADDRESS:PORT", default=f"127.0.0.1:{PORT}", show_default=True, help="Where to serve /metrics."
)
@click.option("--tls-cert", type=_existing, metavar="FILE", help="Certificate in PEM: speak HTTPS.")
@click.option("--tls-key", type=_existing, metavar="FILE", help="Its key.")
@click.option("--tls-client-ca", type=_existing, metavar="FILE", help="Serve only clients with certificates of it.")
@click.option("--users", type=_existing, metavar="FILE", help="Lines NAME:PASSWORD: serve only them (basic auth).")
@click.option(
    "--textfile",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="Write seatrial.prom there for node_exporter's textfile collector, instead of serving.",
)
@click.option(
    "--otlp",
    metavar="URL",
    help="Push there by OTLP over HTTP, instead of serving: http://collector:4318/v1/metrics. Headers come from"
    " OTEL_EXPORTER_OTLP_HEADERS.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="With --textfile or --otlp: again and again.  [default with --otlp: 15]",
)
@click.option(
    "--sys", type=click.Path(file_okay=False, path_type=Path), default=Path("/sys"), show_default=True, help="sysfs."
)
@click.option(
    "--findings",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/lib/seatrial"),
    show_default=True,
    help="Where `check node --guard`, or --save, keeps its findings.",
)
@click.option(
    "--keep",
    type=click.FloatRange(min=0),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a run that ended is told.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0.01),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="What a scrape may take: a collector that is late is served as it was before.",
)
@runs_dir
def command(
    collect: str,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    users: Path | None,
    textfile: Path | None,
    otlp: str | None,
    every: float | None,
    sys: Path,
    findings: Path,
    keep: float,
    budget: float,
    history: History,
) -> None:
    """Serve metrics to Prometheus until Ctrl-C, write them for its textfile collector, or push them by OTLP.

    Scrape it with honor_labels: true, since series about other nodes bring their own label `node`.
    """
    from seatrial.observe.exporter.collecting import Exporter

    names = _names(collect)
    if otlp is not None:
        _check_otlp(otlp, textfile)
    made = _collectors(sys=sys, folder=history.root, keep=keep, findings=findings)
    exporter = Exporter({name: made[name]() for name in names}, budget, lambda words: click.echo(words, err=True))
    if textfile is not None:
        _write(exporter.scrape, textfile, every)
        return
    if otlp is not None:
        _push(exporter.scrape, otlp, 15.0 if every is None else every)
        return
    if every is not None:
        raise UserError(
            Problem("a scrape has its own interval", "--every", "leave it out, or give --textfile or --otlp")
        )
    host, port = _address(listen)
    _serve(exporter.scrape, host, port, _protection(tls_cert, tls_key, tls_client_ca, users))


def _names(collect: str) -> list[str]:
    names = [name.strip() for name in collect.split(",") if name.strip()]
    problems = [unknown("collector", name, COLLECTORS, "--collect") for name in names if name not in COLLECTORS]
    if problems or not names:
        raise UserError(
            problems or [Problem("names no collector", "--collect", f"choose from: {', '.join(COLLECTORS)}")]
        )
    return list(dict.fromkeys(names))


def _collectors(*, sys: Path, folder: Path, keep: float, findings: Path) -> Mapping[str, Callable[[], Collector]]:
    from seatrial.observe.exporter.collectors.efa import Efa
    from seatrial.observe.exporter.collectors.health import Health
    from seatrial.observe.exporter.collectors.run import Runs
    from seatrial.observe.exporter.collectors.slurm import Slurm

    return {
        "efa": partial(Efa, sys),
        "run": partial(Runs, folder, keep),
        "slurm": Slurm,
        "health": lambda: Health(findings, _reasons()),
    }


def _reasons() -> Reasons | None:
    """This machine's Slurm, if it has one."""
    if shutil.which("scontrol") is None:
        return None
    from seatrial import guarding

    return partial(guarding.guard_of("slurm").reasons, guarding.on_node("slurm"))


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()):
        raise UserError(Problem(f"{listen!r} is not ADDRESS:PORT", "--listen", f"for example 127.0.0.1:{PORT}"))
    return host.strip("[]"), int(port)


def _protection(cert: Path | None, key: Path | None, client_ca: Path | None, users: Path | None) -> Protection:
    from seatrial.observe.exporter import serving

    if (cert is None) != (key is None):
        raise UserError(Problem("a certificate and its key go together", "--tls-cert", "give --tls-key, too"))
    if client_ca is not None and cert is None:
        raise UserError(Problem("needs HTTPS", "--tls-client-ca", "give --tls-cert and --tls-key"))
    known = serving.users(users) if users else frozenset()
    return serving.Protection(certificate=cert, key=key, client_ca=client_ca, users=known)


def _serve(scrape: Callable[[], bytes], host: str, port: int, protection: Protection) -> None:
    from seatrial.interrupts import Interrupts
    from seatrial.observe.exporter.serving import served

    scheme = "https" if protection.certificate else "http"
    with Interrupts() as interrupts, served(scrape, host, port, protection) as taken:
        click.echo(f"{scheme}://{f'[{host}]' if ':' in host else host}:{taken}/metrics  (Ctrl-C ends it)")
        while not interrupts.requests:
            interrupts.wait(3600)


def _write(scrape: Callable[[], bytes], folder: Path, every: float | None) -> None:
    from seatrial.interrupts import Interrupts
    from seatrial.observe.exporter.serving import FILE, write

    with Interrupts() as interrupts:
        write(scrape, folder)
        click.echo(f"{folder / FILE}")
        while every is not None and not interrupts.requests:
            interrupts.wait(every)
            write(scrape, folder)


def _check_otlp(url: str, textfile: Path | None) -> None:
    """Raises UserError for what is no URL, has a secret in it, or is not the only way out."""
    from seatrial.observe.stack.scraping import check_url

    check_url(url, "--otlp")
    if textfile is not None:
        raise UserError(Problem("metrics leave in one way", "--otlp", "leave it out, or leave out --textfile"))


def _push(scrape: Callable[[], bytes], url: str, every: float) -> None:
    """Until Ctrl-C. A receiver that is away is told once, and does not end it."""
    from seatrial.interrupts import Interrupts
    from seatrial.observe.exporter.otlp import Push

    push, away = Push(url), False
    click.echo(f"pushes to {url} every {every:g} s  (Ctrl-C ends it)")
    with Interrupts() as interrupts:
        while not interrupts.requests:
            problem = push.send(scrape)
            if away != (problem is not None):
                click.echo(str(problem) if problem else f"{url}: takes them again", err=True)
                away = problem is not None
            interrupts.wait(every)
    push.close()
