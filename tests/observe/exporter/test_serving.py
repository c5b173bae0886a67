"""The ways in which metrics leave, with the real server and its own client."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from http.client import HTTPMessage
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.observe.exporter.serving import FILE, Protection, served, users, write

TEXT = b"train_loss 1\n"
LOCAL = "127.0.0.1"


def get(
    port: int, path: str = "/metrics", *, scheme: str = "http", context: ssl.SSLContext | None = None, **headers: str
) -> tuple[int, HTTPMessage, bytes]:
    request = urllib.request.Request(f"{scheme}://{LOCAL}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def basic(words: str) -> str:
    return "Basic " + base64.b64encode(words.encode()).decode()


def test_metrics_are_served_and_nothing_else() -> None:
    with served(lambda: TEXT, LOCAL, 0, Protection()) as port:
        status, headers, body = get(port)
        assert (status, body) == (200, TEXT) and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert get(port, "/")[0] == 200 and b"/metrics" in get(port, "/")[2]
        assert get(port, "/etc/passwd")[0] == 404
        request = urllib.request.Request(f"http://{LOCAL}:{port}/metrics", data=b"x", method="POST")
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(request, timeout=10)
    with pytest.raises(OSError):
        socket.create_connection((LOCAL, port), timeout=1)


def test_many_scrapes_at_once() -> None:
    with served(lambda: TEXT, LOCAL, 0, Protection()) as port:
        found: list[bytes] = []
        threads = [threading.Thread(target=lambda: found.append(get(port)[2])) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [TEXT] * 20


def test_a_port_in_use_is_said() -> None:
    with (
        served(lambda: TEXT, LOCAL, 0, Protection()) as port,
        pytest.raises(UserError, match="is in use"),
        served(lambda: TEXT, LOCAL, port, Protection()),
    ):
        pass


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), (LOCAL, 70_000), ("no.such.host.invalid", 0)])
def test_an_address_that_cannot_be_is_said(host: str, port: int) -> None:
    with pytest.raises(UserError, match="--listen"), served(lambda: TEXT, host, port, Protection()):
        pass


def test_only_those_with_a_password_are_served() -> None:
    known = Protection(users=frozenset({("prometheus", "sea:trial"), ("b", "ü")}))
    with served(lambda: TEXT, LOCAL, 0, known) as port:
        status, headers, body = get(port)
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic") and TEXT not in body
        for words in ("prometheus:wrong", "prometheus:", "b:sea:trial", ":", ""):
            assert get(port, Authorization=basic(words))[0] == 401
        for header in ("Basic", "Basic !", "Bearer x", basic("b:ü").replace("Basic", "Digest")):
            assert get(port, Authorization=header)[0] == 401
        assert get(port, Authorization=basic("prometheus:sea:trial"))[2] == TEXT
        assert get(port, Authorization=basic("b:ü"))[2] == TEXT


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={LOCAL} -addext subjectAltName=IP:{LOCAL}"
    made = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *words.split(), *made], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def test_https_is_spoken_with_a_certificate(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = ssl.create_default_context(cafile=cert)
    with served(lambda: TEXT, LOCAL, 0, Protection(certificate=cert, key=key)) as port:
        assert get(port, scheme="https", context=context)[2] == TEXT
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            get(port, scheme="https")


def test_only_clients_with_a_certificate_are_served(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = ssl.create_default_context(cafile=cert)
    with served(lambda: TEXT, LOCAL, 0, Protection(certificate=cert, key=key, client_ca=cert)) as port:
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            get(port, scheme="https", context=context)
        context.load_cert_chain(cert, key)
        assert get(port, scheme="https", context=context)[2] == TEXT


def test_a_certificate_that_is_none_is_said(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    protection = Protection(certificate=tmp_path / "cert.pem", key=certificate[1])
    with pytest.raises(UserError, match="--tls-cert"), served(lambda: TEXT, LOCAL, 0, protection):
        pass
    protection = Protection(certificate=certificate[0], key=certificate[1], client_ca=tmp_path / "cert.pem")
    with pytest.raises(UserError, match="--tls-client-ca"), served(lambda: TEXT, LOCAL, 0, protection):
        pass


def test_users_are_read_from_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("a:b\n\nc:d:e\n")
    path.chmod(0o600)
    assert users(path) == {("a", "b"), ("c", "d:e")}
    path.chmod(0o640)
    with pytest.raises(UserError, match="chmod 600"):
        users(path)


@pytest.mark.parametrize("text", ["", "name", ":word", "name:", "a:b\nc"])
def test_users_that_are_none_are_refused_without_their_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UserError, match="NAME:PASSWORD"):
        users(path)


def test_the_textfile_is_whole_at_any_moment(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("old")
    before = (tmp_path / FILE).stat().st_ino
    write(lambda: TEXT, tmp_path)
    assert (tmp_path / FILE).read_bytes() == TEXT and (tmp_path / FILE).stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]  # no other *.prom, ever
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o644
    with pytest.raises(UserError, match="--textfile"):
        write(lambda: TEXT, tmp_path / "absent")
