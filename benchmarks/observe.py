"""What a scrape of `seatrial observe export` takes: EFA of 32 devices, and many runs.

    python benchmarks/observe.py

`efa` reads a tree of 32 devices as the driver makes it, in memory, and serves it over HTTP, in turn with Debian's
node_exporter, which has its infiniband collector on and nothing else; that one knows 3 of a port's 40 values. Memory is
compared after 1,000 scrapes and after all of them. Targets: 5 ms, and no growth beyond 1 MB.

`runs` are runs that go on, all with the same long events. The first scrape reads those; the next ones find nothing new,
or one more step in every run, or 10,000 folders of runs that are over beside ten that are not. Target: 50 ms where
nothing is new. All in one process: a scrape's own time, without HTTP.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count as count_from
from pathlib import Path

from interleave import Row, estimate, interleave, parser, publish, row
from programs import scratch
from seatrial import catalog, config
from seatrial.binding import bind
from seatrial.events import RunEnd, RunStart, Step, encode
from seatrial.history import History
from seatrial.observe.catalogue import EMITTERS
from seatrial.observe.exporter.collecting import Exporter
from seatrial.observe.exporter.collectors.efa import Efa
from seatrial.observe.exporter.collectors.run import Runs
from seatrial.observe.exporter.serving import Protection, served
from seatrial.runs import Run

DEVICES, MS = 32, 1000.0
"""Of a p5.48xlarge; milliseconds of a second."""
NODE_EXPORTER = "prometheus-node-exporter"
START = RunStart(attempt=0, start_step=0, steps=10**6, world_size=8, device="cpu", backend="gloo", hosts=["a"] * 8)


def step(number: int) -> bytes:
    """A line as fsdp writes it, of eight ranks."""
    phases = dict.fromkeys(("data_wait", "forward", "backward", "optimizer", "checkpoint", "other"), 0.0123456789)
    ranks = {measure: [0.123456789] * 8 for measure in ("data_wait", "busy", "cpu", "wait")}
    event = Step(step=number, loss=2.5, learning_rate=1e-3, grad_norm=1.5, count=2048, seconds=0.5, phases=phases,
                 ranks=ranks, memory_bytes=10**9)  # fmt: skip
    return encode(event, time.time())


def sysfs(root: Path) -> None:
    """32 devices with every counter that the catalogue knows."""
    told = ("info", "state_id", "physical_state_id", "rate_bytes_per_second")
    for number in range(DEVICES):
        folder = root / f"class/infiniband/rdmap{number}s0"
        for place in ("device", "hw_counters", "ports/1/hw_counters", "ports/1/counters"):
            (folder / place).mkdir(parents=True)
        for name, text in {"device/vendor": "0x1d0f", "ports/1/state": "4: ACTIVE", "ports/1/phys_state": "5: LinkUp",
                           "ports/1/rate": "100 Gb/sec (4X EDR)"}.items():  # fmt: skip
            (folder / name).write_text(f"{text}\n")
        for metric in EMITTERS["efa"].metrics:
            name = metric.name.removeprefix("node_amazonefa_")
            if name not in told:
                place = "ports/1/hw_counters" if "port" in metric.labels else "hw_counters"
                (folder / place / name).write_text("123456789012\n")


@contextmanager
def node_exporter(sys: Path) -> Iterator[str]:
    """Debian's, with its collector of InfiniBand alone. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = ["--collector.disable-defaults", "--collector.infiniband", f"--path.sysfs={sys}"]
    words += ["--web.disable-exporter-metrics", f"--web.listen-address={address}"]
    with subprocess.Popen([NODE_EXPORTER, *words], stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}/metrics"
        finally:
            process.terminate()


def scrape(address: str) -> float:
    """Milliseconds of one, after one that is not counted, which also waits until it is there."""
    for wait in (0.05, 0.2, 1.0):
        try:
            urllib.request.urlopen(address).read()
            break
        except OSError:
            time.sleep(wait)
    return timed(lambda: urllib.request.urlopen(address).read())


def timed(what: Callable[[], object]) -> float:
    """Milliseconds that it takes."""
    begin = time.perf_counter()
    what()
    return (time.perf_counter() - begin) * MS


def efa(scrapes: int, repeats: int) -> list[Row]:
    """Rows of the EFA scrape."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        sys = Path(folder)
        sysfs(sys)
        exporter = Exporter({"efa": Efa(sys)})
        with served(exporter.scrape, "127.0.0.1", 0, Protection()) as port:
            ours = f"http://127.0.0.1:{port}/metrics"
            programs = {"ours": partial(scrape, ours)}
            if shutil.which(NODE_EXPORTER):
                with node_exporter(sys) as theirs:
                    found = interleave({**programs, "theirs": partial(scrape, theirs)}, repeats)
            else:
                found = interleave(programs, repeats)
        samples = exporter.scrape().count(b"\nnode_")
        memory = []
        for number in range(scrapes):
            exporter.scrape()
            if number in (999, scrapes - 1):
                memory.append(resident())
    rows = [row(f"EFA, 32 devices, {samples} samples", estimate(found["ours"]), " ms", digits=1, at_most=5)]
    if "theirs" in found:
        rows.append(row("node_exporter's infiniband, the same tree", estimate(found["theirs"]), " ms", digits=1))
    growth = (memory[-1] - memory[0]) / 2**20
    rows.append(
        row(f"memory after {scrapes} scrapes, more than after 1,000", estimate([growth]), " MB", digits=2, at_most=1)
    )
    return rows


def resident() -> int:
    """Bytes that this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def make_runs(root: Path, count: int, events: Path, name: str) -> list[Run]:
    """Runs that share one file of events: a line more is one more for each, and the disk holds them once."""
    case, recipe = catalog.recipe("fsdp")
    job = bind(case, recipe, config.cluster("local"))
    made = []
    for number in range(count):
        run = History(root).create(job, f"{name}-{number}")
        os.link(events, run.events_path)
        made.append(run)
    return made


def runs(folder: Path, count: int, steps: int, repeats: int) -> list[Row]:
    """Rows of the collector of runs: many that go on."""
    events = folder / "events"
    with events.open("wb") as file:
        file.write(encode(START, time.time()))
        file.writelines(step(number) for number in range(1, steps + 1))
    for run in make_runs(folder / "many", count, events, "run"):
        run.claim()
    exporter = Exporter({"run": Runs(folder / "many")}, budget=3600)
    begin = time.monotonic()
    first = timed(exporter.scrape) / MS
    behind = []
    while b'collector_success{collector="run"} 0' in exporter.scrape():
        time.sleep(1)  # as a Prometheus does, though with more patience
        behind.append(timed(exporter.scrape))
    caught_up = time.monotonic() - begin
    samples = exporter.scrape().count(b"\ntrain_")

    def news() -> float:
        with events.open("ab") as file:
            file.write(step(steps + next(numbers)))
        return timed(exporter.scrape)

    numbers = count_from(1)
    found = interleave({"quiet": lambda: timed(exporter.scrape), "news": news}, repeats)
    about = f"{count} runs of {steps} steps"
    return [
        row(f"{about}: the first scrape", estimate([first]), " s", digits=1),
        row(f"{about}: all of them read", estimate([caught_up]), " s", digits=0),
        row(f"{about}: a scrape until then", estimate(behind or [first * MS]), " ms", digits=0),
        row(f"{about}, {samples} samples: nothing new", estimate(found["quiet"]), " ms", digits=1, at_most=50),
        row(f"{about}: one more step in each", estimate(found["news"]), " ms", digits=1),
        row("memory of that process", estimate([resident() / 2**20]), " MB", digits=0),
    ]


def over(folder: Path, count: int, repeats: int) -> list[Row]:
    """Rows of the collector of runs: ten that go on, among many that are over."""
    events = folder / "ended"
    end = RunEnd(outcome="completed", step=1)
    events.write_bytes(encode(START, 1e9) + step(1) + encode(end, 1e9))
    os.utime(events, (1e9, 1e9))
    make_runs(folder / "over", count, events, "old")
    live = folder / "live"
    live.write_bytes(encode(START, time.time()) + step(1))
    for run in make_runs(folder / "over", 10, live, "run"):
        run.claim()
    exporter = Exporter({"run": Runs(folder / "over")}, budget=3600)
    first = timed(exporter.scrape) / MS
    found = interleave({"quiet": lambda: timed(exporter.scrape)}, repeats)
    return [
        row(f"10 runs among {count} that are over: the first scrape", estimate([first]), " s", digits=1),
        row(f"10 runs among {count} that are over", estimate(found["quiet"]), " ms", digits=1, at_most=50),
    ]


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=20)
    options.add_argument("--scrapes", type=int, default=100_000, help="of EFA, for its memory")
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--steps", type=int, default=10_000, help="of each run; 10 million lines take some minutes")
    options.add_argument("--over", type=int, default=10_000, help="runs that are over")
    chosen = options.parse_args()
    rows = efa(chosen.scrapes, chosen.repeats)
    with scratch() as folder:
        rows += over(folder, chosen.over, chosen.repeats)
        rows += runs(folder, chosen.runs, chosen.steps, chosen.repeats)
    publish(rows, {}, as_json=chosen.json)


if __name__ == "__main__":
    main()
