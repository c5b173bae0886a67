"""Keeps what torch's flight recorder knows of this rank's collectives, for whoever asks why ranks wait without end.

The recorder is torch's own: a ring of the newest collectives, of gloo and of NCCL, with their sizes and whether they
are done. It is asked for by the signal that asks for stacks, and when a rank fails; NCCL's watchdog asks it at a
time-out, and writes into the same folder. Standard library only: where no torch was imported there is nothing to tell.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, MutableMapping
from pathlib import Path

ENTRIES = 2000
"""Collectives that a rank remembers, about 120 bytes each in a dump; torch's own tutorial takes as many."""
RECORDERS = {"gloo": "_dump_fr_trace", "nccl": "_dump_nccl_trace"}
"""What has a recorder -> the function of torch._C._distributed_c10d that dumps it (torch 2.13)."""


def prepare(environ: MutableMapping[str, str], folder: Path) -> None:
    """Switch the recorder on, before there is a process group; what the user chose stays, by whichever name.

    torch 2.9 renamed two of the variables, and warns of the old names in each rank's log.
    """
    watchdog = str((folder / "watchdog-rank-").absolute())  # torch adds the number of the rank
    names = {
        ("TORCH_FR_BUFFER_SIZE", "TORCH_NCCL_TRACE_BUFFER_SIZE"): str(ENTRIES),
        ("TORCH_FR_DUMP_TEMP_FILE", "TORCH_NCCL_DEBUG_INFO_TEMP_FILE"): watchdog,
        ("TORCH_NCCL_DUMP_ON_TIMEOUT",): "1",
        # With 1 the watchdog may abort the process before it has dumped.
        ("TORCH_NCCL_ASYNC_ERROR_HANDLING",): "3",
    }
    for group, value in names.items():
        chosen = next((environ[name] for name in group if name in environ), value)
        environ.setdefault(group[-1] if _before_2_9() else group[0], chosen)


def _before_2_9() -> bool:
    """Whether torch has the old names. One that is not installed has none."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return False
    return [int(part) for part in version.split(".")[:2]] < [2, 9]


def known() -> dict[str, bytes]:
    """Kind of recorder -> what it knows, a pickle; nothing where there is none."""
    c10d = sys.modules.get("torch._C._distributed_c10d")
    found: dict[str, Callable[..., bytes] | None] = {
        kind: getattr(c10d, name, None) for kind, name in RECORDERS.items()
    }
    return {kind: b"" if recorder is None else _ask(recorder) for kind, recorder in found.items()}


def dump(folder: Path, rank: int) -> None:
    """Write what the recorders know; a new time of gloo's file says that there is nothing to tell."""
    for kind, content in known().items():
        if content or kind == "gloo":
            _write(folder / f"{kind}-rank-{rank}", content)


def dump_on_request(folder: Path, rank: int) -> None:
    """From now on SIGUSR2 dumps, also while the main thread waits inside C code; chain faulthandler's handler to it.

    A Python handler would wait for that thread. The byte that the interpreter's own handler writes at once, for every
    signal that Python handles, wakes a thread of ours, which needs no more than the interpreter's lock.
    """
    (folder / f"gloo-rank-{rank}").touch()  # for whoever asks: this one answers
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGUSR2, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def wait() -> None:
        while numbers := os.read(woken, 64):
            if signal.SIGUSR2 in numbers:
                dump(folder, rank)

    threading.Thread(target=wait, name="flight", daemon=True).start()


def _ask(recorder: Callable[..., bytes]) -> bytes:
    try:
        # Stacks come from faulthandler. torch's first look at a stack costs 5 s of CPU, the rest 20 ms (torch 2.13).
        with contextlib.suppress(TypeError):  # of an older one, which has no such argument
            return recorder(includeStackTraces=False)
        return recorder()
    except Exception:  # nothing that goes wrong here may end a rank
        traceback.print_exc()
        return b""


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: whoever asked waits for the new file. Without content the old one is kept: who starts the
    ranks of a node stands for the first of them."""
    temporary = path.with_name(f".{path.name}")
    try:
        if content:
            temporary.write_bytes(content)
            temporary.replace(path)
        else:
            path.touch()
    except OSError as error:  # a full disk
        print(f"warning: {path}: {error.strerror}", file=sys.stderr, flush=True)
