"""What was served, read as the client library reads it."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from seatrial.observe.catalogue import METRICS
from seatrial.observe.exporter.exposition import text

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(served: str | bytes | Mapping[str, str]) -> Samples:
    """Name and labels -> value. What the catalogue knows must be as it says, and no series may be there twice."""
    if isinstance(served, Mapping):
        served = text(served)
    if isinstance(served, bytes):
        served = served.decode()
    found: Samples = {}
    for family in text_string_to_metric_families(served):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, key
            found[key] = sample.value
            metric = METRICS.get(sample.name)
            assert metric is None or set(sample.labels) <= set(metric.labels), sample
    return found


def value(found: Samples, name: str, **labels: str) -> float | None:
    """Of the one series with these labels, whatever others it has."""
    values = [v for (n, of), v in found.items() if n == name and labels.items() <= dict(of).items()]
    assert len(values) < 2, (name, labels)
    return values[0] if values else None


def names(found: Samples) -> set[str]:
    """Metrics that have a series."""
    return {name for name, _ in found}
