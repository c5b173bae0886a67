"""The metric catalogue: what is in it, and that names are found."""

from __future__ import annotations

import re

import pytest

from seatrial.errors import UserError
from seatrial.observe import catalogue
from seatrial.observe.catalogue import EMITTERS, METRICS
from tests.observe.catalogue import dashboards


@pytest.mark.parametrize("dashboard", ["DCGM", "EFA", "NODE"])
def test_what_published_dashboards_use_is_in_it(dashboard: str) -> None:
    names = getattr(dashboards, dashboard).split()
    assert not set(names) - set(METRICS) and len(names) == len(set(names))


def test_names_are_unique_and_valid() -> None:
    names = [metric.name for emitter in EMITTERS.values() for metric in emitter.metrics]
    assert len(names) == len(set(names))
    for metric in METRICS.values():
        assert re.fullmatch(r"[A-Za-z_]\w*", metric.name)
        assert all(re.fullmatch(r"[A-Za-z_]\w*|\*", label) for label in metric.labels), metric
        assert len(metric.labels) == len(set(metric.labels)), metric
        assert metric.help.endswith(".") and metric.source, metric
        assert not set(metric.old_names) & set(METRICS), metric


def test_our_own_keep_to_the_conventions() -> None:
    ours = [metric for emitter in EMITTERS.values() if emitter.ours for metric in emitter.metrics]
    for metric in ours:
        assert "job" not in metric.labels and "instance" not in metric.labels, "Prometheus would rename it"
        if not metric.name.startswith("node_amazonefa_"):  # names of the exporter that it replaces
            assert (metric.type == "counter") == metric.name.endswith("_total"), metric
            assert metric.unit != "timestamp" or metric.name.endswith("_timestamp_seconds"), metric
            assert metric.unit != "ratio" or metric.name.endswith("_ratio"), metric


def test_an_old_name_is_found() -> None:
    assert catalogue.find("node_amazonefa_rx_drops_total") is METRICS["node_amazonefa_rx_drops"]


def test_a_histogram_is_found_by_its_name_and_by_its_series() -> None:
    name = "prometheus_http_request_duration_seconds"
    assert catalogue.find(name) is catalogue.find(f"{name}_bucket") is METRICS[name]


def test_a_name_that_nobody_emits_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"nobody emits a metric 'train_los'(.|\n)*did you mean train_loss"):
        catalogue.find("train_los")
