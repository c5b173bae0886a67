"""One browser for all pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial.report.serve import server
from tests.trials.pages import gallery

if TYPE_CHECKING:
    from tests.trials.pages.browser import Browser

AXE = Path(__file__).parents[3] / ".make" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
"""Where .ci/run installs axe-core: npm install --prefix .make/npm axe-core."""


@pytest.fixture(scope="package")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("selenium")
    from tests.trials.pages import browser

    absent = [*browser.missing(), *([] if AXE.exists() else [str(AXE)])]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}; see .ci/run")
    with browser.browser(tmp_path_factory.mktemp("profile"), AXE) as found:
        yield found


@pytest.fixture(scope="package")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Name -> address: files, as people send them around, and what `report --serve` answers."""
    root = tmp_path_factory.mktemp("pages") / "runs"
    found = {name: path.as_uri() for name, path in gallery.pages(root).items()}
    running = server(root)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    found["index"] = f"http://127.0.0.1:{running.server_port}/"
    try:
        yield found
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
