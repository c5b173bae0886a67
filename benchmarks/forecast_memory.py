"""Forecast memory against 35 published peaks: ``python benchmarks/forecast_memory.py``."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from seatrial.forecast import fitting, memory
from seatrial.hardware import GIB

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.forecast.published_memory import ROWS, Row


def expected(row: Row) -> float:
    """Bytes that are forecast of what was measured."""
    if row.stage is None:
        _, found = memory.fullest(row.workload)
    else:
        found = memory.of_stage(row.workload, row.stage)
    return float(getattr(found, row.of))


def main() -> None:
    """One line per row, then the errors of dense models and of mixtures."""
    print(f"{'job':44} {'of':9} {'measured':>8} {'forecast':>8} {'error':>7}  verdict, GiB of all")
    for row in ROWS:
        found = fitting.fit(row.workload, row.available)
        interval = found.bytes * (1 / GIB)
        error = expected(row) / row.measured - 1
        print(
            f"{row.name:44} {row.of:9} {row.measured / GIB:8.1f} {expected(row) / GIB:8.1f} {error:+7.1%}  "
            f"{found.verdict}, {interval.low:.0f} to {interval.high:.0f} of {row.available / GIB:.0f}"
        )
    for kind in ("dense", "mixture", "hybrid"):
        errors = sorted(abs(expected(row) / row.measured - 1) for row in ROWS if row.kind == kind)
        print(
            f"{kind}: {len(errors)} rows, median {statistics.median(errors):.1%}, "
            f"within 10 %: {sum(error <= 0.1 for error in errors)}, largest {errors[-1]:.1%}"
        )


if __name__ == "__main__":
    main()
