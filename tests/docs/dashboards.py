"""docs/dashboards.md, from the dashboards."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.observe.catalogue import METRICS
from seatrial.observe.dashboards import DASHBOARDS, Dashboard, Panel
from tests.docs.tables import table

HEAD = """\
# Dashboards

This page is written from the dashboards, `make goldens` writes it anew.

```sh
seatrial observe dashboards                     # the list
seatrial observe dashboards -o dashboards/      # files that Grafana 10.4 and newer import, or read by provisioning
seatrial observe check mine.json my-rules.yml   # your own: does somebody emit what they name?
```

A dashboard can only name what some exporter emits: the metric catalogue says that, and another metric or label is an
error when rendering. `observe check` holds your dashboards and rule files to the same; what a rule file of them
records, the others may use. It knows the metrics of the catalogue only: those of programs of your own it refuses.

Above the panels stand the data source, the cluster, and where they matter the run, the node and the GPU. Series of
different exporters meet by the labels `cluster` and `node`, which the scrape configuration gives to all of them. A
series that is of a node leads to the dashboards of that node, one that is of a run to those of the run.
`--runbooks URL` lets firing alerts lead to their runbooks; URL is where `docs/alerts.md` can be read.

![Panels of the dashboard of runs](dashboard.png)

The picture is drawn by `python scripts/dashboard.py` with the charts of the report, not by Grafana: the queries of its
panels, answered by a real Prometheus, on a history that formulas made. No dashboard here has been seen in a Grafana
yet.

"""


def page() -> str:
    """The whole page."""
    rows = ((f"[{b.title}](#{b.name})", str(len(b.panels)), _variables(b), _emitters(b)) for b in DASHBOARDS.values())
    headers = ("dashboard", "panels", "chosen by", "data from")
    return HEAD + "\n".join((table(headers, rows), *(part for b in DASHBOARDS.values() for part in _board(b))))


def _variables(board: Dashboard) -> str:
    return ", ".join(board.variables)


def _emitters(board: Dashboard) -> str:
    return ", ".join(dict.fromkeys(METRICS[name].emitter for panel in board.panels for name in panel.metrics))


def _board(board: Dashboard) -> Iterator[str]:
    yield f"## {board.name}\n\n{board.title}: {board.about[0].lower()}{board.about[1:]}\n"
    yield table(("panel", "unit", "queries", "what to look for"), map(_panel, board.panels))


def _panel(panel: Panel) -> tuple[str, ...]:
    queries = "<br>".join(f"`{promql}`" for promql in panel.queries.values())
    return panel.title, panel.unit, queries, panel.about
