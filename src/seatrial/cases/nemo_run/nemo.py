"""The engine ``nemo``: a recipe of NeMo is built and called, and the run hears of what it does."""

from __future__ import annotations

import os
import warnings

from seatrial.cases.megatron_lm.data import dataset_prefix
from seatrial.cases.nemo_run import Args
from seatrial.cases.nemo_run.log import Reader
from seatrial.cases.nemo_run.megatron import megatron_args
from seatrial.cases.nemo_run.models import MODELS
from seatrial.rank.console import console
from seatrial.rank.machine import other_versions
from seatrial.spec import Device, Layout
from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.worker import Worker
from seatrial.versions import pins


def train(args: Args, worker: Worker) -> None:
    """Train, to the end of the run."""
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "1")  # as Megatron plans its overlaps
    cuda_on_cpu()
    if worker.device.type == "cpu":
        warnings.filterwarnings("ignore")  # hundreds: no Apex, no Transformer Engine, newer names in torch
    worker.stage("prepare data")
    data = None
    if args.task == "pretrain" and args.dataset != "synthetic":
        data = dataset_prefix(megatron_args(args), MODELS[args.model].decoder.vocab_size, worker.data)
    worker.stage("import nemo")
    for finding in other_versions(pins("nemo-toolkit")):
        worker.emit(finding)
    import fiddle

    from seatrial.cases.nemo_run.recipe import recipe
    from seatrial.cases.nemo_run.watch import Watch

    nodes = worker.world_size // worker.processes_per_node
    device: Device = "cpu" if worker.device.type == "cpu" else "cuda"
    layout = Layout(nodes=nodes, processes_per_node=worker.processes_per_node, device=device)
    worker.stage("build model")
    task = fiddle.build(
        recipe(args, layout, folder=worker.run / "checkpoints", data=data, keep=worker.keeps_checkpoints)
    )
    task.keywords["trainer"].callbacks.append(Watch(args, worker))
    with console(worker, Reader(args, worker.world_size)):
        task()
    worker.end("completed", args.steps)  # said before, unless there was no step left to do
