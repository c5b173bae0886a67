"""What Megatron trains, and how its own benchmark splits it; no torch.

The benchmark: table 1 of arXiv:2104.04473 (Narayanan et al. 2021), with the micro-batches of Megatron-LM's script for
it, examples/sc21/run_table_1.sh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seatrial.models import GPT, LLAMA, Decoder

if TYPE_CHECKING:
    from seatrial.cases.megatron_lm import Args

SIZES: dict[str, Decoder] = {
    **GPT,
    # Raw bytes and an end mark: Megatron pads the vocabulary itself.
    "llama-tiny": replace(LLAMA["tiny"], vocab_size=257),
    # The table's "heads/hidden/layers" without --ffn-hidden-size would give Megatron's own default, 2/3 of 4h, which
    # makes 70B a model of 55.5 billion parameters.
    **{name: LLAMA[name] for name in ("llama2-7b", "llama2-13b", "llama2-70b")},
}


def padded(args: Args) -> Decoder:
    """The model as Megatron builds it: the embedding has more rows, so that they divide evenly over the ranks."""
    size, multiple = SIZES[args.model], args.make_vocab_size_divisible_by * args.tensor_parallel
    return replace(size, vocab_size=-(-size.vocab_size // multiple) * multiple)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Where and how a size is trained in Megatron's own benchmark: nodes of 8 GPUs with 80 GB."""

    nodes: int
    tensor: int
    pipeline: int
    global_batch_size: int
    micro_batch_size: int


GPT_SCALES: dict[str, Scale] = {
    "gpt-1.7b": Scale(nodes=4, tensor=1, pipeline=1, global_batch_size=512, micro_batch_size=16),
    "gpt-3.6b": Scale(nodes=8, tensor=2, pipeline=1, global_batch_size=512, micro_batch_size=16),
    "gpt-7.5b": Scale(nodes=16, tensor=4, pipeline=1, global_batch_size=512, micro_batch_size=16),
    "gpt-18.4b": Scale(nodes=32, tensor=8, pipeline=1, global_batch_size=1024, micro_batch_size=8),
    "gpt-39.1b": Scale(nodes=64, tensor=8, pipeline=2, global_batch_size=1536, micro_batch_size=4),
    "gpt-76.1b": Scale(nodes=128, tensor=8, pipeline=4, global_batch_size=1792, micro_batch_size=2),
    "gpt-145.6b": Scale(nodes=192, tensor=8, pipeline=8, global_batch_size=2304, micro_batch_size=2),
    "gpt-310.1b": Scale(nodes=240, tensor=8, pipeline=16, global_batch_size=2160, micro_batch_size=1),
}
