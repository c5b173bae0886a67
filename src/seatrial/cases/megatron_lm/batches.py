"""Micro-batches of a .bin/.idx data set for this rank, from any sample on."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import torch
from megatron.core import parallel_state
from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.utils import get_blend_from_list
from megatron.core.tokenizers.text.libraries.null_tokenizer import NullTokenizer
from megatron.core.utils import get_batch_on_this_cp_rank
from torch.utils.data import DataLoader

Batch = dict[str, torch.Tensor]


def datasets(options: Namespace) -> list[Any]:
    """Training and validation samples; None on ranks that need none. A collective: rank 0 writes the index first."""
    config = GPTDatasetConfig(
        random_seed=options.seed,
        sequence_length=options.seq_length,
        blend=get_blend_from_list(options.data_path),
        split=options.split,
        path_to_cache=options.data_cache_path,
        tokenizer=NullTokenizer(options.vocab_size),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        create_attention_mask=not options.no_create_attention_mask_in_dataloader,
    )
    sizes = [count * options.global_batch_size for count in (options.train_iters, options.eval_iters, 0)]
    train, valid, _ = BlendedMegatronDatasetBuilder(GPTDataset, sizes, _needs_data, config).build()
    return [train, valid]


def _needs_data() -> bool:
    return parallel_state.is_pipeline_first_stage() or parallel_state.is_pipeline_last_stage()


class _Sampler:
    """Sample numbers of each micro-batch of this data-parallel rank, in the order that Megatron-LM reads them.

    A global batch is the same set of samples however many ranks there are.
    """

    def __init__(self, options: Namespace, total: int, consumed: int) -> None:
        self.total, self.consumed = total, consumed
        self.size = options.micro_batch_size
        self.rank = parallel_state.get_data_parallel_rank()
        self.ranks = parallel_state.get_data_parallel_world_size()

    def __iter__(self) -> Iterator[list[int]]:
        together = self.size * self.ranks
        for begin in range(self.consumed, self.total - together + 1, together):
            mine = begin + self.rank * self.size
            yield list(range(mine, mine + self.size))


def batches(options: Namespace, dataset: Any, consumed: int, device: torch.device) -> Iterator[Batch] | None:
    """Micro-batches from sample `consumed` on; None on ranks in the middle of the pipeline."""
    if dataset is None:
        return None
    loader: Any = DataLoader(
        dataset,
        batch_sampler=_Sampler(options, len(dataset), consumed),
        num_workers=options.num_workers,
        pin_memory=device.type == "cuda",
        persistent_workers=options.num_workers > 0,
        generator=torch.Generator(),  # else it draws from the one that a resumed run has just restored
    )
    return (_of_this_rank(batch, device) for batch in loader)


def _of_this_rank(batch: Batch, device: torch.device) -> Batch:
    batch = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
    return get_batch_on_this_cp_rank(batch)
