"""A suite: the runs of one recipe of every case. What belongs together has a tag, such as ``all-tiny-20261128-180512``;
its page is TAG.html in the folder of all runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from seatrial import following, launchers
from seatrial.cli import outcome, running
from seatrial.cli.options import pasteable, print_json, warn, warn_unseen
from seatrial.cli.running import Request
from seatrial.cli.tables import print_table
from seatrial.errors import ExitCode, Problem, UserError, unknown
from seatrial.findings import Verdict
from seatrial.history import History
from seatrial.report.format import duration
from seatrial.report.suite import LEFT_OUT, NOT_STARTED, Row, headers, passed, row, to_html
from seatrial.report.summary import summarise
from seatrial.runs import Notes, Run, replace_text


@dataclass(kw_only=True, slots=True)
class Suite:
    """What is run, and how far it is."""

    recipe: str
    tag: str
    request: Request
    place: str
    """Name of the cluster."""
    earlier: dict[str, Run]
    """Job -> its newest run under this tag, of a suite that goes on."""
    rows: dict[str, Row]
    """Job -> what came of it, in the order in which they run."""
    quiet: bool

    @property
    def page(self) -> Path:
        """Beside the runs."""
        return self.request.history.root / f"{self.tag}.html"

    def say(self, line: str) -> None:
        """To people, beside the table."""
        if not self.quiet:
            click.echo(line, err=True)

    def take(self, run: Run) -> None:
        """A run becomes one of it."""
        notes = run.notes()
        run.save_notes(Notes(text=notes.text, tags=tuple(dict.fromkeys((*notes.tags, self.tag)))))

    def keep_page(self) -> None:
        """Write the page anew, as soon as there is a run that it can lead to; where that cannot be, only say so."""
        if not self.begun:
            return
        try:
            replace_text(self.page, to_html(self.tag, self.place, [*self.rows.values()]))
        except OSError as error:
            warn([Problem(f"the page is not kept: {error.strerror or error}", str(self.page))])

    @property
    def begun(self) -> bool:
        """Whether it has a run."""
        return any(one.run for one in self.rows.values())

    def exit_code(self, *, stopped: bool) -> int:
        """The worst of all: what failed, then what is not done, then what could not be judged."""
        if any(one.verdict is Verdict.FAIL for one in self.rows.values()):
            return ExitCode.FAILED
        if stopped:
            return ExitCode.STOPPED if self.begun else ExitCode.INTERRUPTED
        good = all(one.passed or one.state == LEFT_OUT for one in self.rows.values())
        return ExitCode.PASSED if good else ExitCode.UNKNOWN


def make(recipe: str, jobs: Sequence[str], request: Request, resume: str | None, *, quiet: bool) -> Suite:
    """A new one, or that which is to go on, where it was: of that tag, or the newest for ``""``. Raises UserError where
    nothing could be run."""
    tag = f"{_beginning(recipe)}{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}"
    earlier: dict[str, Run] = {}
    if resume is not None:
        tag, earlier = _earlier(request.history, recipe, resume)
    for run in earlier.values():
        if request.cluster not in (None, run.job.cluster):
            raise UserError(Problem(f"{tag} ran on {run.job.cluster}", "--on", "leave it out, or start a new one"))
        request = replace(request, cluster=run.job.cluster)
    where = running.place(request)
    if len(launchers.find(where.launcher).elements(tag, where)) > 1:
        what = f"{where.name} makes several runs of each job, and --all takes one of each case"
        raise UserError(Problem(what, "--on", "change the option that makes it a job array"))
    rows = {job: row_of(earlier[job]) if job in earlier else Row(job=job, state=NOT_STARTED) for job in jobs}
    return Suite(recipe=recipe, tag=tag, request=request, place=where.name, earlier=earlier, rows=rows, quiet=quiet)


def row_of(run: Run) -> Row:
    """What came of a run, which is judged if it is over and nobody did."""
    findings = run.findings() or ([] if run.state().live else outcome.judge_and_keep(run))
    return row(summarise(run, findings))


def say(suite: Suite, code: int, seconds: float) -> None:
    """The table, and what can be done next."""
    rows, page = [*suite.rows.values()], suite.page if suite.page.exists() else None
    if suite.quiet:
        print_json({"suite": suite.tag, "page": page, "jobs": [asdict(one) for one in rows]})
        return
    click.echo()
    shown = [header.upper() for header in headers(rows)]
    print_table(shown, [one.cells()[: len(shown)] for one in rows], optional=("FIDELITY", "TIME", "THROUGHPUT"))
    click.echo(f"\n{passed(rows)}, in {duration(seconds)}")
    if page is not None:
        click.echo(f"report  {page}")
    if suite.begun and code != ExitCode.PASSED:
        again = pasteable("run", "--all", suite.recipe, "--resume", suite.tag, keep=outcome.WATCHING)
        click.echo(f"resume  {again}")


def _beginning(recipe: str) -> str:
    """Of the tags of all suites of a recipe."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"all-{recipe}-")


def _earlier(history: History, recipe: str, name: str) -> tuple[str, dict[str, Run]]:
    """The tag, and the newest run of each job under it."""
    suites: dict[str, dict[str, Run]] = {}
    for run in history.runs:
        for tag in run.notes().tags:
            if re.fullmatch(re.escape(_beginning(recipe)) + r"\d{8}-\d{6}", tag):
                suites.setdefault(tag, {})[run.job.label] = run
    if not suites:
        what = f"no suite of {recipe} in {history.root}"
        raise UserError(Problem(what, "--resume", "leave it out to start a new one"))
    if name and name not in suites:
        raise UserError(unknown(f"suite of {recipe}", name, suites, "--resume"))
    tag = name or max(suites)
    warn_unseen(following.refresh(suites[tag].values(), logs=True))
    return tag, suites[tag]
