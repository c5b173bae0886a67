"""Run picotron itself: the train.py of a checkout, in this process, with a configuration that we write.

On a machine without CUDA its calls of torch.cuda land on the CPU, and packages that only its GPU kernels need are
placeholders. A model or a data set that no hub has is put into a folder for it.
"""

from __future__ import annotations

import contextlib
import math
import os
import runpy
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch.optim.optimizer import register_optimizer_step_post_hook

from seatrial.cases.picotron import Args
from seatrial.cases.picotron.configuration import as_text, configuration
from seatrial.cases.picotron.home import make_home
from seatrial.cases.picotron.log import Reader
from seatrial.cases.picotron.models import MODELS
from seatrial.data.prepare import prepared
from seatrial.events import Event
from seatrial.job import digest
from seatrial.rank import announce, lines
from seatrial.rank.console import console
from seatrial.rank.lines import Line
from seatrial.rank.lines import Reader as LineReader
from seatrial.spec import Layout
from seatrial.train.agreement import replicas_agree
from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.shims.stubs import stub
from seatrial.train.worker import Worker


def train(args: Args, worker: Worker, layout: Layout) -> None:
    """Run the checkout's program from the newest complete checkpoint to its end."""
    assert args.source is not None
    cuda_on_cpu()
    for package in ("flash_attn", "wandb"):
        stub(package)
    source = Path(args.source).resolve()
    decides = {"model": args.model, "dataset": args.dataset, "seed": args.seed, "length": args.sequence_length}
    home = prepared(worker.data / f"picotron-{digest('picotron', decides)}", lambda folder: make_home(folder, args))

    checkpoints = worker.run / "checkpoints"
    found = newest_complete(checkpoints, args.tensor_parallel * args.pipeline_parallel) if worker.rank == 0 else None
    answer = [found]
    dist.broadcast_object_list(answer, src=0)  # one rank decides: others may see another listing
    first_step = answer[0] or 0
    load_path = checkpoints / str(first_step) if first_step else None
    sections = configuration(
        args,
        layout,
        save_dir=str(checkpoints.resolve()) if worker.keeps_checkpoints else "",
        load_path=str(load_path.resolve()) if load_path else "",
        token=os.environ.get("HF_TOKEN", ""),
    )
    if not worker.keeps_checkpoints:
        sections["checkpoint"] |= {"save_frequency": args.steps + 1}

    config = MODELS[args.model].built(checkout=True)
    announce.run_start(
        worker,
        steps=args.steps,
        first_step=first_step,
        parameters=config.parameters(),
        flops_per_token=config.flops_per_token(args.sequence_length),
        dtype=args.precision,
        packages=("transformers", "datasets"),
    )
    relay = Relay()
    reader: LineReader = Reader(args, worker.world_size) if worker.rank == 0 else relay
    with console(worker, reader), between_steps(worker, relay, first_step):
        seen = run_program(source, home, as_text(sections))
        relay.deliver()
        agree = ranks_agree(worker, seen, args.steps)
    worker.end("completed", args.steps, ranks_agree=agree)


class Relay(lines.Reader):
    """Keeps a rank's metric lines until rank 0, whose log is read, can print them: the last stage prints them here."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def read(self, line: Line) -> Iterable[Event]:
        """Keep what looks like a metric line, torn or not."""
        if "Step:" in line.text:
            self.lines.append(line.text)
        return ()

    def deliver(self) -> None:
        """Let rank 0 print what the others kept. A collective."""
        everyone: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(everyone, self.lines)
        self.lines = []
        if dist.get_rank() == 0:
            for text in (text for lines in everyone for text in lines):
                print(text, flush=True)


@contextlib.contextmanager
def between_steps(worker: Worker, relay: Relay, first_step: int) -> Iterator[None]:
    """After each step of any optimizer: relay metric lines, and leave if somebody asked for it.

    picotron cannot be made to save in between, so a stop leaves without a checkpoint of that step.
    """
    done = first_step

    def after(*_: Any) -> None:
        nonlocal done
        done += 1
        worker.after_step(done)
        relay.deliver()
        request = worker.request()
        if request is not None:
            worker.leave(request, done, saved=False)

    hook = register_optimizer_step_post_hook(after)
    try:
        yield
    finally:
        hook.remove()


def run_program(source: Path, home: Path, text: str) -> dict[str, Any]:
    """Run train.py of `source` in the folder `home`. Returns its global variables."""
    # The process group is there already, and is needed after its end.
    before = {name: getattr(dist, name) for name in ("init_process_group", "destroy_process_group")}
    for name in before:
        setattr(dist, name, lambda *_, **__: None)
    sys.path.insert(0, str(source))
    os.chdir(home)
    try:
        with only_in_memory(text) as path:
            sys.argv = [str(source / "train.py"), "--config", path]
            return runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        for name, function in before.items():
            setattr(dist, name, function)


@contextlib.contextmanager
def only_in_memory(text: str) -> Iterator[str]:
    """A path from which `text` can be read once, and which is no file on any disk: there is a token in it."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(text)  # a few KiB: it fits into the pipe's buffer, 16 KiB or more
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


def newest_complete(folder: Path, files: int) -> int | None:
    """Step of the newest checkpoint of which every file is whole; None if there is none.

    picotron writes ``STEP/weights_*.pth`` in place. A .pth is a ZIP file, whose directory is written last.
    """
    steps = sorted((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), reverse=True)
    for step in steps:
        found = list((folder / str(step)).glob("weights_*.pth"))
        if len(found) == files and all(zipfile.is_zipfile(path) for path in found):
            return step
    return None


def ranks_agree(worker: Worker, seen: dict[str, Any], steps: int) -> bool:
    """Whether the weights, and the loss of the stages that have one, are the same on all ranks. A collective."""
    place = sys.modules["picotron.process_group_manager"].process_group_manager
    last = float(bool(place.pp_is_last_stage))
    losses = {loss for loss, has_loss in worker.gather([float(seen.get("loss", math.nan)), last]) if has_loss}
    weights = [parameter.detach() for parameter in seen["model"].parameters()]
    same = replicas_agree(int(seen["step"]), min(losses), (place.pp_rank, place.tp_rank), weights)
    return same and len(losses) == 1 and int(seen["step"]) == steps
