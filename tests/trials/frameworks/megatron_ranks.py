"""Imports megatron-core for test_megatron_lm.py. Also trains in many layouts, and counts parameters."""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from seatrial.cases.megatron_lm import Args, train
from seatrial.cases.megatron_lm.data import dataset_prefix, write_indexed
from seatrial.cases.megatron_lm.flags import flags
from seatrial.cases.megatron_lm.options import parse
from seatrial.cases.megatron_lm.sizes import SIZES
from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.worker import Worker, start
from tests.trials.frameworks.ranks import serve


def options_for(args: Args, data: Path = Path("none"), cache: Path = Path("none")) -> Any:
    return parse(flags(args, device="cpu", data=data, cache=cache, checkpoints=None, transformer_engine=False))


def layouts() -> None:
    """The same model on the same batches in one parallel layout after the other, from the first one's weights."""
    from seatrial.cases.megatron_lm import checkpoint
    from seatrial.cases.megatron_lm.driver import Training

    with start() as worker:
        args = Args(**worker.args)
        root = worker.run / "weights"
        data = dataset_prefix(args, SIZES[args.model].vocab_size, worker.data)
        found = {}
        for name, changes in json.loads((worker.run / "layouts.json").read_text()).items():
            options = options_for(replace(args, **changes), data, worker.data / "megatron-index")
            options.save, options.finetune = str(root), True
            training = Training(options, worker.device)
            if checkpoint.latest(root) is None:
                training.save()
            training.load(checkpoint.folder_of(root, 0))
            training.open_data()
            found[name] = [taken(training) for _ in range(args.steps)]
            training.close()
            resumed = worker.run / name
            options.save = str(resumed)
            found[f"{name}, resumed"] = interrupted(options, worker, root, resumed, args.steps)
        (worker.run / f"layouts-{worker.rank}.json").write_text(json.dumps(found))
        worker.end("completed", args.steps)


def taken(training: Any) -> tuple[float, float]:
    """Loss and gradient norm of the next step."""
    training.step()
    return training.loss, float(training.grad_norm)


def interrupted(options: Any, worker: Worker, weights: Path, folder: Path, steps: int) -> list[tuple[float, float]]:
    """The same steps again, but half-way everything is saved, thrown away, built anew and loaded."""
    from seatrial.cases.megatron_lm import checkpoint
    from seatrial.cases.megatron_lm.driver import Training

    half = steps // 2
    options.finetune = True
    before = Training(options, worker.device)
    before.load(checkpoint.folder_of(weights, 0))
    before.open_data()
    found = [taken(before) for _ in range(half)]
    before.save()
    before.close()
    options.finetune = False
    after = Training(options, worker.device)
    after.load(checkpoint.folder_of(folder, half))
    after.open_data()
    found += [taken(after) for _ in range(steps - half)]
    after.close()
    return found


def sizes() -> None:
    """Parameters of each size as megatron-core itself builds it, on the meta device; a data set written and read."""
    from megatron.core import parallel_state
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    from seatrial.cases.megatron_lm import build

    run = Path(os.environ["SEATRIAL_RUN"])
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    parallel_state.initialize_model_parallel()
    counts = {}
    for name, (model, multiple) in json.loads((run / "sizes.json").read_text()).items():
        args = Args(
            model=model, sequence_length=128, global_batch_size=1, steps=1, make_vocab_size_divisible_by=multiple
        )
        options = options_for(args)
        with torch.device("meta"):
            built = build.gpt_model(options, build.transformer_config(options))
        counts[name] = sum(parameter.numel() for parameter in built.parameters())
    total = write_indexed([[1, 2, 3], [], [256, 7]], run / "few", 257)
    write_indexed([[70_000]], run / "wide", 128_256)
    few, wide = (IndexedDataset(str(run / name)) for name in ("few", "wide"))
    written = [total, [document.tolist() for document in few], str(few[0].dtype), wide[0].tolist()]
    (run / "found.json").write_text(json.dumps({"counts": counts, "written": written}))
    os._exit(0)


def main() -> None:
    cuda_on_cpu()
    torch.set_num_threads(1)
    importlib.import_module("seatrial.cases.megatron_lm.driver")  # and with it megatron-core
    serve(None, {"train": train.main, "layouts": layouts, "sizes": sizes})


if __name__ == "__main__":
    main()
