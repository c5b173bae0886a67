"""Metrics that leave by OTLP over HTTP, for who cannot be scraped: the same samples, pushed by OpenTelemetry's own SDK.

Names stay as they are: without units, no receiver has a suffix to add.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from seatrial import __version__
from seatrial.errors import Problem
from seatrial.extras import needed

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricsData


class Push:
    """Sends what a scrape gives to one place."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        """`url` with its path, such as ``http://collector:4318/v1/metrics``. Headers, passwords among them, and
        certificates come from the SDK's own variables: ``OTEL_EXPORTER_OTLP_HEADERS``, ``…_CERTIFICATE``. `timeout`:
        seconds for one push with all its retries. Raises UserError if the SDK is missing.
        """
        with needed("opentelemetry", "observe export --otlp"):
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        self._said = _Said()
        for name in ("opentelemetry.exporter.otlp.proto.http", "opentelemetry.exporter.otlp.common"):
            logger = logging.getLogger(name)  # why a push failed stands nowhere else
            logger.addHandler(self._said)
            logger.propagate = False
        self._url, self._begin = url, time.time_ns()
        self._exporter = OTLPMetricExporter(endpoint=url, timeout=timeout)

    def send(self, scrape: Callable[[], bytes]) -> Problem | None:
        """Take and push the samples of now. What went wrong, in words; None if they have arrived."""
        from opentelemetry.sdk.metrics.export import MetricExportResult

        self._said.words.clear()
        data = metrics_data(scrape().decode(), self._begin, time.time_ns())
        if self._exporter.export(data) is MetricExportResult.SUCCESS:
            return None
        said = self._said.words or ["was not taken"]  # the first is the cause, what follows are retries
        return Problem(said[0], f"--otlp {self._url}", "is that where OTLP is received?")

    def close(self) -> None:
        """Push no more."""
        self._exporter.shutdown()


class _Said(logging.Handler):
    """What the SDK says of one push, of its retries, too."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


def metrics_data(text: str, begin: int, now: int) -> MetricsData:
    """Prometheus' text as the SDK's values. `begin`: since when counters count; `now`: when it was said; both in
    nanoseconds since 1970."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    here = platform.node()
    resource = Resource({"service.name": "seatrial", "service.instance.id": here, "host.name": here})
    scope = ScopeMetrics(InstrumentationScope("seatrial", __version__), [*_metrics(text, begin, now)], "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metrics(text: str, begin: int, now: int) -> Iterable[Metric]:
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Metric, NumberDataPoint, Sum
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(text):
        counts = family.type == "counter"
        points = [NumberDataPoint(dict(s.labels), begin if counts else 0, now, s.value) for s in family.samples]
        data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if counts else Gauge(points)
        # The parser takes _total from a counter's family; the sample has the whole name.
        yield Metric(family.samples[0].name if family.samples else family.name, family.documentation, "", data)
