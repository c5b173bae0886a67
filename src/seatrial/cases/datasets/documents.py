"""Documents of a source, one after another, each once: the sources of training never end."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from seatrial.cases.datasets import URLS, Args
from seatrial.data.prepare import manifest, prepared
from seatrial.data.sources import Files, HubDataset, open_source
from seatrial.errors import Problem, UserError

BLOCK = 1 << 20
SILENCE_SECONDS = 60.0
"""After this long without a byte a server is given up."""
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def documents(args: Args, downloads: Path, alive: Callable[[], None]) -> Iterator[str]:
    """The texts that `args` asks for, in their order. What is fetched from a URL stays in `downloads`."""
    if args.source.startswith(URLS):
        found = json_lines(fetch(args.source, args.sha256, downloads, alive))
    else:
        source = open_source(args.source, seed=args.seed)
        found = _of_files(source) if isinstance(source, Files) else _of_hub(source, args.source)
    return islice(found, args.documents or None)


def _of_files(source: Files) -> Iterator[str]:
    return (source.document(number).read() for number in range(len(source.documents)))


def _of_hub(source: Any, name: str) -> Iterator[str]:
    assert isinstance(source, HubDataset)
    for row in source.dataset:
        if "text" not in row:
            what = f"has no column 'text', only {', '.join(map(repr, row))}"
            raise UserError(Problem(what, name, "take a data set with a column 'text'"))
        yield row["text"]


def json_lines(path: Path) -> Iterator[str]:
    """Field ``text`` of each line. Raises UserError with the line's number."""
    file: IO[str]
    with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as file:
        number = 1
        try:
            for line in file:
                yield json.loads(line)["text"]
                number += 1
        except (ValueError, KeyError, TypeError) as error:
            what = f"line {number} is no JSON object with a field 'text'"
            raise UserError(Problem(what, str(path), "give a file of JSON lines")) from error
        except (EOFError, OSError, lzma.LZMAError) as error:
            what = f"cannot be read from line {number} on: {error}"
            raise UserError(Problem(what, str(path), "remove it, and fetch it again")) from error


def fetch(url: str, sha256: str, downloads: Path, alive: Callable[[], None]) -> Path:
    """The file of a URL, fetched once. Raises UserError if it cannot be had, or is not the one that is expected."""
    name = PurePosixPath(url).name

    def make(folder: Path) -> None:
        try:
            _copy(url, folder / name, alive)
        except (OSError, urllib.error.ContentTooShortError) as error:
            raise UserError(Problem(f"cannot be fetched: {error}", url, "check the address and the network")) from error
        with (folder / name).open("rb") as file:
            _compare(hashlib.file_digest(file, "sha256").hexdigest(), sha256, url)

    folder = prepared(downloads / f"download-{hashlib.sha256(url.encode()).hexdigest()[:16]}", make, waiting=alive)
    _compare(manifest(folder)[name]["sha256"], sha256, str(folder / name))
    return folder / name


def _copy(url: str, path: Path, alive: Callable[[], None]) -> None:
    with urllib.request.urlopen(url, timeout=SILENCE_SECONDS) as response, path.open("wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
            alive()
        expected = response.headers.get("Content-Length")
        if expected is not None and file.tell() != int(expected):
            raise OSError(f"{file.tell():,} of {int(expected):,} bytes came")


def _compare(found: str, expected: str, where: str) -> None:
    if expected and found != expected:
        remedy = "take the right checksum, or remove the file and fetch it again"
        raise UserError(Problem(f"its SHA-256 is {found}, not {expected}", where, remedy))
