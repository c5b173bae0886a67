"""Pre-train a Llama-family model with neuronx_distributed. One process per NeuronCore; reads from top to bottom."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seatrial.cases.neuronx_distributed import Args
from seatrial.cases.neuronx_distributed.api import ON_NEURON, NxDModel, NxDOptimizer, nxd, parallel_state
from seatrial.cases.neuronx_distributed.configuration import configure, options
from seatrial.cases.neuronx_distributed.data import Batches, folder_of, tokenise
from seatrial.cases.neuronx_distributed.model import Llama, place_of
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.cases.neuronx_distributed.neuron import NeuronWorker, extracting, launch
from seatrial.errors import Problem, UserError
from seatrial.events import Step
from seatrial.findings import Verdict
from seatrial.rank import announce
from seatrial.rank.start import start
from seatrial.train.agreement import replicas_agree
from seatrial.train.checkpoint_rules import NONE_KEPT
from seatrial.train.optimizer import learning_rate_at, set_learning_rate
from seatrial.train.timing import StepTimer


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start(NeuronWorker) as worker:
        if worker.on_neuron != ON_NEURON:
            has = "has torch_neuronx" if ON_NEURON else "has none"
            what = f"the job is for the device {worker.device_kind!r}, and this Python {has}"
            raise UserError(Problem(what, "torch_neuronx", "run it with the Python that its device needs"))
        train(Args(**worker.args), worker)


def train(args: Args, worker: NeuronWorker) -> None:
    """From the tokens to the last step."""
    torch.manual_seed(args.seed)
    config = MODELS[args.model]

    worker.stage(f"tokens in {folder_of(args, worker.data).name}")
    tokens = tokenise(args, worker.data, processes=1, alive=worker.alive)

    worker.stage("build model")
    replicas = worker.world_size // (args.tensor_parallel * args.pipeline_parallel)
    micro_batches = args.global_batch_size // (args.micro_batch_size * replicas)
    nxd_config = configure(args, micro_batches, worker.lnc)
    model = nxd.initialize_parallel_model(nxd_config, lambda: Llama(config, options(args, worker.lnc)))
    optimizer = nxd.initialize_parallel_optimizer(
        nxd_config,
        torch.optim.AdamW,
        decay_groups(model, args.weight_decay),
        lr=args.learning_rate,
        betas=(args.beta1, args.beta2),
    )

    worker.stage("load checkpoint")
    first_step = resume(args, worker, model, optimizer)
    batches = Batches(args, tokens, parallel_state.get_data_parallel_rank(), replicas)

    announce.run_start(
        worker,
        steps=args.steps,
        first_step=first_step,
        parameters=config.parameters(),
        flops_per_token=config.flops_per_token(args.sequence_length),
        dtype=args.precision,
    )
    timer = StepTimer(worker.device)
    loss = math.nan
    for step in range(first_step, args.steps):
        with timer.phase("data_wait"):
            batch = torch.from_numpy(batches.step(step))
        rate = learning_rate_at(
            step,
            steps=args.steps,
            warmup_steps=args.warmup_steps,
            peak=args.learning_rate,
            minimum=args.min_learning_rate,
            schedule="cosine",
        )
        set_learning_rate(optimizer, rate)
        part = compute_gradients(args, worker, model, batch, micro_batches, timer)
        with timer.phase("optimizer"):
            optimizer.step()
            optimizer.zero_grad()
            launch(worker)
        timer.step()
        worker.after_step(step + 1)

        done = step + 1
        request = None
        if done % args.log_every == 0 or done == args.steps or step == first_step:
            loss = log_step(args, worker, timer, done, part, optimizer, rate, replicas)
            request = worker.request()
        if request == "give up":
            worker.leave(request, done, saved=False)
        wanted = args.checkpoint_every and (done % args.checkpoint_every == 0 or done == args.steps)
        saved = False
        if wanted or request == "stop":
            with timer.phase("checkpoint"):
                saved = save(args, worker, model, optimizer, done)
        if request == "stop" and done < args.steps:
            worker.leave(request, done, saved=saved)

    worker.end("completed", args.steps, ranks_agree=ranks_agree(args, worker, model, loss))


def decay_groups(model: NxDModel, weight_decay: float) -> list[dict[str, Any]]:
    """Only matrices decay: what has one dimension is a norm's scale."""
    parameters = [parameter for _, parameter in model.named_parameters()]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def compute_gradients(
    args: Args, worker: NeuronWorker, model: NxDModel, batch: Tensor, micro_batches: int, timer: StepTimer
) -> Tensor | None:
    """Gradients of the mean loss over this replica's sequences. Returns that loss; None on a stage that has none.

    batch: int64 [sequences of this replica, S + 1], on the host.
    """
    inputs, labels = batch[:, :-1].contiguous(), batch[:, 1:].contiguous()
    if args.pipeline_parallel > 1:
        with timer.phase("backward"):  # forward passes take turns with it
            found: Tensor | None = model.run_train(input_ids=inputs, labels=labels)
        return found
    total = torch.zeros((), device=worker.device)
    size = args.micro_batch_size
    for part_inputs, part_labels in zip(inputs.split(size), labels.split(size), strict=True):
        with timer.phase("forward"):
            part = model(input_ids=part_inputs.to(worker.device), labels=part_labels.to(worker.device)) / micro_batches
        with timer.phase("backward"):
            part.backward()
            total += part.detach()
            launch(worker)
    return total


def log_step(
    args: Args,
    worker: NeuronWorker,
    timer: StepTimer,
    done: int,
    part: Tensor | None,
    optimizer: NxDOptimizer,
    rate: float,
    replicas: int,
) -> float:
    """Write the step's event. Returns the mean loss. A collective."""
    one_of_its_replica = part is not None and parallel_state.get_tensor_model_parallel_rank() == 0
    mine = timer.so_far()
    ranks = worker.gather([float(part) if part is not None and one_of_its_replica else 0.0, *mine.values()])
    loss = sum(rank[0] for rank in ranks) / replicas
    norm = optimizer.grad_norm
    if extracting():  # nothing was computed
        return math.nan
    seconds, phases = timer.collect()
    worker.emit(
        Step(
            step=done,
            loss=loss,
            learning_rate=rate,
            grad_norm=float(norm) if norm is not None else None,
            count=args.global_batch_size * args.sequence_length,
            seconds=seconds,
            phases=phases,
            ranks={name: [rank[i] for rank in ranks] for i, name in enumerate(mine, start=1)},
            memory_bytes=None if worker.on_neuron else worker.peak_memory(),  # the device's is not told
        )
    )
    return loss


def resume(args: Args, worker: NeuronWorker, model: NxDModel, optimizer: NxDOptimizer) -> int:
    """Restore the newest complete checkpoint, or else the weights to begin with. Returns the steps done. A collective.

    Raises UserError if the checkpoint is another job's, or of another number of ranks.
    """
    folder = worker.run / "checkpoints"
    # Rank 0 decides: on a shared file system another rank may see an older listing.
    [step] = worker.sum([float(newest_complete(folder)) if worker.rank == 0 else 0.0])
    if worker.rank == 0 and not worker.keeps_checkpoints:
        worker.emit(NONE_KEPT.finding(Verdict.SKIP, "no checkpoints are kept"))
    if step:
        tag = tag_of(int(step))
        about = nxd.load_checkpoint(str(folder), tag=tag)
        mine = {"digest": worker.digest, "world_size": worker.world_size}
        other = [f"{name} {about[name]}, here {value}" for name, value in mine.items() if about[name] != value]
        if other:
            remedy = "resume with the settings and the number of processes of the first start"
            raise UserError(Problem(f"{tag} was written by another job: {'; '.join(other)}", str(folder), remedy))
        with announce.loading(worker, folder / tag, int(step)):
            nxd.load_checkpoint(str(folder), tag=tag, model=model, optimizer=optimizer)
    elif args.weights is not None:
        weights = Path(args.weights).absolute()
        nxd.load_checkpoint(str(weights.parent), tag=weights.name, model=model)
        if args.zero1:
            optimizer.optimizer.init_zero()  # its fp32 weights are those from before
    return int(step)


def newest_complete(folder: Path) -> int:
    """Steps of the newest checkpoint that was written to its end; 0 if there is none."""
    return max((int(path.parent.name.removeprefix("step_")) for path in folder.glob("step_*/done")), default=0)


def tag_of(step: int) -> str:
    """A checkpoint's name."""
    return f"step_{step:08d}"


def save(args: Args, worker: NeuronWorker, model: NxDModel, optimizer: NxDOptimizer, done: int) -> bool:
    """Write a checkpoint of `done` steps, where they are kept. A collective."""
    if not worker.keeps_checkpoints:
        return False
    folder = worker.run / "checkpoints"
    with announce.saving(worker, folder / tag_of(done), done):
        nxd.save_checkpoint(
            str(folder),
            tag_of(done),
            model=model,
            optimizer=optimizer,
            user_content={"step": done, "digest": worker.digest, "world_size": worker.world_size},
            num_kept_ckpts=args.checkpoint_keep,
        )
    return True


def ranks_agree(args: Args, worker: NeuronWorker, model: NxDModel, loss: float) -> bool | None:
    """Whether step and loss are the same on all ranks, and weights on all that hold the same. A collective."""
    if extracting():
        return None
    stage = parallel_state.get_pipeline_model_parallel_rank()
    places: dict[tuple[str, int], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        place = place_of(name, args.kv_replicator, adjacent=worker.platform == "trn2")
        places.setdefault(place, []).append(parameter.detach().cpu())
    # Every comparison is a collective: all of them are made, whatever the first one says.
    found = [
        replicas_agree(args.steps, loss, (stage, *place), tensors, worker.control) for place, tensors in places.items()
    ]
    return all(found)


if __name__ == "__main__":
    main()
