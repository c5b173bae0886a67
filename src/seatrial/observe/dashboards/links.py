"""From a run to the dashboards that show it, and to what alerts about it mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlencode

from seatrial.observe.dashboards import DASHBOARDS

MOST = 64
"""Nodes that an address names at most; of more, all can be chosen from."""
MARGIN = 60.0
"""Seconds before and after a run that are shown, too."""


def of_run(
    grafana: str, run: str, hosts: Sequence[str], device: str | None, begin: float | None, end: float | None
) -> Iterator[tuple[str, str]]:
    """What a dashboard shows, and its address. `grafana`: where it is; `begin` and `end`: Unix seconds, None is not
    known, or not yet."""
    nodes = list(dict.fromkeys(host.partition(".")[0] for host in hosts))
    chosen = [("var-node", node) for node in nodes] if len(nodes) <= MOST else []
    when = [("from", f"{1000 * (begin - MARGIN):.0f}")] if begin is not None else []
    when += [("to", f"{1000 * (end + MARGIN):.0f}" if end is not None else "now")] if when else []
    one = "its node" if len(nodes) == 1 else "its nodes"
    shown = {"run": "dashboard of the run", "ranks": "its ranks", "node": one}
    if device == "cuda":
        shown |= {"gpu": "its GPUs", "efa": "EFA"}
    for name, title in shown.items():
        board = DASHBOARDS[name]
        values = [("var-run", run)] if "run" in board.variables else []
        values += chosen if "node" in board.variables and "run" not in board.variables else []
        yield title, f"{grafana.rstrip('/')}{board.path}?{urlencode([*values, *when], quote_via=quote)}"
