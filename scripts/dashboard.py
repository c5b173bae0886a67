"""Write the picture of a dashboard's panels, docs/dashboard.png: their queries, answered by a real Prometheus.

    python scripts/dashboard.py [NAME]

The history is made by formulas (tests/observe/history.py), and the charts are those of the report: Grafana has no part
in it. Needs Debian's packages prometheus and chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from seatrial.observe.dashboards import Dashboard, Panel, find  # noqa: E402  (after the path)
from seatrial.report.charts import Series, line_chart  # noqa: E402
from seatrial.report.format import bytes_, duration, percent, quantity  # noqa: E402
from tests.observe.backfilled import START, Prometheus, chosen, prometheus  # noqa: E402

MOST = 4
"""Lines of a chart: the page's CSS knows so many styles."""
TICKS: Mapping[str, Callable[[float], str]] = {"ratio": percent, "seconds": duration, "bytes": bytes_}
NOTE = (
    "Made from a synthetic history: an hour of two nodes that nobody ran, made by formulas; rank 3 is slow from minute "
    "40 on. The queries are the dashboard's, the answers a real Prometheus', and the charts those of the report, with "
    "at most four lines: Grafana's are not like them."
)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>{css}
.tiles {{ grid-template-columns: repeat(6, 1fr); margin: 20px 0 28px; }}
.columns {{ grid-template-columns: 1fr 1fr 1fr; }}
</style>
<header><p class="over">Seatrial, a dashboard for Grafana</p><h1>{title}</h1><p class="meta">{about}</p>
<div class="fidelity"><p>{note}</p></div></header>
<main><dl class="tiles">{tiles}</dl><div class="columns">{charts}</div></main></html>"""


def legend(template: str, labels: Mapping[str, str]) -> str:
    """What Grafana makes of a legend."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def tile(panel: Panel, running: Prometheus) -> str:
    """A panel that shows its newest value."""
    (template, promql), *_ = panel.queries.items()
    first = running.at(chosen(promql))[0]
    value = TICKS.get(panel.unit, quantity)(float(first["value"][1]))
    shown = legend(template, first["metric"]) if panel.kind == "word" else value
    return f'<div class="tile"><dt>{escape(panel.title)}</dt><dd class="value">{escape(shown)}</dd></div>'


def chart(panel: Panel, running: Prometheus) -> str:
    """A panel of lines."""
    asked = [(template, one) for template, promql in panel.queries.items() for one in running.over(chosen(promql))]
    if panel.fill:  # the largest shares
        asked.sort(key=lambda answer: -float(answer[1]["values"][-1][1]))
    lines = [Series(legend(template, one["metric"]), points(one)) for template, one in asked[:MOST]]
    drawn = line_chart(lines, title=panel.title, x_name="minutes", tick=TICKS.get(panel.unit, quantity))
    return f"<figure><h3>{escape(panel.title)}</h3>{drawn}</figure>"


def points(series: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Minutes since the start, and values."""
    return [((at - START) / 60, float(value)) for at, value in series["values"]]


def page(board: Dashboard, running: Prometheus) -> str:
    """The dashboard's tiles and lines; tables and heat maps are left out."""
    tiles = "".join(tile(panel, running) for panel in board.panels if panel.kind in ("stat", "word"))
    charts = "".join(chart(panel, running) for panel in board.panels if panel.kind == "lines")
    css = (ROOT / "src/seatrial/report/page.css").read_text(encoding="utf-8")
    return PAGE.format(title=board.title, about=board.about, note=NOTE, css=css, tiles=tiles, charts=charts)


def main() -> None:
    """Make the page, and the picture of it."""
    (board,) = find(sys.argv[1:2] or ["run"])
    browser = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as scratch, prometheus(Path(scratch)) as running:
        html = Path(scratch) / "dashboard.html"
        html.write_text(page(board, running), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1160,1010"]
        picture = f"--screenshot={ROOT / 'docs/dashboard.png'}"
        subprocess.run([browser, *options, picture, f"file://{html}"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
