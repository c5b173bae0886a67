"""The four formats: golden files for a whole run, and sense for runs of which little is known."""

import json
import math
import os
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from seatrial.findings import Finding, Verdict
from seatrial.report import FORMATS, compare, render, write
from seatrial.report.document import Section, Table, to_markdown, to_text
from seatrial.report.summary import summarise

GOLDEN = Path(__file__).parent / "golden"
NASTY = '<script>alert(1)</script> | a\n*b* `c` [d](e) \x1b[31m \u202e & "quoted" 漢字'


def check_golden(name, text):
    path = GOLDEN / name
    if os.environ.get("SEATRIAL_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} differs; SEATRIAL_UPDATE_GOLDEN=1 writes it anew"


def check_page(page):
    """Balanced tags, no script, nothing fetched from elsewhere, every picture well-formed."""
    open_tags = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert tag != "script" and not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)
            if tag not in ("meta", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Balance().feed(page)
    assert not open_tags
    for picture in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ElementTree.fromstring(picture)
    elsewhere = page.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in elsewhere and "@import" not in elsewhere and "url(" not in elsewhere


def check_strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def check_all(run, findings):
    texts = {format: render(run, findings, format) for format in FORMATS}
    check_page(texts["html"])
    check_strict(texts["json"])
    assert max(map(len, texts["text"].splitlines())) <= 100
    for text in texts.values():
        text.encode("utf-8")
        assert "\x1b" not in text and "None" not in text and "Undefined" not in text
    return texts


@pytest.mark.parametrize("format", FORMATS)
def test_golden(make_run, story, format):
    check_golden(f"run.{format}", render(make_run(story.whole_run()), story.findings, format))


def test_output_does_not_depend_on_the_time_zone(make_run, story, monkeypatch):
    run = make_run(story.whole_run())
    before = render(run, story.findings, "html")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        after = render(run, story.findings, "html")
    time.tzset()
    assert before == after


def test_a_whole_run_is_well_formed(make_run, story):
    check_all(make_run(story.whole_run()), story.findings)


def test_a_run_without_events(make_run):
    texts = check_all(make_run([]), [])
    for format in ("text", "md", "html"):
        assert "UNKNOWN" in texts[format] and "unknown" in texts[format] and "No event was recorded" in texts[format]
    assert json.loads(texts["json"])["throughput"] is None


def test_only_a_start(make_run, story):
    assert "No step was logged" in check_all(make_run([(0.0, story.start())]), [])["text"]


def test_one_step(make_run, story):
    texts = check_all(make_run(story.steps_only([0.1])), [])
    assert "there is no steady figure" in " ".join(texts["text"].split())


def test_a_run_that_was_killed(make_run, story):
    assert "probably killed" in check_all(make_run(story.steps_only([0.1] * 9, end=False)), [])["text"]


def test_a_loss_that_is_not_a_number(make_run, story):
    steps = [(n * 1.0, story.step(n, loss=math.nan, grad_norm=math.inf)) for n in range(1, 9)]
    texts = check_all(make_run([(0.0, story.start()), *steps]), [])
    assert "NaN" in texts["text"] and "NaN" in texts["html"]
    assert json.loads(texts["json"])["series"]["loss"] == ["NaN"] * 8


def test_samples_and_unknown_peak(make_run, story):
    events = story.steps_only([0.1] * 9, unit="samples", peak_flops=None, flops_per_token={})
    texts = check_all(make_run(events), [])
    assert "41K samples/s" in texts["text"] and "tokens/s" not in texts["text"]


def test_many_ranks_steps_and_checkpoints(make_run, story):
    from seatrial.events import CheckpointSaved

    events = [(0.0, story.start(world_size=200, hosts=[f"node-{rank // 8}" for rank in range(200)]))]
    for n in range(1, 1500):
        events.append((n * 0.1, story.step(n, num_ranks=200 if n % 100 == 0 else 0)))
        events.append((n * 0.1 + 0.05, CheckpointSaved(step=n, path="c", bytes=1, seconds=0.1, stall_seconds=0.01)))
    texts = check_all(make_run(events), [])
    assert len(texts["html"]) < 250_000 and len(texts["text"].splitlines()) < 250


def test_hostile_texts_stay_texts(make_run, story):
    told = {name: NASTY + "\ud800" for name in ("check", "observed", "expected", "evidence", "remedy")}
    finding = Finding(verdict=Verdict.FAIL, **told)
    events = story.steps_only([0.1] * 5, device=NASTY, hosts=[NASTY, NASTY], versions={NASTY: NASTY}, peak_source=NASTY)
    run = make_run(events, name="we<ird> 'name'\n|\udcff", title=NASTY, framework=NASTY, args={NASTY: {NASTY: [NASTY]}})
    texts = check_all(run, [finding])
    assert "\u202e" not in texts["html"] + texts["text"] + texts["md"]
    tables = [row for row in texts["md"].splitlines() if row.startswith("| FAIL")]
    assert len(tables) == 1 and len(re.findall(r"(?<!\\)\|", tables[0])) == 6


def test_write_replaces_the_page(make_run, story):
    run = make_run(story.whole_run())
    run.report_path.write_text("old")
    assert write(run, story.findings) == run.report_path
    assert run.report_path.read_text(encoding="utf-8") == render(run, story.findings, "html")
    assert [path.name for path in run.path.iterdir() if path.name.startswith(".")] == []


def test_jinja2_is_imported_only_to_render():
    code = "import sys, seatrial.report, seatrial.report.compare; sys.exit('jinja2' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_wide_tables_are_wrapped_into_100_columns():
    table = Table(headers=("a", "b", "c"), rows=(("x" * 300, "word " * 60, "1"),), numeric=frozenset((2,)))
    text = to_text("title", [Section(title="section", paragraphs=("word " * 80,), tables=(table,))])
    assert max(map(len, text.splitlines())) == 100
    assert text.count("x") == 300 and text.count("word") == 140


def test_markdown_shows_what_was_written():
    text = to_markdown("a_b", [Section(title="", paragraphs=("# no *title* in_a_word _x_ <b>",))])
    assert text == "# a_b\n\n\\# no \\*title\\* in_a_word \\_x\\_ \\<b\\>\n"


@pytest.mark.parametrize("format", ["text", "md", "json"])
def test_golden_of_a_comparison(make_run, story, format):
    a = summarise(make_run(story.whole_run(), name="first"), story.findings)
    slower = story.steps_only([0.11 + 0.001 * (n % 3) for n in range(40)], world_size=4, versions={"torch": "2.9.1"})
    b = summarise(make_run(slower, name="second", args={"steps": 40, "compile": True}, nodes=2), [])
    result = compare.compare(a, b)
    texts = {"text": compare.to_text, "md": compare.to_markdown, "json": compare.to_json}
    text = texts[format](result)
    if format == "json":
        check_strict(text)
    check_golden(f"comparison.{format}", text)
