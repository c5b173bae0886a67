"""From a run to its dashboards."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from seatrial.observe.dashboards import DASHBOARDS
from seatrial.observe.dashboards.links import MOST, of_run

GRAFANA = "https://g.example/sub/"


def links(hosts: list[str], device: str = "cpu", end: float | None = 2000.0) -> dict[str, dict[str, list[str]]]:
    """Dashboard -> what its address asks for."""
    found = [urlsplit(address) for _, address in of_run(GRAFANA, "a run/1", hosts, device, 1000.0, end)]
    assert {address.netloc for address in found} == {"g.example"}
    return {address.path.removeprefix("/sub/d/seatrial-"): parse_qs(address.query) for address in found}


def test_a_run_leads_to_itself_its_ranks_and_its_nodes() -> None:
    found = links(["n1.internal", "n1.internal", "n2"])
    assert set(found) == {"run", "ranks", "node"} <= set(DASHBOARDS)
    assert found["run"] == {"var-run": ["a run/1"], "from": ["940000"], "to": ["2060000"]}
    assert found["node"]["var-node"] == ["n1", "n2"] and "var-run" not in found["node"]
    asked = {(name, key.removeprefix("var-")) for name, query in found.items() for key in query if key[:4] == "var-"}
    assert all(variable in DASHBOARDS[name].variables for name, variable in asked)


def test_on_gpus_it_leads_to_them_and_while_it_goes_on_until_now() -> None:
    found = links(["n1"], device="cuda", end=None)
    assert {"gpu", "efa"} < set(found) and found["gpu"]["var-node"] == ["n1"]
    assert found["run"]["to"] == ["now"]


def test_of_very_many_nodes_none_is_named() -> None:
    assert "var-node" not in links([f"n{number}" for number in range(MOST + 1)])["node"]


def test_without_a_time_all_of_it_is_shown() -> None:
    [first, *_] = of_run(GRAFANA, "r", [], None, None, None)
    assert first == ("dashboard of the run", "https://g.example/sub/d/seatrial-run?var-run=r")
