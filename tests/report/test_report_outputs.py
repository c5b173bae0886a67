"""The four formats: golden files for a whole run, and sense for runs of which little is known."""

import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from seatrial import report
from seatrial.events import RunEnd
from seatrial.findings import Finding, Verdict
from seatrial.provenance import Start
from seatrial.report import FORMATS, compare, render, write
from seatrial.report.document import Section, Table, to_markdown, to_text
from seatrial.report.summary import summarise
from tests.compact import folded
from tests.stories import START

NASTY = '<script>alert(1)</script> | a\n*b* `c` [d](e) \x1b[31m \u202e & "quoted" 漢字'


def check_page(page):
    """Balanced tags, nothing fetched from elsewhere, every picture well-formed, data that no text in them can end."""
    open_tags = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert not any(name == "src" or name.startswith("on") for name, _ in attrs)
            assert dict(attrs).get("href", "data:,") == "data:,"
            if tag not in ("meta", "br", "link", "input", "wbr"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Balance().feed(page)
    assert not open_tags
    for picture in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ElementTree.fromstring(picture)
    first, second = re.findall(r"<script.*?</script>", page, flags=re.DOTALL)
    assert json.loads(first.partition(">")[2].removesuffix("</script>"))["version"] == 1 and "<!--" not in second
    assert "<" not in first.partition(">")[2].removesuffix("</script>")
    elsewhere = page.replace("http://www.w3.org/2000/svg", "").replace(first, "")
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
def test_golden(make_run, story, format, golden):
    text = render(make_run(story.whole_run()), story.FINDINGS, format)
    if format == "html":  # the style and the script are files of their own, the data those of run.json
        text = re.sub(r"(<style>|<script[^>]*>).*?(?=</)", r"\1...", text, flags=re.DOTALL)
    golden(f"report/run.{format}", folded(text) if format == "json" else text)


def test_output_does_not_depend_on_the_time_zone(make_run, story, monkeypatch):
    run = make_run(story.whole_run())
    before = render(run, story.FINDINGS, "html")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        after = render(run, story.FINDINGS, "html")
    time.tzset()
    assert before == after


def test_a_whole_run_is_well_formed(make_run, story):
    check_all(make_run(story.whole_run()), story.FINDINGS)


def test_a_run_without_events(make_run):
    texts = check_all(make_run([]), [])
    for format in ("text", "md", "html"):
        assert "UNKNOWN" in texts[format] and "No event was recorded" in texts[format]
    assert "unknown" not in texts["text"]  # what there is nothing to say of is left out
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
    assert len(texts["html"]) < 500_000 and len(texts["text"].splitlines()) < 250


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
    assert write(run, story.FINDINGS) == run.report_path
    assert run.report_path.read_text(encoding="utf-8") == render(run, story.FINDINGS, "html")
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
def test_golden_of_a_comparison(make_run, story, format, golden):
    a = summarise(make_run(story.whole_run(), name="first"), story.FINDINGS)
    slower = story.steps_only([0.11 + 0.001 * (n % 3) for n in range(40)], world_size=4, versions={"torch": "2.9.1"})
    b = summarise(make_run(slower, name="second", args={"steps": 40, "compile": True}, nodes=2), [])
    result = compare.compare(a, b)
    texts = {"text": compare.to_text, "md": compare.to_markdown, "json": compare.to_json}
    text = texts[format](result)
    if format == "json":
        check_strict(text)
    golden(f"report/comparison.{format}", folded(text) if format == "json" else text)


def test_a_preparation_is_no_training_run(make_run, story):
    start = story.start(steps=1, unit="samples", parameters=None, flops_per_token={}, peak_flops=None, world_size=1)
    events = [(0.0, start), (4.0, RunEnd(outcome="completed", step=1))]
    texts = check_all(make_run(events, purpose="preparation", parameters=None), story.FINDINGS)
    page = texts["html"].partition("<body>")[2].partition("<script")[0]
    assert "preparation report" in page and "Wall time" in page and "Data was prepared" in texts["text"]
    training = ("MFU", "Throughput", "Final loss", "Over the steps", "step was logged", "unknown", "no result about")
    for word in (*training, ">Steps<"):
        assert word not in page and word not in texts["text"].partition("Configuration")[0].replace("samples", ""), word


def test_sections_without_data_vanish_and_empty_values_are_not_printed(make_run, story):
    args = {"data": "", "path": None, "names": [], "steps": 9}
    texts = check_all(make_run(story.steps_only([0.1] * 9), args=args), [])
    page = texts["html"].partition("<body>")[2].partition("<script")[0]
    for heading in ("What a step", "Ranks side by side", "environment variable", "Checkpoint stall", "Validation"):
        assert heading not in page
    assert '<td data-label="setting">steps</td>' in page and ">data<" not in page and ">names<" not in page
    assert "unknown" not in texts["text"] and "Ranks, seconds" not in texts["text"]
    assert "checkpoints: 0" not in page, "a lane in which nothing happened"
    steps = [(n / 10, story.step(n, grad_norm=None)) for n in range(1, 9)]
    assert "grad norm" not in render(make_run([(0.0, story.start()), *steps], name="no norm"), [], "text")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"unit": "samples"}, "FLOPs are counted per token, this case counts samples"),
        ({"flops_per_token": {}}, "no FLOPs per token are told by the program or its case"),
        ({"peak_flops": None, "peak_source": "unknown"}, "not stated on a CPU"),
        ({"peak_flops": None, "peak_source": "unknown: no fp8 peak for A100"}, "no fp8 peak for A100"),
    ],
)
def test_what_is_unknown_of_mfu_says_why_in_a_line(make_run, story, changes, why):
    text = render(make_run(story.steps_only([0.1] * 9, **changes)), [], "text")
    (row,) = [line for line in text.splitlines() if line.startswith("MFU")]
    assert row.split(maxsplit=2) == ["MFU", "unknown", why]


def test_mfu_comes_of_the_job_where_the_events_have_no_flops(make_run, story):
    """Of programs that do not count, and of logs; with what a framework prints of it beside."""
    events = [
        (moment, story.step(e.step, printed={"mfu": 0.33}) if hasattr(e, "loss") else e)
        for moment, e in story.steps_only([0.1] * 9, flops_per_token={})
    ]
    run = make_run(events, flops_per_token={"full": 8.2e6, "causal": 7.8e6})
    record = json.loads(render(run, [], "json"))
    assert record["mfu"]["full"] == pytest.approx(4096 / 0.1 * 8.2e6 / 1e12) and record["mfu_unknown"] == ""
    assert record["series"]["mfu_full"][5] == pytest.approx(record["mfu"]["full"])
    assert record["printed"] == {"mfu": pytest.approx(0.33)}
    assert "MFU, its log" in render(run, [], "text")


def test_how_it_came_about_is_in_every_format(make_run, story):
    run = make_run(story.whole_run())
    start = Start(time=START, command="seatrial run fsdp", folder="/me", host="n", seatrial="0.1.0", code="0123abc")
    (run.path / "provenance.jsonl").write_text(json.dumps(asdict(start)) + "\n")
    for text in check_all(run, []).values():
        assert "seatrial run fsdp" in text and "0123abc" in text


def test_a_page_of_many_steps_holds_some_of_them_and_says_so(make_run, story, monkeypatch):
    monkeypatch.setattr("seatrial.report.record.MAX_EMBEDDED", 10)
    page = render(make_run(story.steps_only([0.1] * 40)), [], "html")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["series"]["step"] == list(range(1, 41, 4)) and "every 4th logged step" in page


def test_marks_and_texts_stand_out_from_the_page():
    """WCAG 2: 3:1 for what is drawn, 4.5:1 for what is read; light and dark."""
    sheet = (Path(report.__file__).parent / "page.css").read_text()
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in sheet.split(":root {")[1:3])
    for colours in (light, light | dark):
        lines, parts = [f"s{index}" for index in range(4)], [f"p{index}" for index in range(6)]
        for name in (*lines, *parts, "bar", "behind", "strong-rule", "fail"):
            assert contrast(colours[name], colours["page"]) >= 3, name
        for name in ("ink", "soft", "s0", "pass", "warn", "fail", "unknown", "skip"):
            assert contrast(colours[name], colours["page"]) >= 4.5, name
        assert min(contrast(colours[name], colours["on-part"]) for name in parts) >= 4.5


def contrast(one, other):
    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)
