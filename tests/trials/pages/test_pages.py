"""Every page in Chromium: on a telephone and on a wide screen, light and dark, with and without script."""

from __future__ import annotations

import csv
import itertools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial.events import Validation
from seatrial.report import write
from tests import stories
from tests.waiting import poll

if TYPE_CHECKING:
    from tests.trials.pages.browser import Browser

NAMES = (
    "completed",
    "failed",
    "stopped",
    "preparation",
    "elsewhere",
    "nothing",
    "comparison",
    "gate",
    "suite",
    "index",
)
WIDTHS = (400, 900, 1600)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_good_on_every_screen(tab: Browser, pages: dict[str, str], name: str) -> None:
    wrong = []
    for width, dark, script in itertools.product(WIDTHS, (False, True), (True, False)):
        tab.look(pages[name], width=width, dark=dark, script=script)
        found = [*tab.said(), *tab.overflow()]
        found += tab.violations() if script and width != 900 else []
        wrong += [f"{width} px, {'dark' if dark else 'light'}, {'' if script else 'no '}script: {one}" for one in found]
    assert not wrong, "\n".join(wrong)


def test_every_page_is_looked_at(pages: dict[str, str]) -> None:
    assert set(pages) == set(NAMES)


def test_tables_are_lists_on_a_telephone(tab: Browser, pages: dict[str, str]) -> None:
    display = "return [...new Set([...document.querySelectorAll('td')].map(n => getComputedStyle(n).display))]"
    tab.look(pages["completed"], width=900, dark=False, script=False)
    assert tab.driver.execute_script(display) == ["table-cell"]
    tab.look(pages["completed"], width=400, dark=False, script=False)
    assert "table-cell" not in tab.driver.execute_script(display)


def shown(tab: Browser) -> list[str]:
    """What stands below the charts."""
    script = "return [...document.querySelectorAll('.readout')].map(n => n.textContent)"
    found: list[str] = tab.driver.execute_script(script)
    return found


def test_values_stand_below_the_charts_by_pointer_and_by_keyboard(tab: Browser, pages: dict[str, str]) -> None:
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.by import By

    tab.look(pages["completed"], width=900, dark=False, script=True)
    chart = tab.driver.find_element(By.CSS_SELECTOR, "svg[data-chart]")
    ActionChains(tab.driver).move_to_element_with_offset(chart, chart.size["width"] // 2 - 14, 0).perform()
    assert shown(tab)[0] == "step 40: training 3.3668, validation 3.4668"
    tab.driver.find_element(By.ID, "step").send_keys(Keys.HOME, Keys.RIGHT)
    assert shown(tab)[0].startswith("step 2: training 5.") and shown(tab)[2].startswith("step 2: full ")
    assert len(tab.driver.find_elements(By.CSS_SELECTOR, ".cursor")) == 4


def ticks(tab: Browser, chart: int = 0) -> list[str]:
    found: list[str] = tab.driver.execute_script(
        "return [...document.querySelectorAll('svg[data-chart]')[arguments[0]].querySelectorAll('.tick')]"
        ".map(n => n.textContent)",
        chart,
    )
    return found


def test_zoom_log_axis_and_smoothing_redraw_and_reset_brings_back_the_page(tab: Browser, pages: dict[str, str]) -> None:
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.by import By

    tab.look(pages["completed"], width=900, dark=True, script=True)
    before = ticks(tab), ticks(tab, 3)
    tab.driver.find_element(By.ID, "log").send_keys(Keys.SPACE)
    assert ticks(tab, 3)[:4] == ["0.5", "1", "2", "5"]
    chart = tab.driver.find_element(By.CSS_SELECTOR, "svg[data-chart]")
    drag = ActionChains(tab.driver).move_to_element_with_offset(chart, 0, 0).click_and_hold()
    drag.move_by_offset(80, 0).release().perform()
    steps = [int(text) for text in ticks(tab, 1) if text.isdigit() and int(text) > 0]
    assert steps and min(steps) >= 18 and max(steps) <= 34
    tab.driver.find_element(By.ID, "smoothing").send_keys(*[Keys.RIGHT] * 9)
    assert len(tab.driver.find_elements(By.CSS_SELECTOR, ".line.raw")) == 6
    reset = tab.driver.find_element(By.ID, "reset")
    assert reset.is_enabled()
    reset.send_keys(Keys.ENTER)
    assert (ticks(tab), ticks(tab, 3)) == before and not tab.said()


def test_what_is_no_line_is_still_seen_when_a_chart_is_redrawn(tab: Browser, tmp_path: Path) -> None:
    from selenium.webdriver import Keys
    from selenium.webdriver.common.by import By

    steps = [(n / 10, stories.step(n, loss=math.nan if n in (3, 5) else 9.0 - n)) for n in range(1, 9)]
    told = (0.9, Validation(step=8, metrics={"loss": 1.5}, seconds=0.1))
    run = stories.write_run(tmp_path, [(0.0, stories.start()), *steps, told], name="gaps")
    tab.look(write(run, []).as_uri(), width=900, dark=False, script=True)

    def seen() -> tuple[int, int]:
        chart = tab.driver.find_element(By.CSS_SELECTOR, "svg[data-chart]")
        dots, crosses = (len(chart.find_elements(By.CSS_SELECTOR, kind)) for kind in ("circle.dot", "text.bad"))
        return dots, crosses

    before = seen()
    tab.driver.find_element(By.ID, "log").send_keys(Keys.SPACE)
    assert seen() == before == (2, 2) and not tab.said()


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_data_of_a_page_are_downloaded_from_it(tab: Browser, pages: dict[str, str], tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By

    tab.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    for name in ("completed", "comparison"):
        tab.look(pages[name], width=900, dark=False, script=True)
        for id_ in ("csv", "json"):
            tab.driver.find_element(By.ID, id_).click()
    poll(lambda: len([*tmp_path.glob("*.csv"), *tmp_path.glob("*.json")]) == 4, 10, "four files are there")
    rows = table(tmp_path / "completed.csv")
    assert len(rows) == 40 and rows[-1]["step"] == "40" and float(rows[-1]["loss"]) == pytest.approx(3.3668, abs=1e-4)
    record = json.loads((tmp_path / "completed.json").read_text())
    assert record["run"] == "completed" and record["series"]["step"] == list(range(1, 41))
    both = table(next(tmp_path.glob("completed-*.csv")))
    assert {row["run"] for row in both} == {"completed", "stopped"} and len(both) == 40 + 14


def test_two_runs_are_compared_by_ticking_them_and_the_index_is_filtered(tab: Browser, pages: dict[str, str]) -> None:
    from selenium.webdriver import Keys
    from selenium.webdriver.common.by import By

    tab.look(pages["index"], width=900, dark=False, script=False)
    for name in ("failed", "completed"):
        tab.driver.find_element(By.CSS_SELECTOR, f"input[value={name}]").send_keys(Keys.SPACE)
    tab.driver.find_element(By.CSS_SELECTOR, "button[formaction]").send_keys(Keys.ENTER)
    poll(lambda: "Measures" in tab.driver.page_source, 10, "the comparison is there")
    assert "failed (A)" in tab.driver.title and "completed (B)" in tab.driver.title
    tab.look(pages["index"] + "?state=failed", width=900, dark=False, script=False)
    links = [link.text for link in tab.driver.find_elements(By.CSS_SELECTOR, "td a")]
    assert links == ["failed"]
    tab.driver.find_element(By.LINK_TEXT, "failed").click()
    poll(lambda: "shard 7 is torn" in tab.driver.page_source, 10, "the run's own page is there")
