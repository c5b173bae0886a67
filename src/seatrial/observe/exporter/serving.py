"""The ways in which metrics leave: HTTP, and a file for node_exporter's textfile collector."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import hmac
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Problem, UserError
from seatrial.extras import needed
from seatrial.observe.exporter.exposition import CONTENT_TYPE
from seatrial.runs import replace_text

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

FILE = "seatrial.prom"
"""What the textfile collector reads: every ``*.prom`` of its folder."""

PAGE = b'<!doctype html><title>Seatrial</title><a href="/metrics">metrics</a>\n'


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """Who may scrape, and how that is kept secret."""

    certificate: Path | None = None
    """Of the server, in PEM; with it HTTPS is spoken."""
    key: Path | None = None
    """Of that certificate."""
    client_ca: Path | None = None
    """Only clients with a certificate of this authority are served."""
    users: frozenset[tuple[str, str]] = frozenset()
    """Name and password, for basic authentication; empty: everybody."""


def users(path: Path) -> frozenset[tuple[str, str]]:
    """Lines ``name:password`` of a file that nobody else may read. Raises UserError."""
    try:
        if path.stat().st_mode & 0o077:
            raise UserError(Problem("others may read it", str(path), f"chmod 600 {path}"))
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"cannot be read: {error}", str(path))) from None
    found = [line.partition(":") for line in lines if line.strip()]
    if not found or not all(name and colon and word for name, colon, word in found):
        raise UserError(Problem("does not hold lines of NAME:PASSWORD", str(path), "one line for each who may scrape"))
    return frozenset((name, word) for name, _, word in found)


@contextlib.contextmanager
def served(scrape: Callable[[], bytes], host: str, port: int, protection: Protection) -> Iterator[int]:
    """Serves /metrics while the body runs. Yields the port. Raises UserError if that cannot be."""
    with needed("prometheus_client", "observe export"):
        from prometheus_client import CollectorRegistry, start_http_server
    _check(protection)
    try:
        server, thread = start_http_server(
            port,
            host,
            CollectorRegistry(),
            certfile=_text(protection.certificate),
            keyfile=_text(protection.key),
            client_cafile=_text(protection.client_ca),
            client_auth_required=protection.client_ca is not None,
        )
    except OverflowError:
        raise UserError(Problem(f"{port} is no port", "--listen", "0 to 65535; 0 takes a free one")) from None
    except OSError as error:
        raise UserError(_refused(error, host, port)) from None
    server.set_app(_app(scrape, protection.users))  # the client's own takes a registry, and has no passwords
    try:
        yield server.server_port
    finally:
        _end(server)
        thread.join()


def _end(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _check(protection: Protection) -> None:
    """Raises UserError for files that are no certificate or no key: the client finds that with its port open."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if protection.certificate is not None:
            context.load_cert_chain(protection.certificate, protection.key)
    except OSError as error:  # ssl.SSLError is one
        where = f"--tls-cert {protection.certificate}"
        raise UserError(Problem(f"cannot be loaded with its key: {error}", where, "both are in PEM")) from None
    try:
        if protection.client_ca is not None:
            context.load_verify_locations(protection.client_ca)
    except OSError as error:
        raise UserError(Problem(str(error), f"--tls-client-ca {protection.client_ca}", "it is in PEM")) from None


def _refused(error: OSError, host: str, port: int) -> Problem:
    if error.errno == errno.EADDRINUSE:
        return Problem(f"port {port} of {host} is in use", "--listen", "take another port; 0 takes a free one")
    return Problem(
        f"{host}:{port}: {error.strerror or error}", "--listen", "name an address and a port of this machine"
    )


def _app(scrape: Callable[[], bytes], users: frozenset[tuple[str, str]]) -> Callable[..., Iterable[bytes]]:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, headers, body = _answer(environ, scrape, users)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app


def _answer(
    environ: dict[str, Any], scrape: Callable[[], bytes], users: frozenset[tuple[str, str]]
) -> tuple[str, list[tuple[str, str]], bytes]:
    plain = [("Content-Type", "text/plain; charset=utf-8")]
    if users and not _known(environ.get("HTTP_AUTHORIZATION", ""), users):
        return "401 Unauthorized", [*plain, ("WWW-Authenticate", 'Basic realm="seatrial"')], b"who are you?\n"
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return "405 Method Not Allowed", [*plain, ("Allow", "GET, HEAD")], b"only GET and HEAD\n"
    if environ["PATH_INFO"] == "/metrics":
        return "200 OK", [("Content-Type", CONTENT_TYPE)], scrape()
    if environ["PATH_INFO"] == "/":
        return "200 OK", [("Content-Type", "text/html; charset=utf-8")], PAGE
    return "404 Not Found", plain, b"metrics are at /metrics\n"


def _known(authorization: str, users: frozenset[tuple[str, str]]) -> bool:
    scheme, _, coded = authorization.partition(" ")
    try:
        given = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return False
    # Every pair is compared, each in the same time, so that the time tells nothing.
    found = [hmac.compare_digest(given, f"{name}:{word}".encode()) for name, word in users]
    return scheme.lower() == "basic" and any(found)


def write(scrape: Callable[[], bytes], folder: Path) -> None:
    """Write the textfile anew, so that a reader sees all of it or the one before. Raises UserError."""
    try:
        replace_text(folder / FILE, scrape().decode())
        os.chmod(folder / FILE, 0o644)  # node_exporter has a user of its own
    except OSError as error:
        raise UserError(Problem(str(error), "--textfile", "name a folder that can be written to")) from None
