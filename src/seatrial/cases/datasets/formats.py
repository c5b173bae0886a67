"""Documents written as a framework reads them, by that framework's own code where it has some."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, cast

from seatrial.cases.datasets import Args
from seatrial.cases.datasets.tokens import Tokens, tokenized
from seatrial.data.tokenizers import open_tokenizer

# The hub's own way to say which files make up which part of a data set; load_dataset reads it in a local folder too.
CARD = """---
configs:
- config_name: {config}
  data_files:
  - split: train
    path: {config}/train-*.jsonl.gz
---
"""


@dataclass(slots=True)
class Written:
    """How much has been written so far."""

    documents: int = 0
    tokens: int | None = None
    """None: the format has none."""
    sequences: int | None = None


def write(
    args: Args,
    texts: Iterable[str],
    folder: Path,
    progress: Callable[[Written], None],
    waiting: Callable[[], None] = lambda: None,
) -> Written:
    """Write `texts` into `folder`; `progress` is called after each document, `waiting` while there is none."""
    written = Written()

    def counted(documents: Iterable[Any]) -> Iterator[Any]:
        for document in documents:
            written.documents += 1
            if args.format != "text":
                written.tokens = (written.tokens or 0) + len(document)
            progress(written)
            yield document

    if args.format == "text":
        write_text(counted(texts), folder, subset(args.source), args.documents_per_file)
        return written
    with tokenized(texts, args.tokenizer, args.workers, waiting) as tokens:
        if args.format == "mds":
            written.sequences = _write_mds(counted(tokens), folder, args.sequence_length)
        else:
            _write_megatron(counted(tokens), folder, open_tokenizer(args.tokenizer).vocab_size)
    return written


def subset(source: str) -> str:
    """Configuration of the hub's data set: ``en`` of ``hf:allenai/c4/en``, so that it is found by the same name."""
    parts = source.removeprefix("hf:").split("/", 2)
    return parts[2] if source.startswith("hf:") and len(parts) == 3 and not Path(source[3:]).exists() else "default"


def write_text(texts: Iterable[str], folder: Path, config: str, documents_per_file: int) -> None:
    """JSON lines, compressed, laid out as a data set of the hub."""
    (folder / config).mkdir()
    (folder / "README.md").write_text(CARD.format(config=config))
    texts = iter(texts)
    for number in count():
        first = next(texts, None)
        if first is None:
            return
        # No time and no name inside: the same texts make the same file. Level 1 is four times as fast as the default.
        with (
            (folder / config / f"train-{number:05d}.jsonl.gz").open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as file,
        ):
            for text in chain([first], islice(texts, documents_per_file - 1)):
                file.write(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n")


class _Tokenized:
    """In place of a tokenizer where documents are tokens already, each with its end."""

    vocab_size: int = 0
    end: int | None = None

    def encode(self, text: Any) -> Tokens:
        return cast(Tokens, text)


def _write_mds(documents: Iterable[Any], folder: Path, sequence_length: int) -> int:
    from seatrial.train.shims.vision import no_torchvision

    no_torchvision()
    from seatrial.cases.composer_mpt.data import write_mds

    return write_mds(documents, folder, tokenizer=_Tokenized(), sequence_length=sequence_length)


def _write_megatron(documents: Iterable[Tokens], folder: Path, vocab_size: int) -> None:
    from seatrial.cases.megatron_lm.data import NAME, write_indexed

    write_indexed(documents, folder / NAME, vocab_size)
