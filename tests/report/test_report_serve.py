"""A folder of runs in a browser: what is answered, to whom, and that nothing is written."""

import http.client
import threading
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import pytest

from seatrial.history import History
from seatrial.report.serve import answer, server


@pytest.fixture
def root(make_run, story, tmp_path):
    make_run(story.whole_run(), name="one")
    make_run(story.steps_only([0.1] * 20), name="two", case="jax").save_findings(story.FINDINGS)
    make_run([], name="<three> & 'four'")
    return tmp_path


def links(page):
    return [part.partition('"')[0] for part in page.split('href="/run/')[1:]]


def test_the_index_has_every_run_and_filters(root):
    status, page = answer(root, "/")
    assert status == HTTPStatus.OK and len(links(page)) == 3 and "3 of 3 runs" in page
    assert page.count('name="run" value=') == 3  # what is ticked is compared
    assert links(page) == [quote(run.id) for run in reversed(History(root).runs)]
    assert "<three>" not in page and "&lt;three&gt; &amp; &#39;four&#39;" in page
    assert links(answer(root, "/?job=jax/tiny")[1]) == ["two"]
    assert links(answer(root, "/?state=completed&verdict=WARN")[1]) == ["two"]
    assert links(answer(root, "/?text=ONE")[1]) == ["one"]
    assert "No run is left" in answer(root, "/?text=nothing+like+it")[1]


def test_each_run_has_its_page_whatever_its_name(root):
    for link in links(answer(root, "/")[1]):
        status, page = answer(root, f"/run/{link}")
        assert status == HTTPStatus.OK and "Seatrial run report" in page


def test_two_runs_or_more_are_compared(root):
    status, page = answer(root, "/compare?run=one&run=two")
    assert status == HTTPStatus.OK and "one (A) and two (B)" in page
    assert answer(root, "/compare?run=one")[0] == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("target", ["/nothing", "/run/none", "/run/..%2f..%2fetc", "/compare?run=one&run=none"])
def test_what_is_not_there_is_not_found(root, target):
    status, page = answer(root, target)
    assert status == HTTPStatus.NOT_FOUND and "All runs" in page


@contextmanager
def served(root):
    running = server(root)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield running.server_port
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def test_only_get_on_loopback_and_nothing_is_written(root):
    def files():
        return {path: path.stat().st_mtime_ns for path in [root, *Path(root).rglob("*")]}

    before = files()
    with served(root) as port:

        def ask(method, path, **headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            text = reply.read().decode()
            connection.close()
            return reply.status, text

        assert ask("GET", "/")[0] == ask("GET", "/run/one")[0] == ask("GET", "/compare?run=one&run=two")[0] == 200
        assert {ask(method, "/")[0] for method in ("POST", "PUT", "DELETE", "HEAD")} == {501}
        assert ask("GET", "/", Host="evil.example") == (403, "this server answers to its own address only")
    assert files() == before
