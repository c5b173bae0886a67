"""Debian's Chromium without a window: one process, in which pages are looked at under many circumstances."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
PROGRAMS = ("chromium", "chromedriver")
OVERFLOW = """
const wide = document.documentElement.scrollWidth, room = document.documentElement.clientWidth;
const out = [...document.querySelectorAll("body *")].filter((node) => {
  const box = node.getBoundingClientRect();
  return box.right > room + 1 && box.width > 0 && !node.closest(".wide, .lines, svg, thead");
});
return wide > room ? ["page " + wide] : out.map((node) => node.tagName + "." + node.className);
"""


def missing() -> list[str]:
    """What is not installed of it."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


class Browser:
    """A tab."""

    def __init__(self, driver: webdriver.Chrome, axe: str) -> None:
        self.driver = driver
        self.axe = axe

    def look(self, address: str, *, width: int, dark: bool, script: bool) -> None:
        """Open a page on a screen of that width."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.driver.get(address)

    def said(self) -> list[str]:
        """What the page wrote to the console since the last call: errors of its script, and what it could not load."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def overflow(self) -> list[str]:
        """What is wider than the screen."""
        found: list[str] = self.driver.execute_script(OVERFLOW)
        return found

    def violations(self) -> list[str]:
        """What axe-core finds that is serious or critical."""
        self.driver.execute_script(self.axe)
        found: list[dict[str, Any]] = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then((result) => done(result.violations));"
        )
        return [
            f"{one['id']}: {one['help']}: {json.dumps(one['nodes'][0]['html'])[:300]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def picture(self, path: Path, *, height: int | None = None) -> None:
        """The page, or its first `height` px, as a PNG: for people to look at."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(profile: Path, axe: Path) -> Iterator[Browser]:
    """A tab in a browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    env = {**os.environ, "HOME": str(profile)}
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"), env=env)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(30)
        yield Browser(driver, axe.read_text(encoding="utf-8"))
    finally:
        driver.quit()
