"""Texts into tokens, by as many processes as there are cores, in the order in which they come.

Standard library only, and tokenizers, since every process imports it.
"""

from __future__ import annotations

import array
import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import TypeAlias

from seatrial.data.tokenizers import Tokenizer, open_tokenizer

BATCH = 64
"""Documents that a process gets at a time."""
AHEAD = 4
"""Batches for each process that are under way, so that texts without end fit into memory."""

Tokens: TypeAlias = "array.array[int]"
"""4 bytes a token, on the way between processes too."""


@contextlib.contextmanager
def tokenized(
    texts: Iterable[str], tokenizer: str, workers: int, waiting: Callable[[], None] = lambda: None
) -> Iterator[Iterator[Tokens]]:
    """Each text's tokens and the end token, by `workers` processes; 0: one for each core that this process may use.

    `waiting` is called every second in which there is nothing yet: on a busy machine a process takes long to start.
    """
    opened = open_tokenizer(tokenizer)  # also says what is wrong with it, and fetches it once for all processes
    workers = workers or cores()
    if workers == 1:
        yield (_tokens(opened, text) for text in texts)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may inherit a locked lock
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(tokenizer,))
    try:
        yield _in_order(pool, texts, workers * AHEAD, waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_order(
    pool: ProcessPoolExecutor, texts: Iterable[str], ahead: int, waiting: Callable[[], None]
) -> Iterator[Tokens]:
    texts = iter(texts)
    pending: deque[Future[list[Tokens]]] = deque()
    while batch := list(islice(texts, BATCH)):
        pending.append(pool.submit(_encode, batch))
        if len(pending) > ahead:
            yield from _result(pending.popleft(), waiting)
    while pending:
        yield from _result(pending.popleft(), waiting)


def _result(future: Future[list[Tokens]], waiting: Callable[[], None]) -> list[Tokens]:
    while not wait([future], timeout=1).done:
        waiting()
    return future.result()


_tokenizer: Tokenizer
"""Of a process of the pool."""


def _begin(tokenizer: str) -> None:
    global _tokenizer
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # there is a process for each core already
    _tokenizer = open_tokenizer(tokenizer)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed does not tell its pool."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _encode(texts: list[str]) -> list[Tokens]:
    return [_tokens(_tokenizer, text) for text in texts]


def _tokens(tokenizer: Tokenizer, text: str) -> Tokens:
    tokens = array.array("i", list(tokenizer.encode(text)))  # of bytes it would take what is in memory for numbers
    if tokenizer.end is not None:
        tokens.append(tokenizer.end)
    return tokens
