"""Pre-train with torchtitan's own trainer. One process per accelerator; reads from top to bottom."""

from __future__ import annotations

import math
import time
from typing import Any, Literal

import torch
from torch import nn

from seatrial import extras
from seatrial.cases.torchtitan import Args, config
from seatrial.cases.torchtitan.checkpoints import Checkpoints, remove_unfinished
from seatrial.cases.torchtitan.flavors import FLAVORS
from seatrial.cases.torchtitan.log import Reader
from seatrial.errors import UserError
from seatrial.rank import announce
from seatrial.rank.console import console
from seatrial.train.agreement import ranks_agree
from seatrial.train.shims.device import answer_for_cpu
from seatrial.train.shims.stubs import stub
from seatrial.train.worker import Worker, start


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start(join=False) as worker:  # torchtitan makes the process group
        args = Args(**worker.args)
        if args.float8 != "none" and (missing := extras.missing(["torchao"], "float8")):
            raise UserError(missing)

        worker.stage("import")
        answer_for_cpu(worker.device)
        stub("triton")  # torchtitan imports the kernels of its expert-parallel models
        from torchtitan.tools.logging import init_logger

        with console(worker, Reader(args, worker.world_size)):
            init_logger()
            worker.stage("prepare data")
            job_config = configure(args, worker)

            worker.stage("build model")
            if worker.rank == 0:
                remove_unfinished(worker.run / "checkpoints")  # others wait for rank 0 in the process group
            trainer = make_trainer(args, worker, job_config)

            worker.stage("load checkpoint")
            trainer.train()
            trainer.close()
        agree = ranks_agree(nn.ModuleList(trainer.model_parts), trainer.step, trainer.loss)
        worker.end("completed", trainer.step, ranks_agree=agree)


def configure(args: Args, worker: Worker) -> Any:
    """torchtitan's JobConfig, read by torchtitan from the file that we leave in the run's folder."""
    from torchtitan.config import ConfigManager

    from seatrial.cases.torchtitan.data import check_vocabulary, find_documents, prepare_tokenizer

    tokenizer = prepare_tokenizer(worker.data, args.tokenizer)
    check_vocabulary(tokenizer, FLAVORS[args.model].vocab_size)
    settings = config.job_config(
        args,
        run=worker.run.absolute(),
        tokenizer=tokenizer,
        data=None if args.dataset == "c4" else find_documents(worker.data, args.dataset, args.seed),
        checkpoints=worker.keeps_checkpoints,
    )
    path = worker.run / "torchtitan.toml"
    mine = path.with_name(f".torchtitan.toml.{worker.rank}")  # every rank writes the same: the folder may not be shared
    mine.write_text(config.toml(settings), encoding="utf-8")
    mine.replace(path)
    return ConfigManager().parse_args(["--job.config_file", str(path)])


def make_trainer(args: Args, worker: Worker, job_config: Any) -> Any:
    """torchtitan's Trainer, which also tells Seatrial where it is."""
    from torchtitan.train import Trainer

    class TellingTrainer(Trainer):  # type: ignore[misc] # made here, because the import needs the shims
        """Nothing is trained otherwise: it announces its start, and stops between steps when it is asked to."""

        def __init__(self) -> None:
            super().__init__(job_config)
            self.loss = math.nan
            self.first_step: int | None = None
            if worker.device.type == "cpu":
                prepare_for_cpu(self, args.seed)
            self.checkpoints = Checkpoints(worker, self.checkpointer)
            keep_the_loss(self)

        def should_continue_training(self) -> bool:
            """Between two steps, and before the first."""
            if self.first_step is None:
                worker.alive()
                self.first_step = self.step
                run_start(args, worker, self)
            else:
                self.after_step()
            return bool(super().should_continue_training())

        def after_step(self) -> None:
            """Tell of a step, and do what the ranks are asked to."""
            worker.after_step(self.step)
            if self.step % args.log_every == 0 or self.step == args.steps:
                self.heed(worker.request())

        def heed(self, request: Literal["stop", "give up"] | None) -> None:
            """Leave as requested; a run that has just done its last step is not stopped."""
            if request == "give up" or (request == "stop" and self.step < args.steps):
                saved = request == "stop" and self.checkpoints.save_now(self.step)
                worker.leave(request, self.step, saved=saved)

    return TellingTrainer()


def prepare_for_cpu(trainer: Any, seed: int) -> None:
    """What torch does on GPUs only: scale gradients in collectives, draw the parts of a weight as if it were whole."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
    from torch.distributed.fsdp import FSDPModule

    torch.manual_seed(seed)
    whole = trainer.train_spec.model_cls(trainer.model_args)
    with torch.no_grad():
        whole.init_weights()
    weights = whole.state_dict()
    for part in trainer.model_parts:
        own = {name: weights[name] for name in get_model_state_dict(part)}
        set_model_state_dict(part, own, options=StateDictOptions(full_state_dict=True))
        for module in part.modules():
            if isinstance(module, FSDPModule):
                module.set_force_sum_reduction_for_comms(True)


def keep_the_loss(trainer: Any) -> None:
    """The mean loss over all ranks as `trainer.loss`: torchtitan prints five digits of it."""
    log = trainer.metrics_processor.log

    def keep(step: int, global_avg_loss: float, *rest: Any, **named: Any) -> None:
        trainer.loss = global_avg_loss
        log(step, global_avg_loss, *rest, **named)

    trainer.metrics_processor.log = keep


def run_start(args: Args, worker: Worker, trainer: Any) -> None:
    """What the run's readers need to know once, and a clock that has not counted the start. A collective."""
    flops = by_convention(trainer.metrics_processor.num_flops_per_token, trainer.model_args, args.sequence_length)
    announce.run_start(
        worker,
        steps=args.steps,
        first_step=trainer.step,
        parameters=sum(p.numel() for part in trainer.model_parts for p in part.parameters()),
        flops_per_token=flops,
        dtype=args.precision,
        packages=("datasets", "tokenizers"),
    )
    trainer.metrics_processor.time_last_log = time.perf_counter()


def by_convention(full: int, model: Any, sequence_length: int) -> dict[str, float]:
    """torchtitan's FLOPs per token, which count every position, by the conventions of seatrial.metrics."""
    return {"full": float(full), "causal": full - 6.0 * model.n_layers * model.dim * sequence_length}


if __name__ == "__main__":
    main()
