"""Pre-train a Llama-family model in JAX. One process per device; reads from top to bottom."""

from __future__ import annotations

import math
import time
from typing import Any

import jax

from seatrial.cases.jax import Args
from seatrial.cases.jax.checkpoint import Checkpointer
from seatrial.cases.jax.mesh import Mesh, mesh_of
from seatrial.cases.jax.models import MODELS
from seatrial.cases.jax.rank import JaxRank
from seatrial.cases.jax.sharding import device_mesh, to_devices
from seatrial.cases.jax.step import Program, build
from seatrial.data.batches import Loader
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import Bytes, open_tokenizer
from seatrial.errors import Problem, UserError
from seatrial.events import Step, Validation
from seatrial.rank import announce
from seatrial.rank.start import start
from seatrial.rank.timing import StepTimer


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start(JaxRank) as rank:
        args = Args(**rank.args)
        mesh = mesh_of(args, rank.nodes, rank.processes_per_node)
        devices = device_mesh(mesh)
        with jax.set_mesh(devices):
            train(args, rank, mesh, devices)


def train(args: Args, rank: JaxRank, mesh: Mesh, devices: jax.sharding.Mesh) -> None:
    """The whole training."""
    rank.stage("build model")
    program = build(args, devices)

    rank.stage("load checkpoint")
    checkpointer = Checkpointer(rank, keep=args.checkpoint_keep, asynchronous=args.checkpoint_async)
    loaded = checkpointer.load(program.state)
    state = loaded.state if loaded else program.make_state()
    first_step = loaded.step if loaded else 0

    rank.stage("open data")
    loader = open_loader(args, rank, mesh, states=loaded.lanes if loaded else None)

    config = MODELS[args.model]
    announce.run_start(
        rank,
        steps=args.steps,
        first_step=first_step,
        parameters=config.parameters(),
        flops_per_token=config.flops_per_token(args.sequence_length),
        dtype=args.precision,
    )
    timer = StepTimer()
    mean_loss, request, saved = math.nan, None, True
    for step in range(first_step, args.steps):
        with timer.phase("data_wait"):
            batch = to_devices(next(loader), devices, args.micro_batch_size, mesh.batch_ways)
        state, loss, norm = program.train_step(state, batch)  # on a GPU it returns at once
        timer.step()
        rank.after_step(step + 1)

        done = step + 1
        if done % args.log_every == 0 or done == args.steps or step == first_step:
            mean_loss = float(loss)  # of the whole batch, and the same on every rank
            log_step(args, rank, timer, done, mean_loss, float(norm), float(program.learning_rate(step)))
            request = rank.request()
            if request == "give up":
                rank.leave(request, done, saved=False)
        if args.validation_every and (done % args.validation_every == 0 or done == args.steps):
            validate(args, rank, mesh, devices, program, state.parameters, done)
        wanted = args.checkpoint_every and (done % args.checkpoint_every == 0 or done == args.steps)
        if wanted or request == "stop":
            with timer.phase("checkpoint"):
                saved = checkpointer.save(done, state, all_lanes(rank, mesh, loader), wait=request == "stop")
        if request == "stop" and done < args.steps:
            loader.close()
            checkpointer.close()
            rank.leave(request, done, saved=saved)

    loader.close()
    checkpointer.close()
    rank.end("completed", args.steps, ranks_agree=rank.agree(args.steps, mean_loss, state.parameters))


def open_loader(
    args: Args, rank: JaxRank, mesh: Mesh, *, states: list[dict[str, Any]] | None = None, validation: bool = False
) -> Loader:
    """This rank's part of the training data from where `states` says, or of the held-out data from its beginning."""
    vocabulary = MODELS[args.model].vocab_size
    tokenizer = Bytes() if args.dataset == "synthetic" else open_tokenizer(args.tokenizer)
    if tokenizer.vocab_size > vocabulary and args.dataset != "synthetic":
        what = f"{tokenizer.vocab_size} tokens do not fit the model's vocabulary of {vocabulary}"
        raise UserError(Problem(what, f"tokenizer {args.tokenizer}"))
    return Loader(
        open_source(args.dataset, seed=args.seed, validation=validation, vocab_size=vocabulary),
        tokenizer,
        length=args.sequence_length,
        global_batch_size=args.global_batch_size,
        rank=mesh.batch_part(rank.rank),
        world_size=mesh.batch_ways,
        states=states,
    )


def all_lanes(rank: JaxRank, mesh: Mesh, loader: Loader) -> list[dict[str, Any]]:
    """The place in the data of every sequence of the global batch. A collective."""
    parts = {mesh.batch_part(number): lanes for number, lanes in enumerate(rank.gather(loader.states))}
    return [lane for part in sorted(parts) for lane in parts[part]]


def log_step(args: Args, rank: JaxRank, timer: StepTimer, done: int, loss: float, norm: float, rate: float) -> None:
    """Write the step's event. A collective."""
    mine = timer.so_far()
    ranks = rank.gather([*mine.values()])
    seconds, phases = timer.collect()
    rank.emit(
        Step(
            step=done,
            loss=loss,
            learning_rate=rate,
            grad_norm=norm,
            count=args.global_batch_size * args.sequence_length,
            seconds=seconds,
            phases=phases,
            ranks={name: [values[i] for values in ranks] for i, name in enumerate(mine)},
            memory_bytes=rank.peak_memory(),
        )
    )


def validate(
    args: Args, rank: JaxRank, mesh: Mesh, devices: jax.sharding.Mesh, program: Program, parameters: Any, done: int
) -> None:
    """Mean loss and perplexity over the same held-out batches every time. A collective."""
    rank.stage("validate")
    begin = time.perf_counter()
    loader = open_loader(args, rank, mesh, validation=True)
    losses = [
        float(program.loss(parameters, to_devices(next(loader), devices, args.micro_batch_size, mesh.batch_ways)))
        for _ in range(args.validation_batches)
    ]
    loader.close()
    loss = sum(losses) / len(losses)
    metrics = {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}  # exp overflows above 709
    rank.emit(Validation(step=done, metrics=metrics, seconds=time.perf_counter() - begin))


if __name__ == "__main__":
    main()
