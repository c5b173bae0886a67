"""Stages, one after the other: one that is done is not done again, one that failed ends the run before the next."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.cases.nemo_launcher.compose import as_yaml, of_stage
from seatrial.errors import Problem, UserError
from seatrial.rank.core import Rank

FOLDER = "stages"
"""Of a run: NAME.yaml is the configuration of a stage, NAME.json says that it is done."""
POLL_SECONDS = 1.0
"""Between two signs of life while a command runs."""


class Stages:
    """The stages of a run, in order. Whether one is done is for rank 0 to say: others may see another listing."""

    def __init__(self, tree: Mapping[str, Any], names: Sequence[str], run: Path) -> None:
        self.names = tuple(names)
        self.configurations = {name: of_stage(tree, name) for name in names}
        self.folder = run / FOLDER

    def write(self) -> None:
        """Each stage's configuration as a file."""
        self.folder.mkdir(exist_ok=True)
        for name, configuration in self.configurations.items():
            self.place(name, ".yaml").write_text(as_yaml(configuration), encoding="utf-8")

    def place(self, name: str, suffix: str) -> Path:
        """A file of a stage."""
        return self.folder / f"{name}{suffix}"

    def digest(self, name: str) -> str:
        """Hash of a stage's configuration, and of those that it depends on: with another it is to be done again."""
        configuration = self.configurations[name]
        before = configuration["run"].get("dependency")
        below = self.digest(before) if before in self.configurations else ""
        text = json.dumps([configuration, below], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def done(self, name: str) -> dict[str, Any] | None:
        """What a stage left when it was done with this configuration; None if it is to be done."""
        try:
            record: dict[str, Any] = json.loads(self.place(name, ".json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return record if record.pop("digest", None) == self.digest(name) else None

    def finish(self, name: str, **record: Any) -> None:
        """Note that a stage is done, by one rename; for rank 0."""
        unfinished = self.place(name, ".unfinished")
        unfinished.write_text(json.dumps({"digest": self.digest(name), **record}, indent=2) + "\n", encoding="utf-8")
        os.replace(unfinished, self.place(name, ".json"))


def command(name: str, configuration: Mapping[str, Any], worker: Rank, step: int) -> None:
    """Run a stage's command on rank 0 while the others wait. A collective.

    Raises UserError on all ranks if it fails, so that no later stage begins. `step` is the last one of training, whose
    checkpoint is there: a request to stop ends the command, and the next start runs it again.
    """
    words = [sys.executable if word == "python" else str(word) for word in configuration["command"]]
    process = _started(words, Path(configuration["run"]["results_dir"])) if worker.rank == 0 else None
    ended = failed = stop = False
    while not (ended or stop):
        code = _code(process) if worker.rank == 0 else None  # the others wait in the next line
        ended, failed, stop = worker.on_any_rank(code is not None, bool(code), worker.stop_signal is not None)
        worker.alive()
    if not ended:
        if process is not None:
            process.terminate()
            process.wait()
        worker.leave("stop", step, saved=True)
    if failed:
        where = f"stage {name}, {' '.join(words)}"
        raise UserError(Problem("did not end well", where, "what it said is in logs/rank-0.log"))


def _started(words: Sequence[str], results: Path) -> subprocess.Popen[bytes] | None:
    """The process; None, and a word about it, if there is no such program. It is no rank."""
    results.mkdir(parents=True, exist_ok=True)
    lonely = {key: value for key, value in os.environ.items() if key not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    sys.stdout.flush()
    try:
        return subprocess.Popen(words, env=lonely)
    except OSError as error:
        print(f"error: {words[0]}: {error.strerror}", file=sys.stderr)
        return None


def _code(process: subprocess.Popen[bytes] | None) -> int | None:
    """Exit code, after a second at most; None while it runs, 127 as of a shell if it never did."""
    if process is None:
        return 127
    try:
        return process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None
