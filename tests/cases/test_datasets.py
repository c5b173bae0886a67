"""The datasets case without frameworks: rules, documents, tokens, text, and what a run says of its data."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import itertools
import json
import lzma
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases import composer_mpt
from seatrial.cases.datasets import CASE, Args, check, preflight
from seatrial.cases.datasets.documents import documents, fetch, json_lines
from seatrial.cases.datasets.formats import Written, subset, write, write_text
from seatrial.cases.datasets.tokens import BATCH, _result, tokenized
from seatrial.data.prepare import MANIFEST, manifest
from seatrial.errors import ExitCode, UserError
from seatrial.events import EventLog, Heartbeat, RunEnd, read_events
from seatrial.findings import Finding, Verdict, overall
from seatrial.history import History
from seatrial.spec import Layout, Recipe
from seatrial.verdict import judge
from tests.clusters import LOCAL, P5
from tests.ranks import Left, leaving_is_an_exception

TINY = CASE.recipe("tiny")
ONE = Layout(nodes=1, processes_per_node=1, device="cpu")


def problems(layout: Layout = ONE, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


def nothing() -> None:
    pass


# --- rules and recipes ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"documents": -1}, "documents: -1 is less than 0"),
        ({"workers": -1}, "workers: -1 is less than 0"),
        ({"sequence_length": 0}, "sequence_length: 0 is less than 1"),
        ({"documents_per_file": 0}, "documents_per_file: 0 is less than 1"),
        ({"name": ""}, "name: '' is no name for a folder"),
        ({"name": "../c4"}, "name: '../c4' is no name for a folder"),
        ({"name": ".c4"}, "name: '.c4' is no name for a folder"),
        ({"name": "a/b"}, "name: 'a/b' is no name for a folder"),
        ({"source": "c4"}, "source: 'c4' is no source\n    choose from: stdlib, text:GLOB, hf:NAME, https://"),
        ({"source": "hf:"}, "source: 'hf:' is no source"),
        ({"source": "synthetic"}, "source: 'synthetic' is no source"),
        ({"source": "https://a/b", "sha256": "12"}, "sha256: '12' is no SHA-256"),
        ({"sha256": "0" * 64}, "sha256: only a file from a URL has one"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    (found,) = problems(**changes)
    assert found.startswith(says)


@pytest.mark.parametrize("layout", [Layout(nodes=1, processes_per_node=8, device="cpu"), replace(ONE, nodes=2)])
def test_one_process_prepares(layout: Layout) -> None:
    (found,) = problems(layout)
    assert found.endswith(f"the job has {layout.world_size}\n    --nodes 1 --processes 1")


@pytest.mark.parametrize("recipe", CASE.recipes, ids=lambda recipe: recipe.name)
def test_each_recipe_is_one_process_without_accelerators_on_any_cluster(recipe: Recipe) -> None:
    for cluster in (LOCAL, P5):
        job = bind(CASE, recipe, cluster)
        assert (job.world_size, job.device, job.purpose, job.resumable) == (1, "cpu", "preparation", True)
        assert job.threads_per_process == cluster.cpus_per_node
        assert job.secrets == ()


def test_data_sets_have_names_of_their_own_which_training_recipes_know() -> None:
    names = [recipe.args.name for recipe in CASE.recipes]
    assert len(set(names)) == len(names)
    assert CASE.recipe("c4-mds").args.name == composer_mpt.C4
    args = CASE.recipe("c4-mds").args
    assert (args.sequence_length, args.tokenizer) == (2048, "EleutherAI/gpt-neox-20b")


def test_a_gated_tokenizer_needs_a_token() -> None:
    settings = {"tokenizer": "meta-llama/Llama-3.1-8B", "format": "megatron"}
    with pytest.raises(UserError, match="HF_TOKEN is not set"):
        bind(CASE, TINY, P5, settings=settings, secrets=())
    assert bind(CASE, TINY, P5, settings=settings, secrets={"HF_TOKEN"}).secrets == ("HF_TOKEN",)
    assert bind(CASE, TINY, P5, settings=settings | {"format": "text"}).secrets == ()


def test_what_is_wrong_on_this_machine(tmp_path: Path) -> None:
    for recipe in CASE.recipes:
        assert list(preflight(recipe.args)) == []
    args = replace(TINY.args, source=f"text:{tmp_path}/*", format="mds", tokenizer=f"{tmp_path}/tokenizer.json")
    assert [problem.what for problem in preflight(args)] == ["matches no file", "there is no such file"]


# --- documents ---


def test_local_files_are_read_once_in_an_order_of_the_seed(tmp_path: Path) -> None:
    for i in range(60):
        (tmp_path / f"{i}.txt").write_text(f"document {i}")
    args = replace(TINY.args, source=f"text:{tmp_path}/*.txt", documents=0)
    found = list(documents(args, tmp_path, nothing))
    assert len(found) == len(set(found)) == 58, "sources keep one in fifty back for validation"
    assert found == list(documents(args, tmp_path, nothing)) != sorted(found)
    assert set(found) != set(documents(replace(args, seed=1), tmp_path, nothing))
    assert list(documents(replace(args, documents=7), tmp_path, nothing)) == found[:7]


LINES = "".join(json.dumps({"text": text, "id": i}) + "\n" for i, text in enumerate(["one", "zwei\n", "三"]))


@pytest.mark.parametrize("opener", [open, gzip.open, lzma.open, bz2.open])
def test_json_lines_compressed_or_not(tmp_path: Path, opener: Callable[..., Any]) -> None:
    suffix = {gzip.open: ".gz", lzma.open: ".xz", bz2.open: ".bz2"}.get(opener, "")
    path = tmp_path / f"a.jsonl{suffix}"
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(LINES)
    assert list(json_lines(path)) == ["one", "zwei\n", "三"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"text": "a"}\n{"texts": "b"}\n', "line 2 is no JSON object with a field 'text'"),
        (b'{"text": "a"}\n{"text": "b\n', "line 2 is no JSON object"),
        (b'["a"]\n', "line 1 is no JSON object"),
        (b'{"text": "\xff"}\n', "line 1 is no JSON object"),
    ],
)
def test_lines_that_cannot_be_read_are_told_by_number(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=says):
        list(json_lines(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress])
def test_a_compressed_file_that_breaks_off_is_no_shorter_data_set(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    suffix = {gzip.compress: "gz", lzma.compress: "xz", bz2.compress: "bz2"}[compress]
    whole = compress(os.urandom(3000).hex().join(['{"text": "', '"}\n']).encode() * 5)
    (tmp_path / f"a.{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read from line"):
        list(json_lines(tmp_path / f"a.{suffix}"))


@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2"])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="cannot be read from line 1 on"):
        list(json_lines(tmp_path / f"a.{suffix}"))


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINES)
    url = (tmp_path / "a.jsonl").as_uri()
    signs: list[int] = []
    path = fetch(url, "", tmp_path / "data", lambda: signs.append(1))
    assert path.read_text() == LINES and signs
    (tmp_path / "a.jsonl").unlink()
    assert fetch(url, "", tmp_path / "data", nothing) == path
    sha256 = manifest(path.parent)["a.jsonl"]["sha256"]
    args = replace(TINY.args, source=url, sha256=sha256, documents=1)
    assert list(documents(args, tmp_path / "data", nothing)) == ["one"]
    with pytest.raises(UserError, match=f"its SHA-256 is {sha256}, not {'0' * 64}"):
        fetch(url, "0" * 64, tmp_path / "data", nothing)
    assert path.is_file(), "it is the user's to remove"


def test_what_is_not_the_expected_file_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINES)
    with pytest.raises(UserError, match=r"its SHA-256 is \w{64}, not 0{64}"):
        fetch((tmp_path / "a.jsonl").as_uri(), "0" * 64, tmp_path / "data", nothing)
    assert [path.suffix for path in (tmp_path / "data").iterdir()] == [".lock"]


def test_what_cannot_be_fetched_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl: cannot be fetched: .*No such file"):
        fetch((tmp_path / "none.jsonl").as_uri(), "", tmp_path / "data", nothing)


def test_an_answer_that_breaks_off_is_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_text(LINES)
    real = urllib.request.urlopen

    def urlopen(*args: Any, **more: Any) -> Any:
        response = real(*args, **more)
        response.headers.replace_header("Content-Length", str(len(LINES.encode()) + 10))
        return response

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(UserError, match=r"cannot be fetched: 81 of 91 bytes came"):
        fetch((tmp_path / "a.jsonl").as_uri(), "", tmp_path / "data", nothing)


# --- tokens ---

TEXTS = [f"document {i} " * (i % 7) for i in range(12 * BATCH + 3)]  # more than are under way at once


def test_any_number_of_processes_gives_the_same_tokens_in_the_same_order() -> None:
    with tokenized(TEXTS, "bytes", 1) as alone, tokenized(TEXTS, "bytes", 2) as together:
        assert [bytes(list(tokens[:-1])).decode() for tokens in alone] == TEXTS
        assert [bytes(list(tokens[:-1])).decode() for tokens in together] == TEXTS


def test_each_document_has_its_end_token() -> None:
    with tokenized(["ab", ""], "bytes", 1) as tokens:
        assert [list(document) for document in tokens] == [[97, 98, 256], [256]]


def test_a_source_without_end_does_not_fill_the_memory() -> None:
    taken: list[int] = []
    endless = (taken.append(i) or str(i) for i in itertools.count())
    with tokenized(endless, "bytes", 2) as tokens:
        assert len(list(itertools.islice(tokens, 10))) == 10
    assert len(taken) <= 10 * BATCH


def test_who_waits_for_tokens_gives_signs_of_life() -> None:
    signs: list[int] = []
    tokens: Future[list[Any]] = Future()

    def waiting() -> None:
        signs.append(1)
        tokens.set_result([])

    assert _result(tokens, waiting) == []
    assert signs == [1]


def test_a_process_that_tokenizes_imports_no_torch() -> None:
    code = "import sys, seatrial.cases.datasets.prepare; assert not {'torch', 'datasets', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_tokenizer_that_cannot_be_had_is_told_not_a_broken_pool() -> None:
    with pytest.raises(UserError, match="the tokenizer does not load"), tokenized(TEXTS, "none.json", 2):
        pass


POOL = """
import multiprocessing, sys
from seatrial.cases.datasets.tokens import tokenized

if __name__ == "__main__":
    with tokenized(["text"] * 1000, "bytes", 2) as tokens:
        next(tokens)
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        sys.stdin.read()
"""


def test_the_pool_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(POOL)
    command = [sys.executable, str(tmp_path / "pool.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        children = [Path("/proc", pid) for pid in process.stdout.readline().decode().split()]
        assert len(children) == 2
        process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(running(child) for child in children):
            assert time.monotonic() < deadline, "they live on"


def running(process: Path) -> bool:
    with contextlib.suppress(OSError):
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# --- text ---


def read(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_text_is_laid_out_as_a_data_set_of_the_hub(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_text(iter(["one", "zwei\n", "三", "four", "five"]), tmp_path / name, "en", 2)
    files = sorted((tmp_path / "a/en").iterdir())
    assert [path.name for path in files] == [f"train-{i:05d}.jsonl.gz" for i in range(3)]
    assert [read(path) for path in files] == [["one", "zwei\n"], ["三", "four"], ["five"]]
    assert "config_name: en" in (tmp_path / "a/README.md").read_text()
    assert [path.read_bytes() for path in files] == [
        path.read_bytes() for path in sorted((tmp_path / "b/en").iterdir())
    ]


@pytest.mark.parametrize(
    ("source", "config"),
    [
        ("hf:allenai/c4/en", "en"),
        ("hf:roneneldan/TinyStories", "default"),
        ("stdlib", "default"),
        ("text:a/b/c", "default"),
        ("https://a/b/c", "default"),
    ],
)
def test_it_is_found_by_the_name_that_it_had_on_the_hub(source: str, config: str) -> None:
    assert subset(source) == config


def test_what_was_written_is_counted(tmp_path: Path) -> None:
    told: list[int] = []
    written = write(TINY.args, iter(["one", "two"]), tmp_path, lambda so_far: told.append(so_far.documents))
    assert (written, told) == (Written(documents=2), [1, 2])


# --- a run ---

Prepare = Callable[..., tuple[int, EventLog]]


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prepare]:
    """Runs the program in this process: leaving is an exception."""
    from seatrial.cases.datasets import prepare as program

    monkeypatch.setattr(program, "PROGRESS_SECONDS", 0.0)
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    runs = itertools.count()
    history = History(tmp_path / "runs")

    def start(args: Args) -> tuple[int, EventLog]:
        job = replace(bind(CASE, TINY, LOCAL), args=asdict(args), pins={})
        run = history.create(job, f"run-{next(runs)}")
        monkeypatch.setenv("SEATRIAL_RUN", str(run.path))
        with pytest.raises(Left) as caught:
            program.main()
        assert isinstance(caught.value.code, int)
        return caught.value.code, read_events(run.path / "events.jsonl")

    with leaving_is_an_exception(monkeypatch):
        yield start


def verdicts(log: EventLog) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in log.of(Finding)}


SMALL = replace(TINY.args, documents=30, documents_per_file=10)


@pytest.mark.torch
class TestRun:
    """The program, with real data."""

    def test_it_prepares_once_and_then_verifies(self, prepare: Prepare, tmp_path: Path) -> None:
        folder = tmp_path / "runs/datasets/tiny-text"
        code, log = prepare(SMALL)
        assert code == 0
        assert verdicts(log) == {"data.checksums": Verdict.PASS, "data.size": Verdict.PASS}
        end = log.end()
        assert end is not None and (end.outcome, end.step) == ("completed", 1)
        phases = [event.phase for event in log.of(Heartbeat)]
        assert phases[:3] == ["start", "open stdlib", "1 documents"] and phases[-1] == "verify checksums"
        texts = [text for path in sorted((folder / "default").iterdir()) for text in read(path)]
        assert len(set(texts)) == 30
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

        code, log = prepare(replace(SMALL, workers=3))
        assert code == 0
        assert verdicts(log) == {"data.checksums": Verdict.PASS, "data.size": Verdict.PASS}
        assert [event.phase for event in log.of(Heartbeat)] == ["start", "verify checksums"]
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
        assert "30 documents" in log.of(Finding)[1].observed

    def test_a_damaged_set_fails_and_says_which_file(self, prepare: Prepare, tmp_path: Path) -> None:
        prepare(SMALL)
        (tmp_path / "runs/datasets/tiny-text/default/train-00001.jsonl.gz").write_bytes(b"x")
        code, log = prepare(SMALL)
        assert code == 0, "it did what it was to do; the finding judges"
        (finding, _) = log.of(Finding)
        assert (finding.verdict, finding.observed) == (Verdict.FAIL, "default/train-00001.jsonl.gz has changed")
        assert finding.remedy == "remove the folder, and prepare it again"
        run = History(tmp_path / "runs").find("run-1")
        assert overall(judge(run)) is Verdict.FAIL
        assert overall(judge(History(tmp_path / "runs").find("run-0"))) is Verdict.PASS

    def test_a_source_with_less_than_was_asked_for_is_warned_of(self, prepare: Prepare, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text(LINES)
        source = (tmp_path / "a.jsonl").as_uri()
        _, log = prepare(replace(SMALL, source=source, documents=4))
        assert verdicts(log)["data.size"] is Verdict.WARN
        assert log.of(Finding)[1].observed.startswith("3 documents, ")
        _, log = prepare(replace(SMALL, name="whole", source=source, documents=0))
        assert verdicts(log)["data.size"] is Verdict.PASS

    @pytest.mark.parametrize(
        "change", [{"seed": 1}, {"documents": 31}, {"documents_per_file": 9}, {"source": "text:*"}]
    )
    def test_another_set_under_the_same_name_is_refused(self, prepare: Prepare, change: dict[str, Any]) -> None:
        prepare(SMALL)
        code, log = prepare(replace(SMALL, **change))
        assert code == ExitCode.USAGE
        (name, now) = next(iter(change.items()))
        end = log.end()
        assert end is not None and end.final
        assert f"was made with other arguments: {name} was {getattr(SMALL, name)!r}, now it is {now!r}" in end.reason
        code, _ = prepare(replace(SMALL, sequence_length=7, tokenizer="none.json"))
        assert code == 0, "of no effect on text"

    def test_an_empty_source_is_no_data_set(self, prepare: Prepare, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text("")
        code, log = prepare(replace(SMALL, source=(tmp_path / "a.jsonl").as_uri()))
        assert code == ExitCode.USAGE
        assert "holds no documents" in log.of(RunEnd)[0].reason
        assert not (tmp_path / "runs/datasets/tiny-text").exists()

    def test_a_request_to_stop_leaves_nothing_half_done(
        self, prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from seatrial.cases.datasets import prepare as program

        monkeypatch.setattr(program, "how_much", lambda written: signal.raise_signal(signal.SIGTERM) or "stop")
        code, log = prepare(SMALL)
        assert code == ExitCode.STOPPED
        end = log.end()
        assert end is not None and (end.outcome, end.reason) == ("stopped", "SIGTERM")
        left = sorted(path.name for path in (tmp_path / "runs/datasets").iterdir())
        assert left == [".tiny-text.lock"]

    def test_a_folder_of_something_else_is_refused(self, prepare: Prepare, tmp_path: Path) -> None:
        folder = tmp_path / "runs/datasets/tiny-text"
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text("{}")
        code, log = prepare(SMALL)
        assert code == ExitCode.USAGE
        assert "was not made by this case, or is damaged" in log.of(RunEnd)[0].reason

    def test_where_it_would_be_lost_nothing_is_prepared(
        self, prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEATRIAL_CHECKPOINTS", "0")
        code, log = prepare(SMALL)
        assert code == ExitCode.USAGE
        assert "is lost with the node, and the data with it" in log.of(RunEnd)[0].reason
        monkeypatch.setenv("SEATRIAL_DATA", str(tmp_path / "kept"))
        code, _ = prepare(SMALL)
        assert code == 0 and (tmp_path / "kept/tiny-text" / MANIFEST).is_file()
