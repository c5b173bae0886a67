"""How fast a kernel's log is read, and in how much memory.

    python benchmarks/kernel_log.py

Makes a log of 1 GB in a scratch folder, thirty days of one host: what kernels of GPU nodes print when nothing is
wrong, and every 10,000 lines a fault, of all kinds in turn. It is read as `seatrial check read kernel-log` reads it, in
a process of its own. `short` is a log of a tenth of the size: memory must be the same. `faults only` is the worst case,
a log in which every line is a fault. Targets: at least 50 MB/s, and no more than 10 % more memory for 10 times the log.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from interleave import estimate, interleave, parser, publish, ratio, row
from programs import scratch

MB = 1_000_000
SPEED = 50.0
GROWTH = 1.1
QUIET = (
    "systemd[1]: Started Session 4711 of User root.",
    "nvidia-nvlink: Nvlink Core is being initialized, major device number 510",
    "nvidia 0000:{n:02x}:00.0: enabling device (0140 -> 0142)",
    "EXT4-fs (nvme1n1p1): mounted filesystem 5d1e1d8e-4b55-4a0a-8f60-1d5f3d1c{n:04x} r/w with ordered data mode",
    "IPv6: ADDRCONF(NETDEV_CHANGE): veth{n:08x}: link becomes ready",
    "audit: type=1400 audit(1716640496.{n:03d}:{n}): apparmor=STATUS operation=profile_load name=cri-containerd",
    "docker0: port {n}(veth{n:07x}) entered forwarding state",
    "perf: interrupt took too long ({n} > 3160), lowering kernel.perf_event_max_sample_rate to 50000",
    "TCP: request_sock_TCP: Possible SYN flooding on port 8080. Sending cookies. Check SNMP counters.",
    "device veth{n:07x} entered promiscuous mode",
    *("cni0: port {n}(veth{n:07x}) entered blocking state",) * 40,
)
FAULTS = (
    "NVRM: Xid (PCI:0000:{n:02x}:00): 31, pid={n}, name=python3, Ch 00000008, intr 00000000. MMU Fault: ENGINE CE",
    "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
    "Memory cgroup out of memory: Killed process {n} (python3) total-vm:935052kB, anon-rss:62936kB, file-rss:1824kB",
    "INFO: task python3:{n} blocked for more than 120 seconds.",
    "nvidia-nvswitch2: SXid (PCI:0000:85:00.0): 12028, Non-fatal, Link 61 egress non-posted PRIV error (First)",
)
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
READ = """
import json, resource, sys, time
from pathlib import Path
from seatrial.checks.node.kernel_log import parse
from seatrial.checks.observations import Lines, Observation
path = Path(sys.argv[1])
begin = time.perf_counter()
seen = Observation(kind="kernel-log", origin=str(path), path=path, taken=path.stat().st_mtime, foreign=True)
log = parse(Lines(seen))
seconds = time.perf_counter() - begin
print(json.dumps({"seconds": seconds, "faults": sum(trace.total for trace in log.traces.values()), "lines": log.count,
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def lines(every: int) -> Iterator[str]:
    """A log's lines without end, every so many of them a fault."""
    number = 0
    while True:
        number += 1
        words = FAULTS[number // every % len(FAULTS)] if number % every == 0 else QUIET[number % len(QUIET)]
        moment = BEGIN + timedelta(milliseconds=250 * number)
        yield f"{moment:%Y-%m-%dT%H:%M:%S},{moment.microsecond:06d}+00:00 {words.format(n=number % 251)}\n"


def make(path: Path, size: int, every: int) -> int:
    """Write a log of that size; its number of faults."""
    written = number = 0
    with path.open("w") as file:
        for number, line in enumerate(lines(every), 1):  # noqa: B007
            file.write(line)
            written += len(line)
            if written >= size:
                break
    return number // every


def read(path: Path, faults: int) -> dict[str, float]:
    """Read a log in a process of its own."""
    command = [sys.executable, "-c", READ, str(path)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["faults"] == faults, f"{found['faults']} of {faults} faults were found"
    return {**found, "speed": path.stat().st_size / MB / found["seconds"]}


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--size", type=int, default=1000, help="MB of the log, default 1000")
    chosen = options.parse_args()
    with scratch() as folder:
        sizes = {
            "1 GB": (chosen.size, 10_000),
            "short": (chosen.size // 10, 10_000),
            "faults only": (chosen.size // 10, 1),
        }
        faults = {name: make(folder / name, size * MB, every) for name, (size, every) in sizes.items()}
        runs = interleave({name: partial(read, folder / name, faults[name]) for name in sizes}, chosen.repeats)
    speed = {name: [run["speed"] for run in found] for name, found in runs.items()}
    memory = {name: [run["memory"] for run in found] for name, found in runs.items()}
    rows = [
        row("1 GB, a fault in 10,000 lines", estimate(speed["1 GB"]), " MB/s", digits=0, at_least=SPEED),
        row("every line a fault", estimate(speed["faults only"]), " MB/s", digits=1),
        row("peak memory, 1 GB", estimate([m / MB for m in memory["1 GB"]]), " MB", digits=1),
        row("peak memory, 1 GB : 100 MB", ratio(memory["1 GB"], memory["short"]), "", at_most=GROWTH),
    ]
    publish(rows, {"runs": runs, "faults": faults}, as_json=chosen.json)


if __name__ == "__main__":
    main()
