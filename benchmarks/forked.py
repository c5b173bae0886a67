"""Ranks of a job on this machine, forked from a process that has imported what they need: a run takes little but time.

Nobody watches them, so that it is for runs that end by themselves.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType

from seatrial import catalog
from seatrial.binding import bind
from seatrial.config import cluster
from seatrial.job import Job


def run(case: Path, folder: Path, settings: dict[str, str], processes: int | None = None) -> None:
    """Start the ranks of a case in a file, and wait for them; in a folder that is there they go on."""
    found, recipe = catalog.recipe(str(case))
    job = bind(found, recipe, cluster("local"), settings=settings, processes_per_node=processes)
    module = load(case)
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(job.to_json(), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = []
    for rank in range(job.world_size):
        pid = os.fork()
        if pid == 0:
            _rank(module, job, folder, rank, port)
        ranks.append(pid)
    for pid in ranks:
        os.waitpid(pid, 0)


def load(path: Path) -> ModuleType:
    """The module in a file, once."""
    name = f"forked_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def _rank(module: ModuleType, job: Job, folder: Path, rank: int, port: int) -> None:
    """Be that rank; it never returns."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(job.world_size), "SEATRIAL_RUN": str(folder),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": str(job.threads_per_process),
    }  # fmt: skip
    (folder / "logs").mkdir(exist_ok=True)
    log = os.open(folder / "logs" / f"rank-{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        if "torch" in sys.modules:  # which read the variable when it was imported
            sys.modules["torch"].set_num_threads(job.threads_per_process)
        module.main()
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
