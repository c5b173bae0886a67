"""Reads the files of a tree and judges them, shared out among processes where there are many.

All of them are read before the first is judged, since what is right in one depends on what others say. What is kept
between the two is bounded, whatever the size of the tree. Documents beyond that are judged as soon as they are read;
only those in which a rule asks for the others are read once more.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.findings import Finding
from seatrial.lint import documents
from seatrial.lint.documents import Document
from seatrial.lint.kinds import LARGEST, content_of
from seatrial.lint.rules import UNGATHERED, NotGathered, Tree, gather

KEPT = 2**21
"""Bytes of files whose documents one process keeps: about 150 MB of memory."""
SHARE = 2**19
"""Bytes of files that are worth a process of their own: half a second of work."""

Judge = Callable[[Tree], list[Finding]]


@dataclass(frozen=True, slots=True)
class File:
    """A launch file that was read."""

    path: Path
    lines: int
    unread_lines: int
    size: int
    """Bytes."""


@contextmanager
def _without_collection() -> Iterator[None]:
    """Documents hold no circles; to look for some takes a sixth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@dataclass(slots=True)
class Shard:
    """Some of the files."""

    paths: Sequence[Path]
    judge: Judge
    tree: Mapping[str, Any]
    kept: dict[Path, list[Document]] = field(default_factory=dict)
    judged: dict[Path, list[Finding]] = field(default_factory=dict)
    """What was found in files as they were read."""

    def read(self) -> tuple[list[File], dict[str, frozenset[Any]], list[Problem]]:
        """The files, what is gathered from them for all, and what is wrong with them."""
        files: list[File] = []
        problems: list[Problem] = []
        facts = gather(self._documents(files, problems))
        return files, facts, problems

    def _documents(self, files: list[File], problems: list[Problem]) -> Iterator[Document]:
        room = KEPT
        for path in self.paths:
            try:
                content = content_of(path)
                found = documents.of_content(path, content)
            except UserError as error:
                problems += error.problems
                continue
            content = content if len(content) <= LARGEST else path.read_bytes()
            lines = len(content.splitlines())
            filled_in = frozenset[int]().union(*(document.filled_in for document in found))
            unread = min(lines, len(filled_in) + sum(document.unread_lines for document in found))
            files.append(File(path, lines, unread, len(content)))
            room -= len(content)
            if room >= 0:
                self.kept[path] = found
            else:
                with suppress(NotGathered):
                    self.judged[path] = self._judged(found, UNGATHERED)
            yield from found

    def found(self, facts: Mapping[str, frozenset[Any]]) -> list[Finding]:
        """What is found in the files, where all of them together say `facts`."""
        found = []
        for path in self.paths:
            if path not in self.judged:
                read = self.kept.pop(path, None) or documents.read(path)
                self.judged[path] = self._judged(read, facts)
            found += self.judged.pop(path)
        return found

    def _judged(self, read: Sequence[Document], facts: Mapping[str, frozenset[Any]]) -> list[Finding]:
        return self.judge(Tree(tuple(read), given=facts, **self.tree))


@_without_collection()
def judge_files(
    paths: Sequence[Path], judge: Judge, *, jobs: int | None = None, **tree: Any
) -> tuple[list[File], list[Finding]]:
    """The files, and what is found in them, by `jobs` processes. None: as many as there is work for, and cores.

    Raises UserError for files that cannot be read, or are no launch files.
    """
    largest = sorted(paths, key=lambda path: path.stat().st_size, reverse=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = jobs or max(1, min(cores, sum(path.stat().st_size for path in paths) // SHARE))
    shards = [Shard(largest[start::jobs], judge, tree) for start in range(min(jobs, len(paths)))]
    with ExitStack() as stack:
        ask = [_worker(shard, stack) if len(shards) > 1 else partial(_at_once, shard) for shard in shards]
        read = [reading.result() for reading in [asked(Shard.read) for asked in ask]]
        problems = [problem for _, _, wrong in read for problem in wrong]
        if problems:
            raise UserError(sorted(problems, key=lambda problem: problem.where))
        facts = {name: frozenset().union(*(some[name] for _, some, _ in read)) for name in read[0][1]}
        judging = [asked(Shard.found, facts) for asked in ask]
        found = [finding for judged in judging for finding in judged.result()]
    return sorted((file for files, _, _ in read for file in files), key=lambda file: file.path), found


_own: Shard
"""That of a process that was started for one."""


def _worker(shard: Shard, stack: ExitStack) -> Callable[..., Future[Any]]:
    """Calls methods of a shard in a process of its own, which keeps what it has read."""
    from concurrent.futures import ProcessPoolExecutor  # a small tree needs none

    pool = stack.enter_context(ProcessPoolExecutor(1, initializer=_take, initargs=(shard,)))
    return partial(pool.submit, _of_own)  # type: ignore[call-arg]  # partial of a method of any arguments


def _take(shard: Shard) -> None:
    global _own
    _own = shard
    gc.disable()


def _of_own(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return method(_own, *args, **options)


def _at_once(shard: Shard, method: Callable[..., Any], *args: Any, **options: Any) -> Future[Any]:
    done: Future[Any] = Future()
    done.set_result(method(shard, *args, **options))
    return done
