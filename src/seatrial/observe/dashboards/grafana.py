"""A dashboard as the JSON that Grafana reads, made by its own foundation SDK.

The SDK's release for version 10.4 is taken: Grafana reads what older versions wrote, and 10 is the oldest that Amazon
Managed Grafana offers (https://docs.aws.amazon.com/grafana/latest/userguide, November 2026).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from seatrial.extras import needed
from seatrial.observe.dashboards.model import LABELS, Dashboard, Panel
from seatrial.observe.dashboards.units import GRAFANA

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as models

TAG = "seatrial"
"""On every dashboard: the menu of links finds the others by it."""

_TIME = "${datasource:queryparam}&${cluster:queryparam}&${__url_time_range}"
_VALUES: Mapping[str, str] = {
    "cluster": "label_values(up, cluster)",
    "run": 'label_values(train_run_info{cluster=~"$cluster"}, run_id)',
    "gpu": 'label_values(DCGM_FI_DEV_GPU_TEMP{cluster=~"$cluster", node=~"$node"}, gpu)',
}
"""Variable -> the query of what can be chosen; nodes differ by dashboard."""
_LEADS_TO: Mapping[str, tuple[str, ...]] = {"node": ("node", "gpu", "efa"), "run_id": ("run", "ranks")}
"""A label of a series -> names of the dashboards that tell more of it."""
_COLUMNS = 24


def to_json(board: Dashboard, others: Mapping[str, Dashboard], runbooks: str = "") -> str:
    """The text of its file. Raises UserError if a panel has no unit.

    `runbooks`: address of the page of alerts, which rows of firing alerts then lead to.
    """
    with needed("grafana_foundation_sdk", "making dashboards"):
        from grafana_foundation_sdk.builders import dashboard as builders
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.models import dashboard as models

    made = builders.Dashboard(board.title).uid(board.uid).description(board.about).tags([TAG]).readonly()
    made = made.time("now-3h", "now").refresh("1m").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    menu = builders.DashboardLink("Dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    made.link(menu.as_dropdown(True).include_vars(True).keep_time(True))
    for number, (panel, place) in enumerate(_places(board.panels), 1):
        links = list(_links(board, panel, others, runbooks))
        made.with_panel(_panel(panel).id(number).grid_pos(place).data_links(links))
    built = made.build()
    built.templating.list_val = [_sources(), *(_variable(name, board) for name in board.variables)]
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _places(panels: Iterable[Panel]) -> Iterable[tuple[Panel, models.GridPos]]:
    """Each panel with its place: small ones six beside each other, others two; those of a line share its width."""
    from grafana_foundation_sdk.models import dashboard as models

    top = 0
    for small, some in groupby(panels, lambda panel: panel.kind in ("stat", "word")):
        left, (most, height) = list(some), (6, 4) if small else (2, 8)
        while left:
            line, left = left[:most], left[most:]
            width = _COLUMNS // len(line)
            for index, panel in enumerate(line):
                yield panel, models.GridPos(x=index * width, y=top, w=width, h=height)
            top += height


def _sources() -> models.VariableModel:
    from grafana_foundation_sdk.models import dashboard as models

    kind = models.VariableType.DATASOURCE
    return models.VariableModel(type_val=kind, name="datasource", label="Data source", query="prometheus")


def _variable(name: str, board: Dashboard) -> models.VariableModel:
    from grafana_foundation_sdk.models import dashboard as models

    chosen = ", ".join(f'{LABELS[v]}=~"${v}"' for v in ("cluster", "run") if v in board.variables)
    return models.VariableModel(
        type_val=models.VariableType.QUERY,
        name=name,
        label=name.capitalize(),
        query={"query": _VALUES.get(name, f"label_values({board.nodes}{{{chosen}}}, node)"), "refId": name},
        datasource=_datasource(),
        refresh=models.VariableRefresh.ON_TIME_RANGE_CHANGED,
        # Names of runs end with the time that they began at.
        sort=models.VariableSort.ALPHABETICAL_DESC if name == "run" else models.VariableSort.NATURAL_ASC,
        multi=True,
        include_all=name != "run",
        all_value=".*" if name != "run" else None,
    )


def _datasource() -> models.DataSourceRef:
    from grafana_foundation_sdk.models import dashboard as models

    return models.DataSourceRef(type_val="prometheus", uid="${datasource}")


def _panel(panel: Panel) -> Any:
    """The SDK's builders of panels have no type in common that says what they all can."""
    builder = _KINDS[panel.kind](panel)
    builder.title(panel.title).description(panel.description).datasource(_datasource()).unit(GRAFANA[panel.unit])
    for place, (legend, promql) in enumerate(panel.queries.items()):
        builder.with_target(_query(panel, ascii_uppercase[place], legend, promql))
    return builder


def _query(panel: Panel, letter: str, legend: str, promql: str) -> Any:
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

    form = PromQueryFormat.TABLE if panel.kind == "table" else PromQueryFormat.TIME_SERIES
    query = Dataquery().expr(promql).legend_format(legend).ref_id(letter).format(form)
    return query.range() if panel.kind in ("lines", "heatmap") else query.instant()


def _lines(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import common, timeseries
    from grafana_foundation_sdk.models.common import StackingMode

    builder = timeseries.Panel()
    if panel.fill:
        builder.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(40)
    return builder.max(1) if panel.fill and panel.unit == "ratio" else builder


def _stat(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import stat
    from grafana_foundation_sdk.models.common import BigValueGraphMode, BigValueTextMode

    mode = BigValueTextMode.NAME if panel.kind == "word" else BigValueTextMode.AUTO
    return stat.Panel().text_mode(mode).graph_mode(BigValueGraphMode.NONE)


def _table(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import table
    from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

    hidden = ["Time", *(["Value"] if panel.unit == "info" else [])]
    options = {"excludeByName": dict.fromkeys(hidden, True)}
    return table.Panel().with_transformation(DataTransformerConfig(id_val="organize", options=options))


def _heatmap(panel: Panel) -> Any:
    """A row for each series, as it is: nothing is counted into buckets."""
    from grafana_foundation_sdk.builders import heatmap

    cells = heatmap.CellValues().unit(GRAFANA[panel.unit])
    return heatmap.Panel().calculate(False).cell_values(cells)


_KINDS: Mapping[str, Callable[[Panel], Any]] = {
    "lines": _lines,
    "stat": _stat,
    "word": _stat,
    "table": _table,
    "heatmap": _heatmap,
}


def _links(board: Dashboard, panel: Panel, others: Mapping[str, Dashboard], runbooks: str) -> Iterable[Any]:
    """From what a series is of to the dashboards that tell more of it."""
    from grafana_foundation_sdk.builders.dashboard import DashboardLink

    value = "${__data.fields.%s}" if panel.kind == "table" else "${__field.labels.%s}"
    for label, names in _LEADS_TO.items():
        if label not in panel.labels:
            continue
        variable = next(name for name, chosen in LABELS.items() if chosen == label)
        for other in (others[name] for name in names if name != board.name and name in others):
            title = f"{other.title}: {value % label}"
            yield DashboardLink(title).url(f"{other.path}?var-{variable}={value % label}&{_TIME}")
    if runbooks and "alertname" in panel.labels:
        yield DashboardLink("Runbook").url(f"{runbooks}#{value % 'alertname'}")
