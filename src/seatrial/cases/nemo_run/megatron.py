"""The engine ``megatron-core``: the same training in the words of the case megatron-lm, whose driver runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.cases.megatron_lm import Args as MegatronArgs
from seatrial.cases.megatron_lm.sizes import SIZES
from seatrial.cases.nemo_run.models import VOCABULARY_MULTIPLE

if TYPE_CHECKING:
    from seatrial.cases.nemo_run import Args

TRAINS = frozenset(SIZES)
"""The models that it knows."""


def megatron_args(args: Args) -> MegatronArgs:
    """The arguments of megatron-lm."""
    return MegatronArgs(
        model=args.model,
        sequence_length=args.sequence_length,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        steps=args.steps,
        log_every=args.log_every,
        checkpoint_every=args.checkpoint_every,
        checkpoint_keep=args.checkpoint_keep,
        validation_every=args.validation_every,
        validation_batches=args.validation_batches,
        learning_rate=args.learning_rate,
        min_learning_rate=args.min_learning_rate,
        warmup_steps=args.warmup_steps,
        weight_decay=args.weight_decay,
        beta1=args.beta1,
        beta2=args.beta2,
        grad_clip=args.grad_clip,
        seed=args.seed,
        dataset=args.dataset,
        data_tokens=args.data_tokens,
        tokenizer=args.tokenizer,
        split=args.split,
        num_workers=0,
        make_vocab_size_divisible_by=VOCABULARY_MULTIPLE // args.tensor_parallel,
        precision=args.precision,
        tensor_parallel=args.tensor_parallel,
        pipeline_parallel=args.pipeline_parallel,
        context_parallel=args.context_parallel,
        sequence_parallel=args.sequence_parallel,
        use_distributed_optimizer=True,
    )
