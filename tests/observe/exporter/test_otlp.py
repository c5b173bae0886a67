"""Metrics that are pushed, with the SDK's own client and a receiver that decodes what arrives by OTLP's own schema."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from seatrial.observe.exporter.exposition import labels, line, text
from seatrial.observe.exporter.otlp import Push

SCRAPE = text(
    {
        "train_loss": line("train_loss", labels(run_id="r", case="fsdp"), 2.5)
        + line("train_loss", labels(run_id='a "b"', case="fsdp"), float("nan")),
        "train_step_total": line("train_step_total", labels(run_id="r"), 12),
        "node_amazonefa_rx_bytes": line("node_amazonefa_rx_bytes", labels(device="rdmap0s6"), 2**53),
    }
)


class Receiver(ThreadingHTTPServer):
    """Keeps what arrives, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.requests, self.authorized = 200, list[ExportMetricsServiceRequest](), ""
        self.url = f"http://127.0.0.1:{self.server_port}/v1/metrics"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append(ExportMetricsServiceRequest.FromString(body))
        self.server.authorized = self.headers.get("Authorization", "")
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def samples(request: ExportMetricsServiceRequest) -> dict[tuple[str, str], float]:
    found = {}
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points:
            told = ",".join(f"{one.key}={one.value.string_value}" for one in point.attributes)
            found[metric.name, told] = getattr(point, point.WhichOneof("value"))
    return found


def test_every_sample_arrives_under_its_own_name(receiver: Receiver) -> None:
    with contextlib.closing(Push(receiver.url)) as push:
        assert push.send(lambda: SCRAPE) is None
    [request] = receiver.requests
    found = samples(request)
    assert found.pop(("train_loss", 'run_id=a "b",case=fsdp')) != 0  # not a number, and no 0
    assert found == {
        ("train_loss", "run_id=r,case=fsdp"): 2.5,
        ("train_step_total", "run_id=r"): 12,
        ("node_amazonefa_rx_bytes", "device=rdmap0s6"): 2**53,
    }
    metrics = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    assert metrics["train_step_total"].sum.is_monotonic and not metrics["train_loss"].HasField("sum")
    assert {metric.unit for metric in metrics.values()} == {""}
    about = {one.key: one.value.string_value for one in request.resource_metrics[0].resource.attributes}
    assert about["service.name"] == "seatrial" and about["host.name"]


def test_headers_come_from_the_variables_of_the_sdk(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret")
    with contextlib.closing(Push(receiver.url)) as push:
        assert push.send(lambda: SCRAPE) is None
    assert receiver.authorized == "Bearer secret"


def test_a_receiver_that_refuses_or_is_away_is_said_and_later_takes_them(receiver: Receiver) -> None:
    with contextlib.closing(Push(receiver.url, timeout=0.5)) as push:
        receiver.status = 401
        refused = push.send(lambda: SCRAPE)
        assert refused is not None and "401" in str(refused) and receiver.url in str(refused)
        receiver.status = 200
        assert push.send(lambda: SCRAPE) is None
    with contextlib.closing(Push("http://127.0.0.1:1/v1/metrics", timeout=0.5)) as push:
        away = push.send(lambda: SCRAPE)
        assert away is not None and "timeout" in str(away)
