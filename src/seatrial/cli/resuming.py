"""A run that is to go on: which one, and what must be as it was when it began."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from seatrial.cli.options import pasteable, warn_unseen
from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.history import History
    from seatrial.runs import Run
    from seatrial.spec import Case, Recipe


def resolve(history: History, target: str, resume: str | None) -> tuple[Case, Recipe, Run | None]:
    """Case and recipe of `target`, and the run that is to go on: of that name, the newest unfinished one for ``""``,
    none for None. Raises UserError where it cannot go on."""
    from seatrial import catalog

    case, recipe = catalog.recipe(_own_copy(history, target, resume) if resume else target)
    if resume is None:
        return case, recipe, None
    run = _run_to_resume(history, case, recipe, resume)
    return (*_as_it_began(run, case, recipe, target), run)


def stored_settings(run: Run, recipe: Recipe, overrides: dict[str, str]) -> dict[str, Any]:
    """The run's own arguments. Raises UserError where the user asks for others now, or the case has others."""
    stored = run.job.args
    changed = stored.keys() ^ {field.name for field in fields(recipe.args)}
    if changed:
        what = f"{run.id} began with another version of {run.job.case}, whose settings were others"
        remedy = "go on with the version that it began with, or start a new run"
        raise UserError(Problem(f"{what}: {', '.join(sorted(changed))}", "--resume", remedy))
    different = {k: v for k, v in overrides.items() if k in stored and str(stored[k]).lower() != v.lower()}
    if different:
        raise UserError(
            Problem(
                f"{key} was {stored[key]} when {run.id} began",
                f"--set {key}={value}",
                "leave it out, or start a new run",
            )
            for key, value in different.items()
        )
    return stored | overrides


def _own_copy(history: History, target: str, resume: str) -> str:
    """Where the file of a case is gone: the copy that the run which is to be resumed has of it."""
    from seatrial import catalog

    path, recipe = catalog.file_of(target)
    if path is None or path.exists():
        return target
    run = history.find(resume)
    return f"{run.case_file}:{recipe or run.job.recipe}" if run.case_file else target


def _as_it_began(run: Run, case: Case, recipe: Recipe, target: str) -> tuple[Case, Recipe]:
    """The case in a file by the run's own copy. Raises UserError where the file that is given now is another one."""
    from seatrial import catalog
    from seatrial.shipping import changed

    own, names = run.case_file, changed(run.job.files, case.shipped)
    if names:
        path, _ = catalog.file_of(target)
        remedy = "put it back as it was, or start a new run"
        if own is not None and not (path is not None and path.exists() and own.samefile(path)):
            again = pasteable("run", f"{own}:{recipe.name}", "--resume", run.id)
            remedy = f"go on as it began: {again}; or start a new run"
        which = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not the same"
        raise UserError(Problem(f"{run.id} began with another program: {which}", target, remedy))
    return catalog.recipe(f"{own}:{recipe.name}") if own is not None else (case, recipe)


def _run_to_resume(history: History, case: Case, recipe: Recipe, name: str) -> Run:
    from seatrial import following
    from seatrial.runs import State

    run = history.find(name) if name else _newest_unfinished(history, case, recipe)
    warn_unseen(following.refresh([run]))
    state = run.state()
    if (run.job.case, run.job.recipe) != (case.name, recipe.name):
        own = f"{run.case_file}:{run.job.recipe}" if run.case_file else run.job.label
        remedy = pasteable("run", own, "--resume", run.id)
        raise UserError(Problem(f"{run.id} is a run of {run.job.label}", "--resume", remedy))
    if state is State.COMPLETED:
        raise UserError(Problem(f"{run.id} is completed", "--resume", "leave it out to start a new run"))
    if state.live:
        raise UserError(Problem(f"{run.id} is {state}", "--resume", f"seatrial logs -f {run.id}"))
    if not case.resumable:
        raise UserError(Problem(f"{case.name} cannot go on from a checkpoint", "--resume", "start a new run"))
    return run


def _newest_unfinished(history: History, case: Case, recipe: Recipe) -> Run:
    from seatrial.runs import State

    mine = [r for r in history.runs if r.job.case == case.name and r.job.recipe == recipe.name]
    open_ = [r for r in mine if r.state() is not State.COMPLETED]
    if not open_:
        what = f"no unfinished run of {case.name}/{recipe.name} in {history.root}"
        raise UserError(Problem(what, "--resume", "leave it out to start a new one"))
    return open_[-1]
