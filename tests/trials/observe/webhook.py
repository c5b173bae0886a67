"""A receiver of Alertmanager's webhooks."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """What came, in the order in which it came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.alerts: list[dict[str, Any]] = []

    def told(self, name: str, status: str, since: int = 0, **labels: str) -> list[dict[str, Any]]:
        """Alerts of that name and with these labels that were ``firing`` or ``resolved``, but for the first `since`."""
        mine = {"alertname": name, **labels}.items()
        return [one for one in self.alerts[since:] if one["status"] == status and mine <= one["labels"].items()]


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """One on loopback, while the body runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.alerts.extend(body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Webhook(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
