"""A framework's log is read while it is written, and nobody notices."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from seatrial.events import PRINTED, Event, Heartbeat, Step, read_events
from seatrial.findings import Finding, Verdict
from seatrial.rank import lines
from seatrial.rank.console import LONGEST, console
from seatrial.rank.core import Rank
from seatrial.rank.lines import Line, number
from tests.ranks import JOB


class Steps(lines.Reader):
    """Reads ``step 3 loss 2.5 ;``; without its last word the line is torn."""

    def __init__(self) -> None:
        self.seen: list[Line] = []

    def read(self, line: Line) -> Iterable[Event]:
        self.seen.append(line)
        _, found, rest = line.text.partition("step ")
        if not found:
            return
        step, _, loss, end = rest.split(" ")
        yield Step(step=int(step), loss=number(loss), count=1, seconds=1.0)
        if end != ";":
            raise ValueError("the line is torn")


class Terminal:
    """What stands on stdout and stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.texts = ["", ""]

    def _read(self) -> list[str]:
        self.texts = [before + new for before, new in zip(self.texts, self.capsys.readouterr(), strict=True)]
        return self.texts

    @property
    def out(self) -> str:
        return self._read()[0]

    @property
    def err(self) -> str:
        return self._read()[1]


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def steps(worker: Rank) -> list[int]:
    return [step.step for step in read_events(worker.run / "events.jsonl").of(Step)]


def findings(worker: Rank) -> list[Finding]:
    return read_events(worker.run / "events.jsonl").of(Finding)


# --- what is written goes on, and is read ---


def test_print_and_its_pieces_are_read(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    worker = make_rank()
    with console(worker, Steps()):
        print("step", 1, "loss", 2.5, ";")
        assert terminal.out == "step 1 loss 2.5 ;\n", "at once"
        assert steps(worker) == [1], "at once"
        for piece in ("st", "ep 2", " loss ", "2.25 ;"):
            sys.stderr.write(piece)
        assert terminal.err == "step 2 loss 2.25 ;", "before the line has an end"
        assert steps(worker) == [1]
        sys.stderr.write("\nstep 3 loss 2 ;\nnothing\nstep 4 loss 1 ;\nstep 5")
        assert steps(worker) == [1, 2, 3, 4]
        sys.stderr.write(" loss 1 ;\n")
        assert sys.stdout.write("") == 0
        sys.stdout.writelines(["step 6 loss", " 1 ;\n"])
    assert steps(worker) == [1, 2, 3, 4, 5, 6]
    assert terminal.out == "step 1 loss 2.5 ;\nstep 6 loss 1 ;\n"
    assert terminal.err == "step 2 loss 2.25 ;\nstep 3 loss 2 ;\nnothing\nstep 4 loss 1 ;\nstep 5 loss 1 ;\n"
    assert findings(worker) == []


def test_logging_set_up_inside_is_read_and_still_works_afterwards(
    terminal: Terminal, make_rank: Callable[..., Rank]
) -> None:
    worker = make_rank()
    logger = logging.Logger("a framework")
    with console(worker, Steps()):
        logger.addHandler(logging.StreamHandler())
        logger.info("step %d loss %.1f ;", 1, 2.5)
    logger.info("step 2 loss 2.5 ;")
    assert terminal.err == "step 1 loss 2.5 ;\nstep 2 loss 2.5 ;\n"
    assert steps(worker) == [1], "what comes later is not the framework's training"


def test_a_progress_bar_is_passed_on_and_a_metric_line_behind_it_is_read(
    terminal: Terminal, make_rank: Callable[..., Rank]
) -> None:
    from tqdm import tqdm

    worker, reader = make_rank(), Steps()
    with console(worker, reader):
        for i in tqdm(range(3), mininterval=0, ncols=40):
            print(f"step {i + 1} loss 2.5 ;", file=sys.stderr)
    assert steps(worker) == [1, 2, 3]
    assert terminal.err.count("\r") >= 3
    assert "\r" not in "".join(line.text for line in reader.seen)


def test_colours_stay_on_the_terminal_and_a_label_is_no_engines(
    terminal: Terminal, make_rank: Callable[..., Rank]
) -> None:
    reader = Steps()
    with console(make_rank(), reader):
        print("\x1b[32m12: 3\x1b[0m")
    assert terminal.out == "\x1b[32m12: 3\x1b[0m\n"
    assert reader.seen == [Line("12: 3")], "no engine has touched it yet"


def test_a_line_without_end_does_not_fill_the_memory(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    worker, reader = make_rank(), Steps()
    with console(worker, reader):
        for _ in range(4):
            sys.stdout.write("." * LONGEST)
        print("\rstep 1 loss 2.5 ;")
    assert steps(worker) == [1]
    assert len(terminal.out) > 4 * LONGEST


def test_it_stands_for_the_stream_in_all_else(make_rank: Callable[..., Rank], tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        with console(make_rank(), Steps()):
            assert sys.stdout.fileno() == file.fileno()
            assert (sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.name) == ("utf-8", False, file.name)
            sys.stdout.flush()
            sys.stdout.buffer.write(b"bytes\n")
            subprocess.run(["echo", "a child"], stdout=sys.stdout, check=True)
        assert sys.stdout is file
    assert sorted((tmp_path / "out").read_text().splitlines()) == ["a child", "bytes"]


# --- what cannot be read ---


def test_lines_that_cannot_be_read_become_one_finding(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    worker = make_rank()
    with console(worker, Steps()):
        print("step 1 loss 2.5 ;")
        print("step 2 loss 2.5 ;;")
        print("step 3 loss 2,5 ;")
        print("step 4 loss 2.5 ;")
    (finding,) = findings(worker)
    assert (finding.check, finding.verdict) == ("run.log-readable", Verdict.UNKNOWN)
    assert finding.observed == "2 metric lines could not be read, first 'step 2 loss 2.5 ;;': the line is torn"
    assert finding.evidence == "logs/rank-0.log"
    assert steps(worker) == [1, 2, 4], "what was read of a line before it broke is kept"
    assert terminal.out.count("\n") == 4


def test_a_torn_last_line_is_read(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    worker = make_rank()
    with console(worker, Steps()):
        sys.stdout.write("step 1 loss 2.5 ;")
        sys.stderr.write("step 2 lo")
    assert steps(worker) == [1]
    (finding,) = findings(worker)
    assert "1 metric lines could not be read, first 'step 2 lo': not enough values" in finding.observed


def test_a_mistake_of_the_reader_does_not_end_the_training(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    class Broken(lines.Reader):
        def read(self, line: Line) -> Iterable[Event]:
            raise KeyError(line.text)

    worker = make_rank()
    with console(worker, Broken()):
        print("a line")
    (finding,) = findings(worker)
    assert finding.observed == "1 metric lines could not be read, first 'a line': KeyError: 'a line'"


def test_events_that_cannot_be_written_are_not_the_logs_fault(
    terminal: Terminal, make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch
) -> None:
    def emit(_: Event) -> None:
        raise OSError("no space left on device")

    worker, before = make_rank(), sys.stdout
    monkeypatch.setattr(worker, "emit", emit)
    with pytest.raises(OSError, match="no space"), console(worker, Steps()):
        print("step 1 loss 2.5 ;")
    assert sys.stdout is before


def test_an_exception_inside_restores_the_streams(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    worker, before = make_rank(), (sys.stdout, sys.stderr)
    with pytest.raises(ZeroDivisionError), console(worker, Steps()):
        sys.stdout.write("step 1 loss 2.5 ;")
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == before
    assert steps(worker) == [1]


def test_one_inside_another(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    outer, inner = Steps(), Steps()
    worker, before = make_rank(), sys.stdout
    with console(worker, outer):
        print("one")
        with console(worker, inner):
            print("two")
        print("three")
    assert [line.text for line in outer.seen] == ["one", "two", "three"]
    assert [line.text for line in inner.seen] == ["two"]
    assert terminal.out == "one\ntwo\nthree\n"
    assert sys.stdout is before


# --- events that are printed, threads, children ---


def test_printed_events_stand_on_lines_of_their_own_and_are_not_read(
    terminal: Terminal, make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_PRINT_EVENTS", "1")
    worker, reader = make_rank(), Steps()
    with console(worker, reader):
        sys.stdout.write("step 1 loss 2.5 ;\nstep 2 loss")
        sys.stdout.write(" 2.5 ;\n")
        worker.emit(Heartbeat(phase="save"))
    text = terminal.out
    assert [line.split('"')[0] for line in text.splitlines()] == [
        "step 1 loss 2.5 ;",
        PRINTED + "{",
        "step 2 loss 2.5 ;",
        PRINTED + "{",
        PRINTED + "{",
    ]
    assert [line.text for line in reader.seen if not line.text.startswith(PRINTED)] == [
        "step 1 loss 2.5 ;",
        "step 2 loss 2.5 ;",
    ]
    assert sum(line.text.startswith(PRINTED) for line in reader.seen) == 1, "the one that no line caused"


def test_what_the_reader_still_waits_for_comes_at_the_end(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    class Block(lines.Reader):
        def read(self, line: Line) -> Iterable[Event]:
            return ()

        def end(self) -> Iterable[Event]:
            yield Step(step=1, loss=2.0, count=1, seconds=1.0)
            raise ValueError("torn")

    worker = make_rank()
    with console(worker, Block()):
        print("[batch=1/1]:")
    log = read_events(worker.run / "events.jsonl")
    assert [step.step for step in log.steps()] == [1] and [f.check for f in log.of(Finding)] == ["run.log-readable"]


def test_a_reader_may_print(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    class Loud(Steps):
        def read(self, line: Line) -> Iterator[Event]:
            print("read:", line.text)
            logging.StreamHandler().emit(logging.LogRecord("x", 30, "", 0, "warned", None, None))
            yield from super().read(line)

    worker = make_rank()
    with console(worker, Loud()):
        print("step 1 loss 2.5 ;")
    assert steps(worker) == [1]
    assert terminal.out == "step 1 loss 2.5 ;\nread: step 1 loss 2.5 ;\n"
    assert terminal.err == "warned\n"


@pytest.mark.timeout(60)
def test_threads_never_mix_their_lines(
    terminal: Terminal, make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_PRINT_EVENTS", "1")
    worker, each, threads = make_rank(), 200, 4
    gate = threading.Barrier(threads)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def write(thread: int) -> None:
        stream = (sys.stdout, sys.stderr)[thread % 2]
        gate.wait()
        for i in range(each):
            stream.write(f"step {thread * each + i} loss 2.5 ;\n")

    try:
        with console(worker, Steps()):
            workers = [threading.Thread(target=write, args=(i,)) for i in range(threads)]
            for thread in workers:
                thread.start()
            for thread in workers:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(steps(worker)) == list(range(each * threads))
    assert findings(worker) == []
    written = [line for line in (terminal.out + terminal.err).splitlines() if not line.startswith(PRINTED)]
    assert sorted(written) == sorted(f"step {i} loss 2.5 ;" for i in range(each * threads))


FORKED = """
import json, os, sys, threading
from pathlib import Path
from seatrial.rank import lines
from seatrial.rank.console import console
from seatrial.rank.core import Rank

class Reader(lines.Reader):
    def read(self, line):
        if line.text == "hold":
            held.set()
            release.wait()
        read.append(line.text)
        return ()

held, release, read = threading.Event(), threading.Event(), []
worker = Rank(Path(sys.argv[1]), json.loads(sys.argv[2]))
with console(worker, Reader()):
    thread = threading.Thread(target=print, args=("hold",))
    thread.start()
    held.wait()  # another thread holds the lock now
    child = os.fork()
    if child == 0:
        print("from the child", flush=True)
        os._exit(0 if not read else 1)
    status = os.waitpid(child, 0)[1]
    release.set()
    thread.join()
    print("from the parent")
assert status == 0 and read == ["hold", "from the parent"], (status, read)
"""


def test_a_forked_child_prints_and_is_not_read(tmp_path: Path) -> None:
    """Data loaders fork: a lock that another thread held at that moment is never given back in the child."""
    environment = os.environ | {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    command = [
        sys.executable,
        "-u",
        "-c",
        FORKED,
        str(tmp_path),
        json.dumps(JOB),
    ]  # else a fork copies what is not written yet
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")) == ["", "from the child", "from the parent", "hold"]


def test_it_costs_less_than_a_thousandth_of_a_second_a_line(terminal: Terminal, make_rank: Callable[..., Rank]) -> None:
    """2 % of a quick step of 50 ms. Measured: 2 µs a line that says nothing, 40 µs with its event."""
    with console(make_rank(), Steps()):
        begin = time.process_time()
        for i in range(500):
            print(f"step {i} loss 2.5 ;")
        seconds = time.process_time() - begin
    assert seconds / 500 < 1e-3
