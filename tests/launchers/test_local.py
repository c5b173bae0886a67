"""The local launcher with small programs: no torch, so that each attempt takes a fraction of a second."""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from seatrial.arguments import CaseArgs
from seatrial.binding import bind
from seatrial.diagnose import diagnose
from seatrial.errors import ExitCode, UserError
from seatrial.events import EventWriter, RunEnd, RunStart, Step, StopRequested
from seatrial.findings import Finding
from seatrial.history import History
from seatrial.interrupts import Interrupts, held_back
from seatrial.job import Job
from seatrial.launchers import _processes, _shared_memory, local
from seatrial.rank.memory import OomKills
from seatrial.runs import Run, State, process_started
from seatrial.spec import Case, Launch, Recipe
from tests.clusters import LOCAL

PRELUDE = """
import faulthandler, os, signal, socket, sys, threading, time
from pathlib import Path
from seatrial.events import *
run, rank, attempt = Path(os.environ["SEATRIAL_RUN"]), int(os.environ["RANK"]), int(os.environ["SEATRIAL_ATTEMPT"])
events = EventWriter(run / "events.jsonl")
faulthandler.register(signal.SIGUSR2, file=(run / "stacks" / f"rank-{rank}.txt").open("a"), all_threads=True)
(run / f"pid-{attempt}-{rank}").write_text(str(os.getpid()))
def step(number):
    if rank == 0:
        events.write(Step(step=number, loss=1.0, learning_rate=0.1, count=1, seconds=0.1))
def others():  # a rank that acts before the others exist would make the test a race
    while len(list(run.glob(f"pid-{attempt}-*"))) < int(os.environ["WORLD_SIZE"]): time.sleep(0.01)
def seen():  # without a step an attempt is not worth another
    while '"step"' not in (run / "events.jsonl").read_text(): time.sleep(0.01)
forever = threading.Event().wait
others()
"""


START_SECONDS = 3.0
"""In which a busy machine starts a few Pythons, so that they can write their stacks."""

CLUSTER = replace(LOCAL, nodes=2, options=local.Options())


@dataclass(frozen=True)
class Args(CaseArgs):
    """No arguments."""


def make(tmp_path: Path, body: str, processes: int = 2, *, nodes: int = 1, launch: Launch = "rank") -> tuple[Job, Run]:
    program = tmp_path / "program.py"
    program.write_text((PRELUDE if launch == "rank" else "") + body)
    recipe = Recipe(name="tiny", title="", args=Args(), processes_per_node=processes, nodes=nodes)
    case = Case(
        name="test",
        title="",
        framework="",
        Args=Args,
        recipes=(recipe,),
        program=str(program),
        resumable=True,
        launch=launch,
    )
    job = bind(case, recipe, CLUSTER)
    return job, History(tmp_path / "runs").create(job, "run")


def execute(job: Job, run: Run, *, max_restarts: int = 0, hang_seconds: float = 30.0) -> int:
    options = local.Options(max_restarts=max_restarts, hang_seconds=hang_seconds)
    return local.execute(local.render(job, CLUSTER, run.id), run, replace(CLUSTER, options=options), lambda: None)


def pids(run: Run) -> list[int]:
    return [int(path.read_text()) for path in run.path.glob("pid-*")]


def test_ranks_see_their_place_and_nothing_of_an_outer_launcher(tmp_path, monkeypatch):
    others = ("RANK", "GROUP_RANK", "SLURM_PROCID", "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "OMPI_COMM_WORLD_RANK")
    for name in (*others, "NODE_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "77")
    monkeypatch.setenv("RANKING", "kept")
    body = """
text = "\\n".join(f"{k}={v}" for k, v in sorted(os.environ.items()))
(run / f"env-{rank}").write_text(text)
"""
    job, run = make(tmp_path, body, processes=3)
    assert execute(job, run) == ExitCode.PASSED
    for rank in range(3):
        env = dict(line.split("=", 1) for line in (run.path / f"env-{rank}").read_text().splitlines() if "=" in line)
        assert (env["RANK"], env["LOCAL_RANK"], env["WORLD_SIZE"]) == (str(rank), str(rank), "3")
        assert env["MASTER_ADDR"] == "127.0.0.1"
        assert 1024 <= int(env["MASTER_PORT"]) <= 65535
        assert env["RANKING"] == "kept"
        assert "77" not in env.values()


def test_each_rank_has_a_log_of_both_streams(tmp_path):
    job, run = make(tmp_path, 'print("out", rank); print("err", rank, file=sys.stderr)')
    assert execute(job, run) == ExitCode.PASSED
    for rank in range(2):
        assert sorted(run.log_path(rank).read_text().split("\n")) == ["", f"err {rank}", f"out {rank}"]


def test_a_dead_rank_stops_the_others_at_once(tmp_path):
    job, run = make(tmp_path, "sys.exit(3) if rank == 1 else forever(60)")
    begin = time.monotonic()
    assert execute(job, run) == ExitCode.FAILED
    assert time.monotonic() - begin < 10
    assert all(process_started(pid) is None for pid in pids(run))
    end = run.events().end()
    assert (end.outcome, end.reason) == ("failed", "rank 1 ended with exit code 3")
    assert run.state() is State.FAILED


def test_a_killed_rank_is_told_by_its_signal(tmp_path):
    job, run = make(tmp_path, "os.kill(os.getpid(), signal.SIGKILL) if rank == 0 else forever(60)")
    execute(job, run)
    assert run.events().end().reason == "rank 0 was killed by SIGKILL"


def test_a_kill_that_was_counted_is_told_of_who_was_killed_also_if_another_is_seen_to_end_before(tmp_path, monkeypatch):
    """The kernel takes a while to end who has much memory; its own counter is looked at in tests/trials/local."""
    counter = tmp_path / "sys/fs/cgroup/memory.events"
    counter.parent.mkdir(parents=True)
    counter.write_text("oom_kill 0\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    monkeypatch.setattr("seatrial.launchers._processes.OomKills", partial(OomKills, tmp_path))
    body = f"""
answers = run / "stacks" / "gloo-rank-1"
if rank == 0:
    while not answers.exists(): time.sleep(0.01)
    Path({str(counter)!r}).write_text("oom_kill 1\\n")
    sys.exit(1)
signal.signal(signal.SIGUSR2, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
answers.touch()
forever(60)
"""
    job, run = make(tmp_path, body)
    assert execute(job, run) == ExitCode.FAILED
    told = run.events().end().reason
    assert told.startswith("rank 1 was killed by SIGKILL; the kernel's OOM killer ended 1 process"), told
    assert diagnose(run).cause.check == "diagnose.host-memory" and diagnose(run).cause.scope == {"rank": [1]}
    assert [f.check for f in run.events().of(Finding)] == ["run.rank-died"]


def test_of_ranks_that_are_seen_dead_together_the_one_that_was_killed_came_first(tmp_path):
    """The other lost it as a peer; between the two the launcher was not scheduled."""
    body = """
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
while "State:\tZ" not in Path(f"/proc/{(run / f'pid-{attempt}-1').read_text()}/status").read_text(): time.sleep(0.01)
sys.exit(1)
"""
    job, run = make(tmp_path, body)
    dead: list[bool] = []

    def sleep() -> None:  # until both are
        while not dead and len(pids(run)) == 2:
            states = [Path(f"/proc/{pid}/status").read_text() for pid in pids(run)]
            dead.extend([True] if all("State:\tZ" in state for state in states) else [])

    local.execute(local.render(job, CLUSTER, run.id), run, CLUSTER, sleep)
    assert run.events().end().reason == "rank 1 was killed by SIGKILL"


def test_restarts_only_after_progress_and_only_so_often(tmp_path):
    body = "step(attempt + 1); sys.exit(1) if rank == 0 else forever(60)"
    job, run = make(tmp_path, body)
    assert execute(job, run, max_restarts=2) == ExitCode.FAILED
    assert len(pids(run)) == 6  # 3 attempts of 2 ranks
    assert run.events().attempts() == 3

    (tmp_path / "other").mkdir()
    job, run = make(tmp_path / "other", "sys.exit(1) if rank == 0 else forever(60)")
    execute(job, run, max_restarts=2)
    assert len(pids(run)) == 2  # no step was done: it would only die again


def test_a_restart_that_succeeds_passes(tmp_path):
    job, run = make(tmp_path, "step(attempt + 1); seen(); sys.exit(1 if attempt == 0 and rank == 1 else 0)")
    assert execute(job, run, max_restarts=1) == ExitCode.PASSED


@pytest.mark.parametrize("code", [ExitCode.USAGE, ExitCode.INVALID])
def test_what_a_restart_cannot_mend_is_not_restarted(tmp_path, code):
    job, run = make(tmp_path, f"step(1); sys.exit({code}) if rank == 0 else forever(60)")
    assert execute(job, run, max_restarts=5) == code
    assert len(pids(run)) == 2


def test_a_silent_rank_is_a_hang_with_stacks_of_all_ranks(tmp_path):
    body = """
(run / "heartbeats" / f"rank-{rank}").touch()
def stuck(): forever(60)
stuck()
"""
    job, run = make(tmp_path, body)
    assert execute(job, run, hang_seconds=START_SECONDS) == ExitCode.FAILED
    assert run.events().of(Finding)[0].check == "run.hang"
    for rank in range(2):
        assert "in stuck" in (run.path / "stacks" / f"rank-{rank}.txt").read_text()
    assert all(process_started(pid) is None for pid in pids(run))


def test_heartbeats_keep_a_slow_rank_alive(tmp_path):
    body = """
path = run / "heartbeats" / f"rank-{rank}"
for _ in range(20):
    path.touch(); time.sleep(0.1)
"""
    job, run = make(tmp_path, body)
    assert execute(job, run, hang_seconds=1.5) == ExitCode.PASSED


def in_the_background(job: Job, run: Run, **env: str) -> subprocess.Popen[bytes]:
    """The launcher as a process of its own, with a run that waits for a signal."""
    script = (
        "import sys; from pathlib import Path; from seatrial import config\n"
        "from seatrial.launchers import local; from seatrial.runs import Run\n"
        "run, here = Run(Path(sys.argv[1])), config.cluster('local')\n"
        "sys.exit(local.execute(local.render(run.job, here, run.id), run, here, lambda: None))"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(run.path)], env={**os.environ, **env})


def wait_for(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)


STOPS_IN_ORDER = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
(run / f"ready-{rank}").touch()
forever(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_stop_reaches_every_rank_and_leaves_nothing(tmp_path, number):
    job, run = make(tmp_path, STOPS_IN_ORDER)
    process = in_the_background(job, run)
    wait_for(lambda: len(list(run.path.glob("ready-*"))) == 2)
    process.send_signal(number)
    assert process.wait(20) == ExitCode.STOPPED
    assert all(process_started(pid) is None for pid in pids(run))
    assert run.supervisor() is None


def test_a_second_request_kills_a_rank_that_does_not_listen(tmp_path):
    body = STOPS_IN_ORDER.replace("lambda *_: sys.exit(75)", "lambda *_: (run / f'asked-{rank}').touch()")
    job, run = make(tmp_path, body + "\nwhile True: forever(60)")
    process = in_the_background(job, run)
    wait_for(lambda: len(list(run.path.glob("ready-*"))) == 2)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: len(list(run.path.glob("asked-*"))) == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == ExitCode.STOPPED
    assert all(process_started(pid) is None for pid in pids(run))
    assert run.events().end().outcome == "stopped"


def test_a_request_is_told_at_once_and_what_is_lost_at_the_end(tmp_path):
    body = STOPS_IN_ORDER.replace("lambda *_: sys.exit(75)", "lambda *_: (run / f'asked-{rank}').touch()")
    steps = """
if rank == 0:
    for number in (1, 2, 3): step(number)
    events.write(CheckpointSaved(step=2, path="x", bytes=1, seconds=0.1, stall_seconds=0.1))
"""
    job, run = make(tmp_path, steps + body + "\nwhile True: forever(60)")
    process = in_the_background(job, run)
    wait_for(lambda: len(list(run.path.glob("ready-*"))) == 2)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: len(list(run.path.glob("asked-*"))) == 2)
    wait_for(lambda: [event.signal for event in run.events().of(StopRequested)] == ["SIGINT"])
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == ExitCode.STOPPED
    assert run.events().end().reason == "killed on request; steps 3 to 3 are lost"


def test_a_request_that_comes_before_the_watch_is_not_lost(tmp_path):
    job, run = make(tmp_path, STOPS_IN_ORDER)
    with held_back():
        os.kill(os.getpid(), signal.SIGINT)
        assert execute(job, run) == ExitCode.STOPPED
        os.kill(os.getpid(), signal.SIGINT)  # meant for the ranks, too late
    with Interrupts() as later:
        assert later.requests == []
    assert [event.signal for event in run.events().of(StopRequested)] == ["SIGINT"]


def test_a_run_whose_folder_is_deleted_ends_at_once(tmp_path):
    job, run = make(tmp_path, "(run.parent.parent / f'ready-{rank}').write_text(str(os.getpid())); forever(60)")
    gone = threading.Thread(
        target=lambda: (
            wait_for(lambda: all((tmp_path / f"ready-{rank}").exists() for rank in (0, 1))),
            shutil.rmtree(run.path),
        )
    )
    gone.start()
    with pytest.raises(UserError, match="was deleted, so the ranks were stopped"):
        execute(job, run)
    gone.join()
    assert all(process_started(int(path.read_text())) is None for path in tmp_path.glob("ready-*"))


def test_imports_are_no_hang(tmp_path, monkeypatch):
    job, run = make(tmp_path, "time.sleep(1.5)")
    assert execute(job, run, hang_seconds=1.0) == ExitCode.PASSED
    monkeypatch.setattr(_processes, "START_SECONDS", 1.0)
    shutil.rmtree(run.path)
    job, run = make(tmp_path, "forever(60)")
    assert execute(job, run, hang_seconds=1.0) == ExitCode.FAILED


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no shared memory as files")
def test_shared_memory_of_killed_ranks_is_removed(tmp_path):
    """Of ranks that cannot: the one that made it was killed, the other with it. What somebody else has stays."""
    name = f"seatrial-test-{os.getpid()}"
    body = f"""
import mmap
place = Path("/dev/shm/{name}")
if rank == 0: place.write_bytes(b"x" * 4096)
while not place.exists() or place.stat().st_size < 4096: time.sleep(0.01)
file = place.open("r+b")
kept = mmap.mmap(file.fileno(), 4096)
data = run / f"data-{{rank}}"
data.write_bytes(b"x" * 4096)
on_disk = data.open("r+b")
also = mmap.mmap(on_disk.fileno(), 4096)
(run / f"mapped-{{rank}}").touch()
while len(list(run.glob("mapped-*"))) < 2: time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL) if rank == 0 else forever(60)
"""
    place = Path("/dev/shm") / name
    try:
        job, run = make(tmp_path, body)
        assert execute(job, run) == ExitCode.FAILED
        assert not place.exists()
        assert len([*run.path.glob("data-*")]) == 2, "files on disks are nobody's to remove"
        place.write_bytes(b"x" * 4096)
        with place.open("r+b") as file, mmap.mmap(file.fileno(), 4096):
            _shared_memory.remove({place})
            assert place.exists(), "this process has it mapped"
    finally:
        place.unlink(missing_ok=True)


def test_even_kill_9_of_the_launcher_leaves_no_rank(tmp_path):
    job, run = make(tmp_path, STOPS_IN_ORDER)
    process = in_the_background(job, run)
    wait_for(lambda: len(list(run.path.glob("ready-*"))) == 2)
    process.kill()
    process.wait()
    wait_for(lambda: all(process_started(pid) is None for pid in pids(run)))
    assert run.state() is State.LOST


def test_cancel_stops_a_run_from_another_process(tmp_path):
    job, run = make(tmp_path, STOPS_IN_ORDER)
    process = in_the_background(job, run)
    wait_for(lambda: len(list(run.path.glob("ready-*"))) == 2)
    with pytest.raises(UserError, match="running already"):
        run.claim()
    local.cancel(run)
    assert run.supervisor() is None
    assert process.wait(20) == ExitCode.STOPPED


def test_a_killed_rank_is_the_cause_though_a_peer_ended_before_it_was_gone(tmp_path):
    body = """
import time
if rank == 0:
    while not (run / "dying").exists(): time.sleep(0.001)
    sys.exit(1)
(run / "dying").touch()
time.sleep(0.15)  # its memory takes that long
os.kill(os.getpid(), signal.SIGKILL)
"""
    job, run = make(tmp_path, body)
    assert execute(job, run) == ExitCode.FAILED
    [found] = run.events().of(Finding)
    assert found.observed.startswith("rank 1 was killed by SIGKILL")


def test_what_no_attempt_could_repair_is_said_by_rank_0_though_another_ends_before_it(tmp_path):
    body = f"""
import time
if rank == 0:
    while not (run / "ended").exists(): time.sleep(0.001)
    time.sleep(0.3)
    (run / "said").touch()
(run / "ended").touch()
sys.exit({int(ExitCode.INVALID)})
"""
    job, run = make(tmp_path, body)
    assert execute(job, run) == ExitCode.INVALID
    assert (run.path / "said").exists()


def test_a_grandchild_dies_with_its_rank(tmp_path):
    body = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait(60)"])
(run / f"pid-child-{rank}").write_text(str(child.pid))
sys.exit(1)
"""
    job, run = make(tmp_path, body)
    assert execute(job, run) == ExitCode.FAILED
    assert list(run.path.glob("pid-child-*"))
    wait_for(lambda: all(process_started(pid) is None for pid in pids(run)))


def test_the_port_is_free():
    port = local.free_port()
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        assert server.getsockname()[1] == port


def test_a_resumed_run_that_is_killed_does_not_keep_its_old_ending(tmp_path):
    _, run = make(tmp_path, "")
    writer = EventWriter(run.events_path)
    writer.write(RunEnd(outcome="stopped", step=4))
    assert run.state() is State.STOPPED
    writer.write(RunStart(attempt=1, start_step=4, steps=8, world_size=2, device="cpu", backend="gloo"))
    assert run.state() is State.LOST
    writer.write(Step(step=5, loss=1.0, learning_rate=0.1, count=1, seconds=0.1))
    assert run.state() is State.LOST
    writer.close()


# --- programs that start their own ranks

STARTS_RANKS = """
import os, signal, subprocess, sys, time
from pathlib import Path
run, node = Path(os.environ["SEATRIAL_RUN"]), int(os.environ["NODE_RANK"])
nodes, each = int(os.environ["NNODES"]), int(os.environ["NPROC_PER_NODE"])
print("node", node, "of", nodes, os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]) > 0)
mine = range(node * each, (node + 1) * each) if os.environ["STYLE"] == "node" else range(nodes * each)
def start(code):
    return [subprocess.Popen([sys.executable, "-c", code, str(run), str(rank)]) for rank in mine]
"""
RANK = """
import faulthandler, os, signal, sys, threading, time
from pathlib import Path
run, rank = Path(sys.argv[1]), sys.argv[2]
faulthandler.register(signal.SIGUSR2, file=(run / "stacks" / f"rank-{rank}.txt").open("a"))
(run / f"pid-{rank}").write_text(str(os.getpid()))
"""
PLACES = {"node": ["node-0", "node-1"], "driver": ["driver"]}


def starter(tmp_path: Path, launch: Launch, rank: str, end: str = "") -> tuple[Job, Run]:
    """A job of 2 nodes with 2 ranks each, whose program starts the ranks and ends as they do."""
    wait = "sys.exit(max(child.wait() for child in start(RANK)))"
    style = f'import os; os.environ["STYLE"] = "{launch}"'
    body = f"{style}{STARTS_RANKS}RANK = {RANK + rank!r}\n{end or wait}"
    return make(tmp_path, body, nodes=2, launch=launch)


def test_nothing_here_starts_an_mpi_program(tmp_path):
    job, _ = starter(tmp_path, "node", "")
    with pytest.raises(UserError, match="nothing here starts an MPI program"):
        local.render(replace(job, launch="mpi"), LOCAL, "run-1")


@pytest.mark.parametrize("launch", PLACES)
def test_a_program_for_each_node_or_for_the_whole_job_knows_its_place(tmp_path, monkeypatch, launch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NNODES"):
        monkeypatch.setenv(name, "77")
    ours = "assert not {'RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE'} & {*os.environ}"
    job, run = starter(tmp_path, launch, ours)
    assert execute(job, run) == ExitCode.PASSED
    assert sorted(path.stem for path in run.path.glob("logs/*")) == PLACES[launch]
    for node, name in enumerate(PLACES[launch]):
        assert (run.path / f"logs/{name}.log").read_text() == f"node {node} of 2 127.0.0.1 True\n"
    assert len(pids(run)) == 4


@pytest.mark.parametrize("launch", PLACES)
def test_its_death_ends_the_others_and_its_ranks(tmp_path, launch):
    end = "start(RANK)\nwhile sum(p.stat().st_size > 0 for p in run.glob('pid-*')) < 4: time.sleep(0.01)\nsys.exit(3)"
    job, run = starter(tmp_path, launch, "threading.Event().wait(60)", end)
    assert execute(job, run) == ExitCode.FAILED
    wait_for(lambda: all(process_started(pid) is None for pid in pids(run)))
    name = PLACES[launch][0].replace("-", " ")
    [found] = run.events().of(Finding)
    assert run.events().end().reason.endswith("ended with exit code 3")
    assert found.evidence in [f"logs/{place}.log" for place in PLACES[launch]]
    assert found.observed.split()[0] == name.split()[0] and found.remedy == "seatrial logs run"


def test_signs_of_life_are_those_of_its_ranks(tmp_path):
    """Those of node 0 have beaten for the next hour, those of node 1 once. The signal ends the programs, their ranks
    answer late, as on a busy machine."""
    rank = """
def answer(*_):
    time.sleep(0.5)
    faulthandler.dump_traceback((run / "stacks" / f"rank-{rank}.txt").open("a"))
signal.signal(signal.SIGUSR2, answer)
beat = run / "heartbeats" / f"rank-{rank}"
beat.touch()
if int(rank) < 2:
    os.utime(beat, (time.time() + 3600,) * 2)
def stuck(): threading.Event().wait(60)
stuck()
"""
    job, run = starter(tmp_path, "node", rank)
    assert execute(job, run, hang_seconds=START_SECONDS) == ExitCode.FAILED
    [found] = run.events().of(Finding)
    assert found.check == "run.hang" and found.observed.startswith("node 1 gave no sign of life")
    assert all("in stuck" in (run.path / "stacks" / f"rank-{rank}.txt").read_text() for rank in range(4))


@pytest.mark.parametrize("launch", PLACES)
def test_it_is_asked_to_stop_and_passes_it_on(tmp_path, launch):
    end = """
children = start(RANK)
signal.signal(signal.SIGTERM, lambda *_: [child.terminate() for child in children])
while len(list(run.glob("pid-*"))) < 4: time.sleep(0.01)
(run / f"ready-{node}").touch()
sys.exit(max(child.wait() for child in children))
"""
    rank = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(75)); threading.Event().wait(60)"
    # the handler must be there before the file by which the rank says that it is
    job, run = starter(tmp_path, launch, "", end.replace("start(RANK)", f"start({rank_first(rank)!r})"))
    process = in_the_background(job, run)
    wait_for(lambda: len(list(run.path.glob("ready-*"))) == len(PLACES[launch]))
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == ExitCode.STOPPED
    assert all(process_started(pid) is None for pid in pids(run))


def rank_first(body: str) -> str:
    """A rank that does the first part of `body` before it says that it is there."""
    first, _, rest = body.partition("; ")
    before, mark, after = RANK.partition("(run / f")
    return f"{before}{first}\n{mark}{after}{rest}"
