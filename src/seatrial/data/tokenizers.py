"""Tokenizers: raw bytes, a local tokenizer.json, or a name on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from seatrial import extras
from seatrial.errors import Problem, UserError

END_TOKENS = ("<|end_of_text|>", "<|endoftext|>", "</s>", "<eos>", "[SEP]")
"""Names of the end-of-document token in common tokenizer.json files, in order of preference."""
GATED = ("meta-llama/", "mistralai/", "google/gemma")
"""Beginnings of hub names whose files are given only to accounts that accepted a licence."""


class Tokenizer(Protocol):
    """Text to token ids."""

    vocab_size: int
    end: int | None
    """Id that is put after each document; None: nothing is."""

    def encode(self, text: str) -> Sequence[int]:
        """Token ids, without special tokens."""


class Bytes:
    """UTF-8 bytes are the tokens; 256 ends a document."""

    vocab_size: int = 257
    end: int | None = 256

    def encode(self, text: str) -> Sequence[int]:
        """See Tokenizer."""
        return text.encode()


class LocalFile:
    """A tokenizer.json of the package ``tokenizers``."""

    def __init__(self, path: Path) -> None:
        with extras.needed("tokenizers", str(path)):
            from tokenizers import Tokenizer as Fast

        try:
            self._fast: Any = Fast.from_file(str(path))
        except Exception as error:  # the Rust side raises bare Exception
            remedy = "give the path of a tokenizer.json"
            raise UserError(Problem(f"the tokenizer does not load: {error}", str(path), remedy)) from error
        self.vocab_size = self._fast.get_vocab_size()
        self.end = next((i for name in END_TOKENS if (i := self._fast.token_to_id(name)) is not None), None)

    def encode(self, text: str) -> Sequence[int]:
        """See Tokenizer."""
        ids: list[int] = self._fast.encode(text, add_special_tokens=False).ids
        return ids


class HubName:
    """A tokenizer of the Hugging Face hub, through ``transformers``."""

    def __init__(self, name: str) -> None:
        with extras.needed("transformers", name):
            from transformers import AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name)
        except Exception as error:  # network, licence and format errors of several libraries
            remedy = "check the name, the network and HF_TOKEN"
            raise UserError(Problem(f"the tokenizer does not load: {error}", name, remedy)) from error
        self.vocab_size = len(self._tokenizer)
        self.end = self._tokenizer.eos_token_id

    def encode(self, text: str) -> Sequence[int]:
        """See Tokenizer."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def open_tokenizer(spec: str) -> Tokenizer:
    """``bytes``, a path that ends in .json, or a hub name. Raises UserError if it does not load."""
    if spec == "bytes":
        return Bytes()
    return LocalFile(Path(spec)) if is_file(spec) else HubName(spec)


def check_tokenizer(spec: str, vocab_size: int) -> list[Problem]:
    """What is wrong with a tokenizer on this machine. Hub names are not fetched for it."""
    if spec != "bytes" and not is_file(spec):
        return extras.missing(["transformers"], spec)
    try:
        found = open_tokenizer(spec).vocab_size
    except UserError as error:
        return list(error.problems)
    if found <= vocab_size:
        return []
    return [Problem(f"{found} tokens do not fit the model's vocabulary of {vocab_size}", f"tokenizer {spec}")]


def is_file(spec: str) -> bool:
    """Whether a specification names a file rather than something on the hub."""
    return spec.endswith(".json") or Path(spec).is_file()


def gated(spec: str) -> bool:
    """Whether the hub gives this tokenizer only to a token whose account accepted a licence."""
    return not is_file(spec) and spec.startswith(GATED)
