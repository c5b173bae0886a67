"""Pre-train an MPT model with Composer's Trainer on MDS data. One process per accelerator; reads from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.cases._composer.start import ready
from seatrial.cases.composer_mpt import Args
from seatrial.cases.composer_mpt.log import Reader
from seatrial.models import MPT
from seatrial.train.worker import Worker, start

if TYPE_CHECKING:
    from composer.optim import ComposerScheduler


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start(join=False) as worker:
        args = Args(**worker.args)
        ready(worker)
        train(args, worker)


def train(args: Args, worker: Worker) -> None:
    """Everything behind the import of Composer. A collective."""
    from composer.optim import DecoupledAdamW

    from seatrial.cases._composer import trainer
    from seatrial.cases.composer_mpt import data
    from seatrial.cases.composer_mpt.model import ComposerMPT

    folder = data.prepared_mds(worker, args)
    config = MPT[args.model]
    worker.stage("build model")
    model = ComposerMPT(config, seed=args.seed, meta=args.parallel == "fsdp2")
    optimizer = DecoupledAdamW(
        model.parameters(), lr=args.learning_rate, betas=(args.beta1, args.beta2), weight_decay=args.weight_decay
    )
    settings = trainer.Settings(
        steps=args.steps,
        micro_batch_size=args.micro_batch_size,
        precision=args.precision,
        sharded=args.parallel == "fsdp2",
        fsdp={
            "activation_checkpointing": args.recompute,
            "reshard_after_forward": args.reshard_after_forward,
            "mixed_precision": "PURE" if args.reduce_in_bf16 else "DEFAULT",
        },
        grad_clip=args.grad_clip,
        seed=args.seed,
        log_every=args.log_every,
        checkpoint_every=args.checkpoint_every,
        checkpoint_keep=args.checkpoint_keep,
    )
    facts = trainer.Facts(
        parameters=config.parameters(),
        unit="tokens",
        flops_per_token=config.flops_per_token(args.sequence_length),
    )
    with data.loader(
        folder,
        batch_size=args.global_batch_size // worker.world_size,
        sequence_length=args.sequence_length,
        seed=args.seed,
        workers=args.data_workers,
    ) as batches:
        trainer.train(
            worker,
            Reader(args, worker.world_size),
            settings,
            facts,
            model=model,
            optimizer=optimizer,
            schedule=schedule(args),
            data=batches,
        )


def schedule(args: Args) -> ComposerScheduler:
    """Linear warm-up, then a cosine down to a part of the peak, as llm-foundry's cosine_with_warmup."""
    from composer.optim import CosineAnnealingWithWarmupScheduler

    warmup = min(args.warmup_steps, args.steps - 1)  # Composer refuses a warm-up without a decay
    return CosineAnnealingWithWarmupScheduler(
        t_warmup=f"{warmup}ba", alpha_f=args.min_learning_rate / args.learning_rate
    )


if __name__ == "__main__":
    main()
