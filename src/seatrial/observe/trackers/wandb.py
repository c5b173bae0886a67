"""Weights & Biases: a run of a project, on its server, or offline in the run's folder until `wandb sync` sends it."""

from __future__ import annotations

import netrc
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seatrial.errors import Problem
from seatrial.observe.trackers._tracker import About, Outcome, Point, Tracker
from seatrial.runs import Run, State
from seatrial.tracked import Tracked

HOST = "https://api.wandb.ai"
KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
START_SECONDS = 20.0
"""A server that does not answer within them is tried again later."""
STEP = "step"
"""What all charts are drawn over. W&B's own step only ever rises, and a restart repeats some of ours."""


class _Record:
    """A run in W&B."""

    def __init__(self, run: Run, tracked: Tracked) -> None:
        import wandb

        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self.record = tracked.record or uuid.uuid4().hex[:12]
        self._points = tracked.points
        self._failed = False
        how: Any = mode(os.environ)
        self._run = wandb.init(
            project=tracked.settings["project"],
            entity=tracked.settings["entity"] or None,
            id=self.record,
            name=run.id,
            dir=str(run.path),
            mode=how,
            resume="allow" if how == "online" else None,  # offline it is one record when it is synced
            settings=wandb.Settings(
                init_timeout=START_SECONDS,
                silent=True,
                console="off",
                # This process and its machine are not what is of interest.
                x_disable_stats=True,
                x_disable_meta=True,
                x_save_requirements=False,
                disable_git=True,
                disable_code=True,
            ),
        )
        self._run.define_metric("*", step_metric=STEP)
        self.address = self._run.url or str(Path(self._run.dir).parent)

    def describe(self, about: About) -> None:
        self._run.config.update({**about.facts, "set": dict(about.arguments)}, allow_val_change=True)

    def log(self, points: Sequence[Point]) -> None:
        for point in points:
            if not point.restart:
                self._run.log(
                    {STEP: point.step, "_timestamp": point.time, **point.values}, step=self._points, commit=True
                )
            self._points += 1

    def conclude(self, outcome: Outcome) -> None:
        self._failed = outcome.state != State.COMPLETED
        findings = {f"finding.{rule}": text for rule, text in outcome.findings.items()}
        told = {"verdict": outcome.verdict, "state": outcome.state, **outcome.figures, **findings}
        self._run.summary.update(told)

    def close(self) -> None:
        self._run.finish(exit_code=int(self._failed))


def mode(environ: Mapping[str, str]) -> str:
    """What WANDB_MODE says, or else online where there is a key for the server. Its value is not looked at."""
    if environ.get("WANDB_MODE"):
        return environ["WANDB_MODE"]
    host = urlsplit(environ.get("WANDB_BASE_URL") or HOST).hostname or ""
    known = any(environ.get(name) for name in KEYS) or _in_netrc(host, environ)
    return "online" if known else "offline"


def _in_netrc(host: str, environ: Mapping[str, str]) -> bool:
    named = environ.get("NETRC")
    home = Path(environ.get("HOME") or Path.home())
    for path in [Path(named)] if named else [home / ".netrc", home / "_netrc"]:
        try:
            return netrc.netrc(path).authenticators(host) is not None
        except FileNotFoundError:
            continue
        except (OSError, netrc.NetrcParseError):  # W&B will say what is wrong with it
            return False
    return False


def _settings(given: Mapping[str, str], runs: Path) -> dict[str, str]:
    return {
        "project": given.get("project") or os.environ.get("WANDB_PROJECT") or "seatrial",
        "entity": given.get("entity") or os.environ.get("WANDB_ENTITY") or "",
    }


def _check(settings: Mapping[str, str]) -> Iterator[Problem]:
    for name, text in settings.items():
        if re.search(r"[/\\#?%:]", text):  # https://docs.wandb.ai/models/track/project-page
            yield Problem(f"cannot be {text!r}", f"tracking.wandb.{name}", r"leave out / \ # ? % :")


TRACKER = Tracker(name="wandb", module="wandb", settings=_settings, check=_check, open=_Record)
