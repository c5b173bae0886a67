"""Pre-train a Llama-family model in four dimensions of parallelism. One process per rank; reads top to bottom."""

from __future__ import annotations

import math

import torch

from seatrial.cases.picotron import Args, checkout
from seatrial.cases.picotron.configuration import as_text, configuration
from seatrial.cases.picotron.engine.checkpoint import EngineCheckpointer
from seatrial.cases.picotron.engine.mesh import make_mesh, stages
from seatrial.cases.picotron.engine.step import Engine
from seatrial.cases.picotron.log import Reader, metric_line
from seatrial.cases.picotron.models import MODELS
from seatrial.data.batches import Loader
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import Bytes, open_tokenizer
from seatrial.errors import Problem, UserError
from seatrial.rank import announce
from seatrial.rank.console import console
from seatrial.spec import Layout
from seatrial.train.axis import Axis
from seatrial.train.checkpoint import Loaded
from seatrial.train.timing import StepTimer
from seatrial.train.worker import Worker, start


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start() as worker:
        args = Args(**worker.args)
        layout = Layout(
            nodes=1, processes_per_node=worker.world_size, device="cuda" if worker.device.type == "cuda" else "cpu"
        )
        if worker.rank == 0:
            # What picotron is given, or would be; the hub's token is not in it.
            (worker.run / "picotron.json").write_text(as_text(configuration(args, layout)), encoding="utf-8")
        if args.source is not None:
            checkout.train(args, worker, layout)
        else:
            reader = Reader(args, worker.world_size)
            with console(worker, reader):
                train(args, worker, reader)


def train(args: Args, worker: Worker, reader: Reader) -> None:
    """Train with our own engine; the reader of its log is told what ranks measured, for which no line has room."""
    torch.manual_seed(args.seed)
    config = MODELS[args.model].config

    worker.stage("build model")
    mesh = make_mesh(
        pipeline=args.pipeline_parallel,
        context=args.context_parallel,
        tensor=args.tensor_parallel,
        device=worker.device,
    )
    engine = Engine(
        config,
        mesh,
        sequence_length=args.sequence_length,
        seed=args.seed,
        device=worker.device,
        schedule=args.pipeline_schedule,
        precision=args.precision,
    )
    optimizer = torch.optim.AdamW(engine.stage.parameters(), lr=args.learning_rate, fused=True)

    worker.stage("load checkpoint")
    checkpointer = EngineCheckpointer(worker, engine, optimizer, keep=args.checkpoint_keep)
    loaded = checkpointer.load()
    first_step = loaded.step if loaded else 0

    worker.stage("open data")
    loader = open_loader(args, mesh.data, loaded)
    keeps_place = mesh.tensor.is_first and mesh.context.is_first and mesh.pipeline.is_first

    announce.run_start(
        worker,
        steps=args.steps,
        first_step=first_step,
        parameters=config.parameters(),
        flops_per_token=config.flops_per_token(args.sequence_length),
        dtype=args.precision,
        stages=stages(worker.world_size, args.pipeline_parallel),
    )
    timer = StepTimer(worker.device)
    peak = worker.peak_flops(args.precision)[0]
    tokens = args.global_batch_size * args.sequence_length
    loss = math.nan
    for step in range(first_step, args.steps):
        with timer.phase("data_wait"):
            batch = torch.from_numpy(next(loader)).to(worker.device, torch.int64)
        part = engine.compute_gradients(batch, args.micro_batch_size)
        optimizer.step()
        timer.step()
        worker.after_step(step + 1)

        done = step + 1
        request = None
        if done % args.log_every == 0 or done == args.steps or step == first_step:
            mine = timer.so_far()
            ranks = worker.gather([part.item(), *mine.values()])
            loss = sum(rank[0] for rank in ranks)
            norm = engine.gradient_norm()
            seconds, _ = timer.collect()
            reader.measured = {name: [rank[i] for rank in ranks] for i, name in enumerate(mine, start=1)}
            if worker.rank == 0:
                speed = tokens / seconds / worker.world_size
                line = metric_line(
                    rank=worker.rank,
                    step=done,
                    loss=loss,
                    grad_norm=norm,
                    learning_rate=args.learning_rate,
                    tokens=tokens,
                    all_tokens=done * tokens,
                    seconds=seconds,
                    world_size=worker.world_size,
                    mfu=speed * config.flops_per_token(args.sequence_length)["full"] / peak if peak else None,
                    memory_bytes=worker.peak_memory(),
                )
                print(line, flush=True)
            request = worker.request()
        wanted = args.checkpoint_every and (done % args.checkpoint_every == 0 or done == args.steps)
        saved = False
        if wanted or request == "stop":
            saved = checkpointer.save(done, {"lanes": loader.states if keeps_place else []})
        if request is not None and (request == "give up" or done < args.steps):
            loader.close()
            checkpointer.close()
            worker.leave(request, done, saved=saved)

    loader.close()
    checkpointer.close()
    worker.end("completed", args.steps, ranks_agree=engine.ranks_agree(args.steps, loss))


def open_loader(args: Args, data: Axis, loaded: Loaded | None) -> Loader:
    """This data-parallel rank's part of the training data, from its beginning or from where a checkpoint says."""
    vocabulary = MODELS[args.model].config.vocab_size
    tokenizer = Bytes() if args.dataset == "synthetic" else open_tokenizer(args.tokenizer)
    if tokenizer.vocab_size > vocabulary and args.dataset != "synthetic":
        what = f"{tokenizer.vocab_size} tokens do not fit the model's vocabulary of {vocabulary}"
        raise UserError(Problem(what, f"tokenizer {args.tokenizer}"))
    return Loader(
        open_source(args.dataset, seed=args.seed, vocab_size=vocabulary),
        tokenizer,
        length=args.sequence_length,
        global_batch_size=args.global_batch_size,
        rank=data.rank,
        world_size=data.size,
        # One state for each sequence of the global batch; ranks stand in the order of their data-parallel places.
        states=[state for rank in loaded.ranks for state in rank["lanes"]] if loaded else None,
    )


if __name__ == "__main__":
    main()
