"""Train a latent diffusion model with Composer's Trainer. One process per accelerator; reads from top to bottom."""

from __future__ import annotations

from seatrial.cases._composer.start import ready
from seatrial.cases.composer_stable_diffusion import Args
from seatrial.cases.composer_stable_diffusion.log import Reader
from seatrial.cases.composer_stable_diffusion.models import MODELS
from seatrial.train.worker import Worker, start


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    with start(join=False) as worker:
        args = Args(**worker.args)
        ready(worker)
        train(args, worker)


def train(args: Args, worker: Worker) -> None:
    """From the first step, or the newest checkpoint, to the last step. A collective."""
    # Not before Composer is ready: these import it.
    from composer import Evaluator
    from composer.optim import ConstantScheduler
    from torch.optim import AdamW

    from seatrial.cases._composer import trainer
    from seatrial.cases.composer_stable_diffusion.data import loader
    from seatrial.cases.composer_stable_diffusion.ema import Average
    from seatrial.cases.composer_stable_diffusion.model import build, trained
    from seatrial.cases.composer_stable_diffusion.validation import LABEL, Tell

    worker.stage("build model")
    model = build(MODELS[args.model], encoders=args.dataset == "synthetic-images", seed=args.seed)
    weights = [p for p in model.parameters() if p.requires_grad]
    settings = trainer.Settings(
        steps=args.steps,
        micro_batch_size=args.micro_batch_size,
        precision=args.precision.removeprefix("amp_"),
        sharded=False,
        grad_clip=0.0,
        seed=args.seed,
        log_every=args.log_every,
        checkpoint_every=args.checkpoint_every,
        checkpoint_keep=args.checkpoint_keep,
    )
    evaluator = None
    if args.validation_every:
        held_out = loader(args, worker, validation=True)
        evaluator = Evaluator(label=LABEL, dataloader=held_out, eval_interval=f"{args.validation_every}ba")

    trainer.train(
        worker,
        Reader(args, worker.world_size),
        settings,
        trainer.Facts(parameters=trained(model), unit="samples", packages=("torchmetrics", "transformers")),
        model=model,
        optimizer=AdamW(weights, lr=args.learning_rate, weight_decay=args.weight_decay),
        schedule=ConstantScheduler(),
        data=loader(args, worker),
        algorithms=[*([Average(half_life=f"{args.ema_half_life}ba")] if args.ema else []), Tell(worker)],
        evaluator=evaluator,
    )


if __name__ == "__main__":
    main()
