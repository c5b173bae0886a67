"""What is newer: asked of an index and of an API on loopback; what does not answer stays unknown."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatrial import extras
from seatrial.cli.versions_outdated import command
from seatrial.environments import newest
from seatrial.environments.newest import ask
from seatrial.errors import UserError
from seatrial.versions import table
from seatrial.versions.pins import Checkout, Pin
from seatrial.versions.table import Entry
from tests.environments.small import VARIABLES, wheel


@dataclass
class World:
    """Whoever is asked."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    """Path -> what is there; else it is 404."""
    asked: list[str] = field(default_factory=list)

    def releases(self, repository: str, tag: object) -> None:
        """A repository with a latest release."""
        self.pages[f"/repos/{repository}/releases/latest"] = json.dumps({"tag_name": tag}).encode()

    def wheels(self, folder: Path, name: str, *versions: str) -> None:
        """A package of the index."""
        for version in versions:
            wheel(folder, name.replace("-", "_"), version, "")
        files = [path for path in folder.iterdir() if path.name.startswith(f"{name.replace('-', '_')}-")]
        self.pages |= {f"/files/{path.name}": path.read_bytes() for path in files}
        links = "".join(f'<a href="/files/{path.name}">{path.name}</a>' for path in files)
        self.pages[f"/simple/{name}/"] = f"<html><body>{links}</body></html>".encode()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An index of Python packages, and GitHub, on loopback."""
    found = World()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            content = found.pages.get(self.path.partition("?")[0])
            self.send_response(200 if content is not None else 404)
            kind = "text/html" if self.path.startswith("/simple") else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    for name in [name for name in os.environ if name.startswith(VARIABLES) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{found.url}/simple")
    monkeypatch.setattr(newest, "GITHUB", found.url)
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def package(name: str, version: str) -> Entry:
    return Entry(name=name, table="python", pin=Pin(version=version, source="x", seen="2026-11"), package=name)


def checkout(name: str, version: str, repository: str) -> Entry:
    pin = Checkout(
        version=version, repository=f"https://github.com/{repository}", commit="0" * 40, source="x", seen="x"
    )
    return Entry(name=name, table="nodes", pin=pin)


def test_packages_are_asked_for_at_once_and_those_that_are_not_there_are_unknown(world, tmp_path):
    world.wheels(tmp_path, "seatrial-one", "1.0", "1.2", "2.0rc1")
    world.wheels(tmp_path, "seatrial-two", "2.0")
    one, two, three = ask([package("seatrial-one", "1.0"), package("seatrial-two", "2.0"), package("no-such", "1.0")])
    assert (one.version, one.behind) == ("1.2", True)
    assert (two.version, two.behind) == ("2.0", False)
    assert (three.version, three.behind) == (None, None) and "no-such" in three.why


def test_an_index_that_does_not_answer_leaves_all_unknown(world, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    found = ask([package("seatrial-one", "1.0"), package("seatrial-two", "2.0")])
    assert [one.behind for one in found] == [None, None] and all(one.why for one in found)


def test_without_uv_packages_are_unknown(world, monkeypatch):
    monkeypatch.setattr(extras, "uv", lambda: None)
    [one] = ask([package("seatrial-one", "1.0")])
    assert one.behind is None and "uv is not installed" in one.why


def test_releases_are_asked_for_and_tags_where_there_are_none(world):
    world.releases("a/released", "v2.32.6-1")
    world.pages["/repos/a/tagged/tags"] = json.dumps(
        [{"name": "v2.9.0"}, {"name": "v2.20.0"}, {"name": "old"}]
    ).encode()
    released, tagged = ask([checkout("x", "2.32.6", "a/released"), checkout("y", "v2.9.0", "a/tagged")])
    assert (released.version, released.behind) == ("v2.32.6-1", True)
    assert (tagged.version, tagged.behind) == ("v2.20.0", True)
    world.releases("a/released", "v2.32.6")
    assert [one.behind for one in ask([checkout("x", "2.32.6", "a/released")])] == [False]


@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b"{}", b'{"tag_name": null}', b'{"tag_name": "nightly"}'])
def test_an_answer_that_tells_no_version_is_unknown(world, page):
    world.pages["/repos/a/b/releases/latest"] = page
    [one] = ask([checkout("x", "1.0.0", "a/b")])
    assert one.behind is None and one.why


@pytest.mark.parametrize("pinned", ["2025-04", "067d658b2d5c"])
def test_what_is_no_version_is_compared_with_nothing(world, pinned):
    world.releases("a/b", "v1.0.0")
    [one] = ask([checkout("x", pinned, "a/b")])
    assert one.behind is None and f"{pinned} is no version" in one.why


def test_whom_nobody_knows_is_not_asked(world):
    pin = Pin(version="1.0", source="x", seen="x", newest="2.0 is out, untried")
    one, two = ask([Entry(name="x", table="aws", pin=pin), checkout("y", "1.0", "a/nowhere")])
    assert one.behind is None and one.why == "2.0 is out, untried"
    assert two.behind is None and two.why.endswith("/repos/a/nowhere: Not Found")
    assert not [path for path in world.asked if "nowhere" not in path]


def test_the_command_says_unknown_and_never_that_it_is_the_newest(world, monkeypatch):
    world.releases("a/behind", "v2.0.0")
    world.releases("a/newest", "v1.0.0")
    some = (
        checkout("behind", "1.0.0", "a/behind"),
        checkout("newest", "1.0.0", "a/newest"),
        checkout("x", "1.0.0", "a/x"),
    )
    monkeypatch.setattr(table, "entries", lambda: some)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 0 and result.output.splitlines()[-1] == "1 newest, 1 outdated, 1 UNKNOWN"
    told = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert [one["state"] for one in told] == ["outdated", "newest", "UNKNOWN"]
    assert told[0]["newest"] == "v2.0.0" and told[2]["newest"] == "" and told[2]["why"]
    assert len(json.loads(CliRunner().invoke(command, ["behind", "--json"]).output)) == 1
    wrong = CliRunner().invoke(command, ["behnd", "xy"])
    assert isinstance(wrong.exception, UserError) and "did you mean behind?" in str(wrong.exception)
