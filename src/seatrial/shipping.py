"""The files that go with a job: the one that defines its case, its program, and what the case says lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.spec import Case, Shipped

MOST_BYTES = 1_000_000
"""Of all files together. A ConfigMap takes 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/); what
is larger is no program, and belongs on a file system or into an image."""

ELSEWHERE = "put it on a file system that the nodes share, or into the image"


def shipped(case: Case, path: Path) -> Case:
    """A case that the file `path` defines, with the files that go with it, and its program as one of them.

    A program elsewhere, or a module, is left as it is: the nodes have it. Raises UserError with everything that cannot
    go with it.
    """
    folder = path.absolute().parent
    program = _inside(folder / case.program, folder) if case.program.endswith(".py") else None
    names = [path.name, *([program] if program else [])]
    problems = [*_wrong(case.program, program, path)]
    for pattern in case.files:
        try:
            found, why = sorted(_matches(pattern, folder)), "matches no file"
        except ValueError as error:
            found, why = [], f"is no glob: {error}"
        names += found
        if not found:
            problems.append(Problem(why, f"{path}: files: {pattern!r}", "give globs relative to it"))
    files, unread = _read(dict.fromkeys(names), folder)
    problems += unread
    size = sum(len((file.text or "").encode()) for file in files.values())
    if size > MOST_BYTES:
        large = max(files, key=lambda name: len(files[name].text or ""))
        what = f"{len(files)} files of {size:,} bytes; {MOST_BYTES:,} can go with a job, and the largest is {large}"
        problems.append(Problem(what, str(path), ELSEWHERE))
    if problems:
        raise UserError(problems)
    return replace(case, program=program or case.program, shipped=files)


def changed(before: Mapping[str, Shipped], now: Mapping[str, Shipped]) -> list[str]:
    """Names of the files whose content is another one; none where only names are."""
    if sorted(file.sha256 for file in before.values()) == sorted(file.sha256 for file in now.values()):
        return []
    return sorted(name for name in {**before, **now} if before.get(name) != now.get(name))


def _matches(pattern: str, folder: Path) -> Iterator[str]:
    """Files that a glob finds below a folder, but for hidden ones, what Python has compiled, and runs."""
    if not pattern or os.path.isabs(pattern):
        return
    for path in folder.glob(pattern):
        name = _inside(path, folder) or ""
        parts = Path(name).parts
        left_out = "__pycache__" in parts or any(part.startswith(".") for part in parts)
        if parts and not left_out and path.is_file() and not any(map(_is_run, _between(folder, name))):
            yield name


def _between(folder: Path, name: str) -> Iterator[Path]:
    """The folders below a folder that a name leads through."""
    return (folder / place for place in Path(name).parents if place.parts)


def _is_run(folder: Path) -> bool:
    """Whether it is the folder of a run, which has files of its own that go with it."""
    return (folder / "job.json").is_file() and (folder / "heartbeats").is_dir()


def _inside(path: Path, folder: Path) -> str | None:
    """A path relative to a folder; None: it is elsewhere. A folder may be reached by a link."""
    for place, root in ((Path(os.path.normpath(path)), folder), (path.resolve(), folder.resolve())):
        if place.is_relative_to(root):
            return place.relative_to(root).as_posix()
    return None


def _read(names: Iterable[str], folder: Path) -> tuple[dict[str, Shipped], list[Problem]]:
    import hashlib  # OpenSSL's: the command starts without it

    files, problems = {}, []
    for name in names:
        try:
            content = (folder / name).read_bytes()
            text = content.decode()
        except OSError as error:
            problems.append(Problem(f"cannot be read: {error.strerror}", str(folder / name)))
            continue
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            problems.append(Problem("is no UTF-8 text, and only text goes with a job", str(folder / name), ELSEWHERE))
        files[name] = Shipped(hashlib.sha256(content).hexdigest(), text)
    return files, problems


def _wrong(given: str, program: str | None, path: Path) -> Iterator[Problem]:
    """What is wrong with a case's program, which is `program` below the folder of the case's file."""
    if program is not None and not (path.parent / program).is_file():
        remedy = "give its place relative to this file, or __file__"
        yield Problem(f"its program {given} is no file", str(path), remedy)
    if program is None and given.endswith(".py") and not os.path.isabs(given):
        remedy = "move it there, or give the absolute path that the nodes have it at"
        yield Problem(f"its program {given} is not below the folder of this file", str(path), remedy)
