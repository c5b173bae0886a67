"""Data sets at the size that jobs on clusters need: prepared once, in the form that a framework reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seatrial.arguments import CaseArgs, Count, WholeNumber
from seatrial.data.sources import check_source
from seatrial.data.tokenizers import gated, is_file
from seatrial.errors import Problem
from seatrial.spec import Case, Layout, Recipe
from seatrial.versions import pins

URLS = ("https://", "http://", "file://")


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a prepared data set."""

    name: str
    """Folder of the data set, beside the runs: what training recipes call it."""
    source: str
    """stdlib | text:GLOB | hf:NAME[/CONFIG] | URL of a file of JSON lines with a field ``text``, .gz and .xz too."""
    sha256: str = ""
    """Checksum that a file from a URL must have; empty: whatever comes is taken, and its checksum recorded."""
    format: Literal["text", "mds", "megatron"]
    """text: JSON lines, laid out as a set of the hub | mds: shards of mosaicml-streaming | megatron: .bin and .idx."""
    tokenizer: str = "bytes"
    """bytes, the path of a tokenizer.json, or a name on the Hugging Face hub. Of no effect on text."""
    sequence_length: Count = 2048
    """Tokens per sequence of mds; the other formats keep documents as they are."""
    documents: WholeNumber = 0
    """Documents that are taken, from the beginning; 0: all."""
    documents_per_file: Count = 100_000
    """Documents in one file of text; the ranks of a job share the files out among them."""
    seed: int = 0
    """Decides the order of local files. Data sets of the hub keep their own."""
    workers: WholeNumber = 0
    """Processes that tokenize; 0: one for each CPU core. The result does not depend on it."""


DECIDES = {
    "text": ("documents_per_file",),
    "mds": ("tokenizer", "sequence_length"),
    "megatron": ("tokenizer",),
}
"""Format -> arguments that change what is in its files, besides those that do so in every format."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout."""
    if layout.world_size != 1:
        yield Problem(
            f"one process prepares the data, the job has {layout.world_size}", "processes", "--nodes 1 --processes 1"
        )
    if not re.fullmatch(r"\w[\w.-]*", args.name, re.ASCII):
        yield Problem(f"{args.name!r} is no name for a folder", "name", "use letters, digits, dots and dashes")
    kind, _, rest = args.source.partition(":")
    if not (args.source == "stdlib" or (kind in ("text", "hf") and rest) or args.source.startswith(URLS)):
        yield Problem(f"{args.source!r} is no source", "source", "choose from: stdlib, text:GLOB, hf:NAME, https://…")
    if args.sha256 and not re.fullmatch(r"[0-9a-f]{64}", args.sha256):
        yield Problem(f"{args.sha256!r} is no SHA-256", "sha256", "64 hexadecimal digits, small letters")
    if args.sha256 and not args.source.startswith(URLS):
        yield Problem("only a file from a URL has one", "sha256", "leave it out")


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that prepares. The hub is not asked."""
    if args.source == "stdlib" or args.source.startswith("text:"):
        yield from check_source(args.source, validation=False)
    if args.format != "text" and is_file(args.tokenizer) and not Path(args.tokenizer).is_file():
        yield Problem("there is no such file", f"tokenizer {args.tokenizer}", "give the path of a tokenizer.json")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub."""
    return ("HF_TOKEN",) if args.format != "text" and gated(args.tokenizer) else ()


OSCAR = "https://huggingface.co/bigscience/misc-test-data/resolve/main/stas/oscar-1GB.jsonl.xz"
"""79,000 English documents of OSCAR. No checksum is published with it."""


def _recipe(name: str, title: str, args: Args) -> Recipe:
    return Recipe(name=name, title=title, args=args, processes_per_node=1)


CASE = Case(
    name="datasets",
    title="Prepared data: C4, OSCAR, TinyStories in the form that a framework reads",
    framework="datasets, mosaicml-streaming, megatron-core",
    Args=Args,
    recipes=(
        _recipe(
            "tiny",
            "Python's standard library as text",
            Args(name="tiny-text", source="stdlib", format="text", documents=400, documents_per_file=100),
        ),
        _recipe(
            "tiny-mds",
            "Python's standard library as MDS shards of bytes",
            Args(name="tiny-mds", source="stdlib", format="mds", documents=400, sequence_length=128, workers=1),
        ),
        _recipe(
            "tiny-megatron",
            "Python's standard library as .bin and .idx of bytes",
            Args(name="tiny-megatron", source="stdlib", format="megatron", documents=400, workers=1),
        ),
        # Without it every rank streams from the hub, which answers 429 to 16 nodes at once.
        _recipe(
            "c4-text",
            "C4 en, a million documents: for torchtitan and fsdp",
            Args(
                name="c4-text", source="hf:allenai/c4/en", format="text", documents=1_000_000, documents_per_file=2000
            ),
        ),
        # As many documents as llm-foundry's train_small.
        _recipe(
            "c4-mds",
            "C4 en, 100,000 documents: for composer-mpt",
            Args(
                name="c4-mds-2048-gpt-neox-20b",
                source="hf:allenai/c4/en",
                format="mds",
                tokenizer="EleutherAI/gpt-neox-20b",
                documents=100_000,
            ),
        ),
        _recipe(
            "oscar-megatron",
            "OSCAR, 1 GB, GPT-2's tokens: for megatron-lm's GPT",
            Args(name="oscar-megatron-gpt2", source=OSCAR, format="megatron", tokenizer="openai-community/gpt2"),
        ),
        _recipe(
            "oscar-megatron-llama2",
            "OSCAR, 1 GB, Llama 2's tokens: for megatron-lm's Llama 2",
            Args(
                name="oscar-megatron-llama2",
                source=OSCAR,
                format="megatron",
                tokenizer="hf-internal-testing/llama-tokenizer",
            ),
        ),
        _recipe(
            "tinystories",
            "TinyStories, all of it: for picotron",
            Args(name="tinystories", source="hf:roneneldan/TinyStories", format="text"),
        ),
    ),
    program="seatrial.cases.datasets.prepare",
    environment="pytorch",
    pins=pins("mosaicml-streaming", "megatron-core"),
    requires=("torch", "datasets", "tokenizers", "transformers", "streaming", "megatron"),
    purpose="preparation",
    resumable=True,
    check=check,
    preflight=preflight,
    secrets=secrets,
    fidelity="real",
    fidelity_note="data are prepared on CPUs everywhere",
)
