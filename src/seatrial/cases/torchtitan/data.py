"""Data and tokenizers as torchtitan takes them. Importing this module tells torchtitan of the data set `documents`.

`prepare_documents` and `prepare_tokenizer` run once a machine, or once a shared folder, before torchtitan starts.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torchtitan.hf_datasets import DatasetConfig
from torchtitan.hf_datasets.text_datasets import DATASETS

from seatrial.data.prepare import MANIFEST, prepared
from seatrial.data.sources import Files, open_source
from seatrial.errors import Problem, UserError

END = "<|end_of_text|>"
BATCH = 1000
"""Documents that are written at a time."""

DATASETS["documents"] = DatasetConfig(
    path="", loader=Dataset.from_file, sample_processor=lambda document: document["text"]
)


def find_documents(folder: Path, spec: str, seed: int) -> Path:
    """The folder of ``c4:NAME``, which the case datasets has prepared, or of documents that are prepared now.

    Raises UserError if there is no such C4.
    """
    if not spec.startswith("c4:"):
        return prepare_documents(folder, spec, seed)
    found = folder / spec.removeprefix("c4:")
    if not (found / MANIFEST).is_file():
        raise UserError(Problem(f"there is no prepared C4 in {found}", "dataset", "seatrial run datasets/c4-text"))
    return found


def prepare_documents(folder: Path, spec: str, seed: int) -> Path:
    """The documents of ``stdlib`` or ``text:GLOB`` in an order fixed by the seed, as one Arrow file that is mapped."""
    source = open_source(spec, seed=seed)
    assert isinstance(source, Files)
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in source.paths]
    name = _digest([spec, seed, files])

    def make(unfinished: Path) -> None:
        schema = pa.schema([("text", pa.string())])
        with (
            pa.OSFile(str(unfinished / "documents.arrow"), "wb") as file,
            pa.ipc.new_stream(file, schema) as writer,
        ):
            for texts in _batches(source):
                writer.write_batch(pa.record_batch([pa.array(texts)], schema=schema))

    return prepared(folder / f"documents-{name}", make)


def _batches(source: Files) -> Iterator[list[str]]:
    count = len(source.documents)
    for start in range(0, count, BATCH):
        yield [source.document(number).read() for number in range(start, min(start + BATCH, count))]


def prepare_tokenizer(folder: Path, spec: str) -> Path:
    """A folder as torchtitan wants it: tokenizer.json, and tokenizer_config.json that names the special tokens."""
    path = Path(spec)
    if path.is_dir():
        return path
    make = _bytes if spec == "bytes" else _download(spec)
    return prepared(folder / f"tokenizer-{_digest(spec)}", make)


def check_vocabulary(tokenizer: Path, vocabulary: int) -> None:
    """Raises UserError if the tokenizer has more tokens than the model."""
    size = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab_size()
    if size > vocabulary:
        what = f"{size} tokens do not fit the model's vocabulary of {vocabulary}"
        raise UserError(Problem(what, f"tokenizer {tokenizer}"))


def _bytes(folder: Path) -> None:
    """UTF-8 bytes are the tokens, and one ends a document: BPE that merges nothing."""
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: i for i, symbol in enumerate([*symbols, END])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": END}))


def _download(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from huggingface_hub import snapshot_download

        try:
            snapshot_download(name, local_dir=folder, allow_patterns=["tokenizer.json", "tokenizer_config.json"])
        except Exception as error:  # network, licence and format errors of several libraries
            remedy = "check the name, the network and HF_TOKEN"
            raise UserError(Problem(f"the tokenizer cannot be fetched: {error}", name, remedy)) from error

    return make


def _digest(what: Any) -> str:
    text = json.dumps([what, sys.version_info[:3]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
