"""Sources: each byte in one document, lanes that never share one, held-out text, resumable, clear refusals."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.data import sources
from seatrial.data.sources import Document, Files, HubDataset, Synthetic, check_source, open_source
from seatrial.errors import UserError
from seatrial.extras import Absent, installing

PIECES = ["a", " ", "word", "é", "漢", "😀", "\n", "\r\n", "\r", "x" * 30]
TEXT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=60).map("".join)


def write_files(folder: Path, count: int, *, names: list[str] | None = None) -> list[Path]:
    """Files of one document each, whose text is their number."""
    paths = [folder / name for name in names or (f"{i:03d}.txt" for i in range(count))]
    for number, path in enumerate(paths):
        path.write_text(f"document {number}\n")
    return paths


def everything(paths: list[Path]) -> list[Document]:
    """All documents of some files, both parts, in the order of the files."""
    found = list(Files(paths, 0, validation=False).documents)
    with contextlib.suppress(UserError):  # nothing is held out of a single document
        found += Files(paths, 0, validation=True).documents
    return sorted(found, key=lambda document: (document.path, document.start))


# --- files ---


@settings(deadline=None, max_examples=200)
@given(text=TEXT, size=st.integers(1, 40))
def test_documents_hold_every_byte_of_a_file_once(text: str, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.object(sources, "DOCUMENT_BYTES", size):
        path = Path(folder, "text.txt")
        path.write_bytes(text.encode())
        assert "".join(document.read() for document in everything([path])) == text


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_files_are_cut_at_line_ends(tmp_path: Path, end: str) -> None:
    path = tmp_path / "lines.txt"
    lines = [f"line {i} é\r\n" if i % 3 else f"line {i}\n" for i in range(8000)]
    lines[-1] = "last line" + end
    path.write_bytes("".join(lines).encode())
    texts = [document.read() for document in everything([path])]
    assert len(texts) > 5
    assert "".join(texts) == "".join(lines)
    assert all(text.endswith("\n") for text in texts[:-1])
    assert all(len(text.encode()) < sources.DOCUMENT_BYTES + 20 for text in texts)


class CountingPath:
    """Stands for a Path whose file is in memory; counts the bytes that are read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.read = 0

    def open(self, mode: str) -> CountingFile:
        assert mode == "rb"
        return CountingFile(self)


class CountingFile(io.BytesIO):
    def __init__(self, path: CountingPath) -> None:
        super().__init__(path.content)
        self.path = path

    def read(self, size: int | None = -1, /) -> bytes:
        return self._counted(super().read(size))

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._counted(super().readline(size))

    def _counted(self, block: bytes) -> bytes:
        self.path.read += len(block)
        return block


def test_one_enormous_line_is_not_read_once_for_each_of_its_documents() -> None:
    content = b"x" * (64 * sources.DOCUMENT_BYTES)
    path: Any = CountingPath(content)
    starts = range(0, len(content), sources.DOCUMENT_BYTES)
    documents = [Document(path, start, start + sources.DOCUMENT_BYTES) for start in starts]
    assert "".join(document.read() for document in documents).encode() == content
    assert path.read < 4 * len(content)


@pytest.mark.parametrize("part", ["training", "validation"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * (5 * sources.DOCUMENT_BYTES), id="one enormous line"),
        pytest.param("short\n" + "x" * (sources.DOCUMENT_BYTES + 10) + "\n", id="nothing after the last line end"),
    ],
)
def test_both_parts_of_a_file_with_long_lines_have_text(tmp_path: Path, text: str, part: str) -> None:
    """Otherwise whoever packs sequences from the part without text waits for ever."""
    path = tmp_path / "text.txt"
    path.write_text(text)
    for seed in range(6):
        cursor = Files([path], seed, validation=part == "validation").cursor(0, 1, None)
        assert any(cursor.read() for _ in range(20)), f"seed {seed}"


@pytest.mark.parametrize(("count", "lanes"), [(12, 1), (12, 4), (13, 4), (12, 5)])
def test_lanes_share_no_document_within_an_epoch(tmp_path: Path, count: int, lanes: int) -> None:
    source = Files(write_files(tmp_path, count + 1), 7, validation=False)  # one is held out
    cursors = [source.cursor(lane, lanes, None) for lane in range(lanes)]
    # Lanes take turns, so an epoch is the first `count` documents of all turns.
    turns = [cursors[i % lanes].read() for i in range(2 * count)]
    first, second = turns[:count], turns[count:]
    assert len(set(first)) == count
    assert sorted(first) == sorted(second)
    assert first != second, "the next epoch has another order"


@pytest.mark.parametrize(("seed", "numbers"), [(1, [2, 7, 9, 10, 24, 15]), (2, [3, 12, 15, 6, 29, 16])])
def test_the_order_depends_on_the_seed_alone(tmp_path: Path, seed: int, numbers: list[int]) -> None:
    """On no version either: a run that a newer one resumes must go on in the order that it began."""
    cursor = Files(write_files(tmp_path, 30), seed, validation=False).cursor(0, 1, None)
    assert [cursor.read() for _ in numbers] == [f"document {number}\n" for number in numbers]


def test_a_cursor_goes_on_from_its_state(tmp_path: Path, through_json: Callable[[Any], Any]) -> None:
    paths = write_files(tmp_path, 10)
    cursor = Files(paths, 3, validation=False).cursor(1, 2, None)
    for _ in range(7):  # beyond the first epoch
        state = through_json(cursor.state())
        resumed = Files(paths, 3, validation=False).cursor(1, 2, state)
        assert resumed.state() == state
        assert resumed.read() == cursor.read()


@pytest.mark.parametrize("seed", range(5))
def test_held_out_documents_are_never_trained_on(tmp_path: Path, seed: int) -> None:
    paths = write_files(tmp_path, 120)
    training, held_out = (set(Files(paths, seed, validation=part).documents) for part in (False, True))
    assert len(held_out) == 3  # one in fifty, rounded up
    assert not training & held_out
    assert len(training | held_out) == 120


def test_weird_file_names(tmp_path: Path, weird_names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, len(weird_names), names=weird_names)
    monkeypatch.chdir(tmp_path)  # so that the leading dash leads
    assert check_source("text:*.txt", validation=True) == []
    found: list[Document] = []
    for part in (False, True):
        source = open_source("text:*.txt", seed=0, validation=part)
        assert isinstance(source, Files)
        found += source.documents
    assert {document.path.name for document in found} == set(weird_names)
    assert {document.read() for document in found} == {f"document {i}\n" for i in range(len(weird_names))}


def test_a_glob_goes_into_folders_and_takes_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "folder.txt").mkdir()
    paths = write_files(tmp_path, 3, names=["top.txt", "a/middle.txt", "a/b/deep.txt"])
    source = open_source(f"text:{tmp_path}/**/**/*.txt", seed=0)
    assert isinstance(source, Files)
    assert sorted(source.paths) == sorted(paths)


def test_the_standard_library_is_text_and_enough_of_it() -> None:
    source = open_source("stdlib", seed=0)
    assert isinstance(source, Files)
    assert len(source.documents) > 500
    assert source.problems() == []
    assert not {"site-packages", "test"} & {part for path in source.paths for part in path.parts}


# --- what is refused ---


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("stdlibs", "no source of data is called 'stdlibs'"),
        ("stdlib:x", "no source of data is called"),
        ("text:", "no source of data is called"),
        ("text", "no source of data is called"),
        ("hf:", "no source of data is called"),
        ("synthetic:1", "no source of data is called"),
        ("", "no source of data is called"),
    ],
)
def test_an_unknown_source_is_refused_with_the_choices(spec: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        open_source(spec, seed=0)
    assert "text:GLOB" in str(caught.value)
    assert check_source(spec, validation=False) == list(caught.value.problems)


def test_a_glob_without_match(tmp_path: Path) -> None:
    (problem,) = check_source(f"text:{tmp_path}/*.txt", validation=False)
    assert "matches no file" in problem.what
    assert problem.where == f"text:{tmp_path}/*.txt"


def test_empty_files_are_no_source(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (problem,) = check_source(f"text:{tmp_path}/*.txt", validation=False)
    assert "is empty" in problem.what


def test_too_little_text_to_hold_some_back(tmp_path: Path) -> None:
    write_files(tmp_path, 1)
    assert check_source(f"text:{tmp_path}/*.txt", validation=False) == []
    (problem,) = check_source(f"text:{tmp_path}/*.txt", validation=True)
    assert "too little text" in problem.what
    assert "validation_every=0" in problem.remedy


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x7fELF\x02\x01\x01\x00\x00\x00binary\n", id="zero bytes"),
        pytest.param("naïve café\n".encode("latin-1"), id="latin-1"),
        pytest.param("naïve café".encode("latin-1"), id="latin-1 without line end"),
        pytest.param("utf sixteen\n".encode("utf-16"), id="utf-16"),
        pytest.param(b"\x1f\x8b\x08" + bytes(range(128, 256)) * 40, id="compressed, without line end"),
    ],
)
def test_every_file_that_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    write_files(tmp_path, 2)
    for name in ("bad 1.txt", "bad 2.txt"):
        (tmp_path / name).write_bytes(content)
    problems = check_source(f"text:{tmp_path}/*.txt", validation=False)
    assert [Path(problem.where).name for problem in problems] == ["bad 1.txt", "bad 2.txt"]
    assert {problem.what for problem in problems} == {"is not UTF-8 text"}


@pytest.mark.parametrize("offset", range(4))
def test_a_character_across_the_border_of_what_is_looked_at_is_text(tmp_path: Path, offset: int) -> None:
    (tmp_path / "long.txt").write_text("a" * (4096 - offset) + "😀" * 10, encoding="utf-8")
    assert check_source(f"text:{tmp_path}/*.txt", validation=False) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_files(tmp_path, 3)
    opened = Path.open

    def refuse(path: Path, *rest: Any, **options: Any) -> Any:
        if path == paths[1]:
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **options)

    monkeypatch.setattr(Path, "open", refuse)  # chmod does not keep root out
    (problem,) = check_source(f"text:{tmp_path}/*.txt", validation=False)
    assert (problem.what, problem.where) == ("cannot be read: Permission denied", str(paths[1]))


# --- synthetic ---


@settings(deadline=None, max_examples=50)
@given(size=st.integers(2, 200_000), seed=st.integers(0, 5), lane=st.integers(0, 9))
def test_synthetic_tokens_are_in_the_vocabulary_and_the_same_each_time(size: int, seed: int, lane: int) -> None:
    documents = [Synthetic(size, seed, False).cursor(lane, 10, None).read() for _ in range(2)]
    assert documents[0] == documents[1]
    assert all(0 <= token < size for token in documents[0])


def test_synthetic_differs_by_seed_lane_place_and_part() -> None:
    def first(seed: int, lane: int, validation: bool, skip: int = 0) -> tuple[int, ...]:
        return tuple(Synthetic(1000, seed, validation).cursor(lane, 4, {"documents": skip}).read())

    variants = [(0, 0, False), (1, 0, False), (0, 1, False), (0, 0, True), (0, 0, False, 1)]
    assert len({first(*variant) for variant in variants}) == 5


def test_synthetic_follows_zipfs_law() -> None:
    """Otherwise there would be nothing to learn, and the loss would stay at ln V."""
    cursor = Synthetic(1000, 0, False).cursor(0, 1, None)
    counts = Counter(token for _ in range(50) for token in cursor.read())
    # P(token = 1) is the integral of 1/x from 1 to 2 over ln V.
    assert counts[1] / counts.total() == pytest.approx(0.1003, abs=0.01)


def test_a_synthetic_cursor_goes_on_from_its_state() -> None:
    cursor = Synthetic(100, 0, False).cursor(2, 4, None)
    cursor.read()
    state = cursor.state()
    assert Synthetic(100, 0, False).cursor(2, 4, state).read() == cursor.read()


# --- datasets of the hub, here from a local folder ---


@pytest.fixture
def make_hub(tmp_path: Path, offline_hub: None) -> Iterator[Callable[..., HubDataset]]:
    """Makes a dataset of jsonl files, FILE.NUMBER being the text of each document."""
    folder = tmp_path / "my data"

    def make(files: int, documents: int, *, validation: bool = False, column: str = "text") -> HubDataset:
        folder.mkdir(exist_ok=True)
        for part, count in (("train", files), ("validation", 1)):
            for file in range(count):
                lines = (json.dumps({column: f"{part[0]}{file}.{i}"}) + "\n" for i in range(documents))
                (folder / f"{part}-{file}.jsonl").write_text("".join(lines))
        source = open_source(f"hf:{folder}", seed=0, validation=validation)
        assert isinstance(source, HubDataset)
        return source

    yield make


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        pytest.param(4, [24], id="1 lane, 4 files"),
        pytest.param(4, [12, 12], id="2 lanes, 4 files"),
        pytest.param(4, [12, 6, 6], id="3 lanes, 4 files"),
        pytest.param(4, [6, 6, 6, 6], id="4 lanes, 4 files"),
        pytest.param(4, [3, 3, 6, 6, 3, 3], id="6 lanes, 4 files"),
        pytest.param(4, [3] * 8, id="8 lanes, 4 files"),
        pytest.param(1, [2, 2, 2], id="3 lanes, 1 file"),
    ],
)
def test_lanes_share_out_the_documents_of_a_dataset(
    make_hub: Callable[..., HubDataset], files: int, counts: list[int]
) -> None:
    source = make_hub(files, 6)
    lanes = [source.cursor(lane, len(counts), None) for lane in range(len(counts))]
    texts = [lane.read() for lane, count in zip(lanes, counts, strict=True) for _ in range(count)]
    assert sorted(texts) == [f"t{file}.{i}" for file in range(files) for i in range(6)]


@pytest.mark.timeout(30)
def test_lanes_that_outnumber_the_documents_wait_for_none(make_hub: Callable[..., HubDataset]) -> None:
    """Such a lane takes its turn in a later epoch; an endless search for its first document would be a hang."""
    source = make_hub(1, 3)
    assert {source.cursor(lane, 8, None).read() for lane in range(8)} == {"t0.0", "t0.1", "t0.2"}


@pytest.mark.parametrize(("lane", "lanes"), [(0, 1), (1, 2), (4, 6)])
def test_a_dataset_goes_on_from_any_state(
    make_hub: Callable[..., HubDataset], through_json: Callable[[Any], Any], lane: int, lanes: int
) -> None:
    source = make_hub(4, 4)
    cursor = source.cursor(lane, lanes, None)
    states, texts = [], []
    for _ in range(40):  # two and a half epochs of one lane
        states.append(through_json(cursor.state()))
        texts.append(cursor.read())
    for place in range(0, 36, 5):
        resumed = source.cursor(lane, lanes, states[place])
        assert [resumed.read() for _ in range(4)] == texts[place : place + 4], f"from document {place}"


def test_a_dataset_that_was_resumed_can_be_resumed_again(make_hub: Callable[..., HubDataset]) -> None:
    """A lane may save before it has read on, in the middle of a long document."""
    source = make_hub(1, 6)
    cursor = source.cursor(0, 1, None)
    for _ in range(3):
        cursor.read()
    resumed = source.cursor(0, 1, cursor.state())
    again = source.cursor(0, 1, resumed.state())
    assert again.read() == "t0.3"


def test_validation_is_the_datasets_own_split(make_hub: Callable[..., HubDataset]) -> None:
    cursor = make_hub(1, 3, validation=True).cursor(0, 1, None)
    assert [cursor.read() for _ in range(3)] == ["v0.0", "v0.1", "v0.2"]


def test_a_dataset_without_text_is_refused(make_hub: Callable[..., HubDataset]) -> None:
    with pytest.raises(UserError, match="text"):
        make_hub(1, 3, column="content").cursor(0, 1, None).read()


def test_a_dataset_that_cannot_be_had(offline_hub: None) -> None:
    (problem,) = check_source("hf:nobody/nothing/en", validation=False)
    assert "split train cannot be opened" in problem.what
    assert problem.where == "hf:nobody/nothing/en"
    assert "HF_TOKEN" in problem.remedy


def test_without_the_package_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    (problem,) = check_source("hf:allenai/c4/en", validation=False)
    assert problem == Absent("datasets is not installed", "hf:allenai/c4/en", installing("datasets"))
