"""A folder of runs in a browser: an index with filters, each run's page, and runs side by side. On loopback, read-only.

Every page is made when it is asked for; nothing is ever written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from seatrial.errors import UserError
from seatrial.events import RunStart
from seatrial.findings import overall
from seatrial.history import History
from seatrial.report import Links, render
from seatrial.report.comparison_page import to_html
from seatrial.report.format import UNKNOWN, moment, number
from seatrial.report.html import SYMBOLS, page
from seatrial.report.peers import peers_of
from seatrial.report.summary import summarise
from seatrial.runs import Run
from seatrial.verdict import judge

ADDRESS = "127.0.0.1"
FILTERS = ("job", "state", "verdict")
"""Columns by whose values the index can be filtered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A run in the index."""

    run: str
    job: str
    start: str
    state: str
    verdict: str
    """As it was judged last; empty if it never was."""
    steps: str
    loss: str

    @property
    def link(self) -> str:
        """Address of its page."""
        return f"/run/{quote(self.run, safe='', errors='surrogateescape')}"


def _none(run: Run) -> Links:
    return ()


def server(root: Path, links: Callable[[Run], Links] = _none, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder of runs, to be started with `serve_forever`. `links`: where else a run can be looked at.
    Port 0: one that is free."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = HTTPStatus.FORBIDDEN, "this server answers to its own address only"
            # A page elsewhere, whose name was made to point here, must not read the runs.
            if self.headers.get("Host", "").partition(":")[0] in (ADDRESS, "localhost"):
                status, text = answer(root, self.path, links)
            body = text.encode("utf-8", "replace")
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the terminal is the user's."""

    return ThreadingHTTPServer((ADDRESS, port), Handler)


def answer(root: Path, target: str, links: Callable[[Run], Links] = _none) -> tuple[HTTPStatus, str]:
    """Status and page for the path and query of a request."""
    address, history = urlsplit(target), History(root)
    query = parse_qs(address.query, errors="surrogateescape")
    try:
        if address.path == "/":
            return HTTPStatus.OK, index(history, query)
        if address.path.startswith("/run/"):
            run = history.find(unquote(address.path.removeprefix("/run/"), errors="surrogateescape"))
            return HTTPStatus.OK, render(run, judge(run), "html", links(run))
        if address.path == "/compare":
            runs = [history.find(name) for name in query.get("run", [])]
            if len(runs) < 2:
                return HTTPStatus.BAD_REQUEST, _message("Tick two runs or more to compare them.")
            return HTTPStatus.OK, to_html(
                [summarise(run, judge(run)) for run in runs], peers=peers_of(runs, history.runs)
            )
    except UserError as error:
        return HTTPStatus.NOT_FOUND, _message(str(error))
    return HTTPStatus.NOT_FOUND, _message("There is no such page.")


def index(history: History, query: Mapping[str, list[str]]) -> str:
    """All runs that the filters let through, newest first."""
    rows = [_row(run) for run in reversed(history.runs)]
    chosen = {name: query.get(name, [""])[0] for name in (*FILTERS, "text")}
    shown = [
        row
        for row in rows
        if chosen["text"].lower() in f"{row.run} {row.job}".lower()
        and all(chosen[name] in ("", getattr(row, name)) for name in FILTERS)
    ]
    choices = {name: sorted({getattr(row, name) for row in rows} - {""}) for name in FILTERS}
    root = str(history.root)
    return page("index", root=root, rows=shown, of=len(rows), chosen=chosen, choices=choices, symbols=SYMBOLS)


def _row(run: Run) -> Row:
    log, findings = run.events(), run.findings()
    steps, start = log.steps(), log.last(RunStart)
    try:
        job, state = run.job.label, str(run.state())
    except UserError:
        job, state = "unreadable", UNKNOWN
    planned = f" of {start.steps}" if start else ""
    return Row(
        run=run.id,
        job=job,
        start=moment(log.events[0].time) if log.events else "",
        state=state,
        verdict=str(overall(findings)) if findings else "",
        steps=f"{steps[-1].step}{planned}" if steps else "",
        loss=number(steps[-1].loss) if steps else "",
    )


def _message(text: str) -> str:
    return page("message", text=text)
