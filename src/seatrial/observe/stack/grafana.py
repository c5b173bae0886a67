"""What Grafana reads when it starts: the data source, and our dashboards as files."""

from __future__ import annotations

from seatrial.observe import dashboards
from seatrial.observe.rules import dump


def provisioning(prometheus: str, folder: str, runbooks: str) -> dict[str, str]:
    """Path -> text. `prometheus`: its address; `folder`: where the dashboards will lie, as Grafana sees it."""
    source = {"name": "Prometheus", "type": "prometheus", "access": "proxy", "url": prometheus, "isDefault": True}
    provider = {"name": "Seatrial", "folder": "Seatrial", "type": "file", "options": {"path": folder}}
    return {
        "grafana/provisioning/datasources/seatrial.yml": dump({"apiVersion": 1, "datasources": [source]}),
        "grafana/provisioning/dashboards/seatrial.yml": dump({"apiVersion": 1, "providers": [provider]}),
        **{f"grafana/dashboards/{name}": text for name, text in dashboards.render(runbooks=runbooks).items()},
    }
