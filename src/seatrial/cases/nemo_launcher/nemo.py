"""NeMo's own megatron_gpt_pretraining.py, run in this process with the configuration that was composed for it."""

from __future__ import annotations

import contextlib
import re
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

import torch.distributed as dist

from seatrial import versions
from seatrial.cases.nemo_launcher import Args
from seatrial.cases.nemo_launcher.compose import as_yaml
from seatrial.cases.nemo_launcher.log import Reader
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.events import read_events
from seatrial.rank.console import console
from seatrial.train.worker import Worker

PROGRAM = "examples/nlp/language_modeling/megatron_gpt_pretraining.py"
NAME = "nemo_training"
"""Of the file with its configuration."""
_STEP = re.compile(r"-step=(\d+)")
_UNFINISHED = "-unfinished"
"""Ends the name of a file that NeMo keeps beside a checkpoint while it writes it."""


def pretrain(args: Args, worker: Worker, configuration: Mapping[str, Any], folder: Path) -> None:
    """Train with NeMo from its newest checkpoint to the last step. It saves by itself, also when it is asked to stop.

    Leaves the process if NeMo ended before the last step.
    """
    assert args.source is not None
    program = Path(args.source, PROGRAM)
    if not program.is_file():
        remedy = f"run in an image made from {versions.BASES['nemo-launcher'].tagged}, or --set source=FOLDER"
        raise UserError(Problem("NeMo 1 is not here", str(program), remedy))
    if worker.rank == 0:
        # With this type of cluster NeMo takes a rank's place from torchrun's variables, on any launcher.
        text = as_yaml({"cluster_type": "BCP", **configuration})
        (folder / f"{NAME}.yaml").write_text(text, encoding="utf-8")
    dist.barrier()
    sys.argv = [str(program), f"--config-path={folder.absolute()}", f"--config-name={NAME}.yaml"]
    with console(worker, Reader(args, worker.world_size)), one_line_each():
        try:
            runpy.run_path(str(program), run_name="__main__")
        except SystemExit as request:
            if request.code:
                raise
    dist.barrier()
    done = max((step.step for step in read_events(worker.run / "events.jsonl").steps()), default=0)
    if done < args.steps:
        saved = worker.keeps_checkpoints and newest(worker.run / "checkpoints") >= done > 0
        worker.end("stopped" if saved else "failed", done, reason="NeMo ended before the last step")
        sys.exit(ExitCode.STOPPED if saved else ExitCode.FAILED)


def newest(folder: Path) -> int:
    """Step of the newest checkpoint that NeMo has finished; 0: none."""
    unfinished = {path.name.removesuffix(_UNFINISHED) for path in folder.glob(f"*{_UNFINISHED}")}
    whole = (path for path in folder.glob("*-step=*") if path.name.removesuffix(".ckpt") not in unfinished)
    return max((int(found[1]) for path in whole if (found := _STEP.search(path.name))), default=0)


class _Lines:
    """A stream on which a progress bar begins a line where it would write over the one before: logs keep all."""

    def __init__(self, target: TextIO) -> None:
        self.target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    def write(self, text: str) -> int:
        self.target.write(text.replace("\r\n", "\n").replace("\r", "\n"))
        return len(text)


@contextlib.contextmanager
def one_line_each() -> Iterator[None]:
    """Let progress bars print lines, each of which is read when the next begins."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Lines(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
