"""Text into Megatron's data format: a .bin of tokens and an .idx of documents, written by megatron-core itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from seatrial.cases.megatron_lm import Args
from seatrial.cases.megatron_lm.rules import INDEXED, check_indexed
from seatrial.data.prepare import prepared
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import Bytes, Tokenizer, open_tokenizer
from seatrial.errors import Problem, UserError

NAME = "text_document"
"""Name of the pair of files, as Megatron's own preprocessing ends it."""


def write_indexed(documents: Iterable[Sequence[int]], prefix: Path, vocab: int) -> int:
    """Write documents of token ids as PREFIX.bin and PREFIX.idx; returns the number of tokens.

    `vocab` decides how wide a token is stored: 2 bytes up to 65,500 tokens, else 4.
    """
    from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder, get_bin_path, get_idx_path

    builder = IndexedDatasetBuilder(get_bin_path(str(prefix)), dtype=DType.optimal_dtype(vocab))
    total = 0
    for document in documents:
        if len(document):
            builder.add_document(np.asarray(document), [len(document)])
            total += len(document)
    builder.finalize(get_idx_path(str(prefix)))
    return total


def dataset_prefix(args: Args, vocab: int, folder: Path) -> Path:
    """Prefix of the data that `args` asks for, made in `folder` by whoever comes first."""
    if args.dataset.startswith(INDEXED):
        problems = list(check_indexed(args.dataset))
        if problems:
            raise UserError(problems)
        return Path(args.dataset.removeprefix(INDEXED))
    wanted = [args.dataset, args.tokenizer, args.seed, vocab, tokens_needed(args)]
    digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:12]

    def make(unfinished: Path) -> None:
        write_indexed(tokenised(args, vocab), unfinished / NAME, vocab)

    return prepared(folder / f"megatron-{digest}", make) / NAME


def tokens_needed(args: Args) -> int:
    """Tokens to prepare: as many as the steps take, and a tenth more for what is held out."""
    return args.data_tokens or round(1.1 * args.steps * args.global_batch_size * args.sequence_length) + 1


def tokenised(args: Args, vocab: int) -> Iterator[Sequence[int]]:
    """Documents of token ids, each ended by the tokenizer's end token, until there are as many tokens as needed."""
    synthetic = args.dataset == "synthetic"
    tokenizer: Tokenizer = Bytes() if synthetic else open_tokenizer(args.tokenizer)
    if tokenizer.vocab_size > vocab and not synthetic:
        what = f"{tokenizer.vocab_size} tokens do not fit the model's vocabulary of {vocab}"
        raise UserError(Problem(what, f"tokenizer {args.tokenizer}"))
    cursor = open_source(args.dataset, seed=args.seed, vocab_size=vocab).cursor(0, 1, None)
    end = [] if synthetic or tokenizer.end is None else [tokenizer.end]
    missing = tokens_needed(args)
    while missing > 0:
        document = cursor.read()
        tokens = [*(document if synthetic else tokenizer.encode(document)), *end]
        missing -= len(tokens)
        yield tokens
