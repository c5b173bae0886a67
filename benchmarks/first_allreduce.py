"""Time from the start of `seatrial run` to the first finished all-reduce over 2 ranks, against torchrun.

    python benchmarks/first_allreduce.py

Both start the same program, allreduce_case.py, which joins a gloo group and prints the time. The clock begins before
the command's own process does, and stops when the slower rank is done. Target: at most 0.85 of torchrun's time.
"""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path

from interleave import Row, estimate, interleave, parser, publish, ratio, row
from programs import HERE, finish, newest_run, scratch, seatrial_argv, started, torchrun_argv

PROGRAM = HERE / "allreduce_case.py"
TARGET = 0.85


def with_seatrial() -> float:
    """Seconds from the command to the all-reduce."""
    with scratch() as folder:
        runs, log = folder / "runs", folder / "log"
        begin = time.time()
        with started(seatrial_argv(str(PROGRAM), runs, {}), log) as process:
            finish(process, log, accepted=(0, 1, 3))  # it writes no events, so its verdict is UNKNOWN
        run = newest_run(runs)
        return last_moment([run.log_path(rank) for rank in range(2)]) - begin


def with_torchrun() -> float:
    """Seconds from torchrun to the all-reduce."""
    with scratch() as folder:
        log = folder / "log"
        begin = time.time()
        with started(torchrun_argv(str(PROGRAM)), log) as process:
            finish(process, log)
        return last_moment([log]) - begin


def last_moment(logs: list[Path]) -> float:
    """When the slower of the two ranks was done, Unix seconds."""
    text = "".join(log.read_text(errors="replace") for log in logs)
    moments = [float(moment) for moment in re.findall(r"all-reduce 2 done at (\d+\.\d+)", text)]
    if len(moments) != 2:
        raise RuntimeError(f"expected two ranks to print a time:\n{text[-3000:]}")
    return max(moments)


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=10).parse_args()
    times = interleave({"seatrial": with_seatrial, "torchrun": with_torchrun}, options.repeats)
    ours, theirs = times["seatrial"], times["torchrun"]
    medians = statistics.median(ours) / statistics.median(theirs)
    rows = [
        row("first all-reduce, `seatrial run`", estimate(ours), " s"),
        row("first all-reduce, torchrun", estimate(theirs), " s"),
        row("ratio, median of pairs", ratio(ours, theirs), "", at_most=TARGET),
        Row("ratio of medians", f"{medians:.2f}", "", f"at most {TARGET}", medians <= TARGET),
    ]
    publish(rows, times, as_json=options.json)


if __name__ == "__main__":
    main()
