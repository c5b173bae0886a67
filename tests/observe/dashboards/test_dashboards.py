"""The dashboards: what each of them has, and what is made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as Model

from seatrial.errors import UserError
from seatrial.observe import checking, dashboards
from seatrial.observe.catalogue import UNITS
from seatrial.observe.dashboards import DASHBOARDS, MOST, Dashboard, Panel
from seatrial.observe.dashboards.units import GRAFANA, UNNAMED, unit_of

WANTED = {"run", "ranks", "gpu", "efa", "collectives", "node", "scheduler", "health", "filesystem"}
RENDERED = dashboards.render()
PANELS = [pytest.param(panel, id=f"{b.name}: {panel.title}") for b in DASHBOARDS.values() for panel in b.panels]


def links(name: str, title: str) -> list[str]:
    """Where the series of a panel lead to."""
    panels = json.loads(RENDERED[f"seatrial-{name}.json"])["panels"]
    return [link["url"] for p in panels if p["title"] == title for link in p["fieldConfig"]["defaults"]["links"]]


def test_there_is_one_for_each_subject() -> None:
    assert set(DASHBOARDS) == WANTED and set(RENDERED) == {f"seatrial-{name}.json" for name in WANTED}


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=DASHBOARDS)
def test_one_can_be_taken_in(board: Dashboard) -> None:
    titles = [panel.title for panel in board.panels]
    assert 8 <= len(titles) <= MOST and len(set(titles)) == len(titles)
    assert board.about.endswith(".") and board.title
    assert ("node" in board.variables) == bool(board.nodes)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    assert panel.metrics and panel.unit in GRAFANA
    assert all(f"`{name}`: " in panel.description for name in panel.metrics)
    assert panel.unit not in UNNAMED or panel.unit in panel.title, "Grafana has no name for its unit"
    assert len(panel.queries) == 1 or panel.kind == "lines"
    if panel.stated:
        derived = {unit_of(promql) for promql in panel.queries.values()}
        assert derived != {panel.stated}, "what follows from its metrics is not stated"


def test_every_unit_of_the_catalogue_has_a_name_in_grafana() -> None:
    assert set(UNITS) - set(GRAFANA) == {"timestamp", "megahertz"}, "those that no panel can show as they are"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_sdk_reads_what_it_wrote(name: str) -> None:
    text = RENDERED[f"seatrial-{name}.json"]
    again = json.dumps(Model.from_json(json.loads(text)), cls=JSONEncoder, sort_keys=True)
    assert json.loads(again) == json.loads(text)
    assert dashboards.render([name]) == {f"seatrial-{name}.json": text}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(RENDERED[f"seatrial-{name}.json"])["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24 and not cells & taken, panel["title"]
        taken |= cells


@pytest.fixture
def broken() -> Iterator[Panel]:
    """A dashboard that names what nobody emits, as if its module were there."""
    panel = Panel("Loss", {"{{run_id}}": "train_los{RUN}"})
    DASHBOARDS["broken"] = replace(DASHBOARDS["run"], name="broken", panels=(panel,))
    yield panel
    del DASHBOARDS["broken"]


def test_what_nobody_emits_is_not_rendered(broken: Panel) -> None:
    with pytest.raises(UserError) as error:
        dashboards.render(["broken"])
    (problem,) = error.value.problems
    assert problem.what == "nobody emits a metric 'train_los'" and "train_loss" in problem.remedy
    assert problem.where == "broken: panel 'Loss'"


def test_its_variables_are_right_too() -> None:
    checked = checking.check(RENDERED)
    assert not checked.problems and checked.queries > sum(len(b.panels) for b in DASHBOARDS.values())


def test_a_panel_whose_unit_is_not_known_is_not_rendered() -> None:
    with pytest.raises(UserError, match="panel 'Both': has no unit"):
        _ = Panel("Both", {"a": "train_loss{RUN}", "b": "train_step{RUN}"}).unit


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no dashboard is called 'gpus'(.|\n)*did you mean gpu"):
        dashboards.render(["gpus", "run"])


def test_a_run_leads_to_its_nodes_and_a_node_to_its_run() -> None:
    nodes = links("run", "Ranks by node")
    assert [url.partition("?")[0] for url in nodes] == [
        f"/d/seatrial-{name}" for name in ("node", "gpu", "efa", "ranks")
    ]
    assert all("var-node=${__data.fields.node}" in url for url in nodes[:3])
    assert links("collectives", "Share of the time that ranks wait for others")[0].startswith(
        "/d/seatrial-run?var-run=${__field.labels.run_id}&${datasource:queryparam}"
    )
    paths = {board.path for board in DASHBOARDS.values()}
    for board in DASHBOARDS.values():
        for panel in board.panels:
            assert {url.partition("?")[0] for url in links(board.name, panel.title)} <= paths - {board.path}


@pytest.mark.parametrize(("name", "by"), [("ranks", "cluster run"), ("gpu", "cluster"), ("node", "cluster")])
def test_the_nodes_to_choose_from_are_those_of_the_run(name: str, by: str) -> None:
    variables = json.loads(RENDERED[f"seatrial-{name}.json"])["templating"]["list"]
    (query,) = (variable["query"]["query"] for variable in variables if variable["name"] == "node")
    assert re.findall(r"\$(\w+)", query) == by.split()


def test_a_firing_alert_leads_to_its_runbook() -> None:
    text = dashboards.render(["health"], runbooks="https://docs.example/alerts.html")["seatrial-health.json"]
    assert "https://docs.example/alerts.html#${__data.fields.alertname}" in text
    assert "Runbook" not in RENDERED["seatrial-health.json"]


@pytest.mark.parametrize(
    ("promql", "name"),
    [
        ("time() - max by (run_id) (train_last_step_timestamp_seconds) > 60", "run"),
        ("train_step_work_seconds > 1.2", "ranks"),
        ("increase(DCGM_EXP_XID_ERRORS_COUNT[5m]) > 0", "gpu"),
        ("rate(node_amazonefa_rx_drops[5m]) > 0", "efa"),
        ("node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1", "filesystem"),
        ("slurm_node_reason_info", "scheduler"),
        ("up == 0", "health"),
    ],
)
def test_an_alert_leads_to_its_dashboard(promql: str, name: str) -> None:
    found = dashboards.showing(promql)
    assert found is not None and found.name == name


def test_a_query_that_no_dashboard_shows_leads_nowhere() -> None:
    assert dashboards.showing("instance_info") is None
