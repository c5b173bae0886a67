"""Proteins from FASTA to splits: files, clusters, what is kept apart, what BioNeMo reads, and a whole preparation."""

from __future__ import annotations

import csv
import gzip
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases import bionemo
from seatrial.cases._proteins import clusters, splits
from seatrial.cases._proteins import fasta as files
from seatrial.cases._proteins.fasta import Protein, path_of, proteins
from seatrial.cases.bionemo_data import CASE, Args, check, preflight
from seatrial.errors import UserError
from seatrial.events import EventLog, read_events
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.spec import Layout
from tests.cases.proteins import LETTERS, families, family, fasta
from tests.clusters import LOCAL, P5
from tests.ranks import Left, leaving_is_an_exception

TINY = CASE.recipe("tiny")
ONE = Layout(nodes=1, processes_per_node=1, device="cpu")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"proteins": -1}, "proteins: -1 is less than 0"),
        ({"proteins_per_file": 0}, "proteins_per_file: 0 is less than 1"),
        ({"valid_share": 1.0}, "valid_share: 1.0 is not in [0, 1)"),
        ({"valid_share": 0.5, "test_share": 0.5}, "valid_share, test_share: nothing is left to train on"),
        ({"name": "../x"}, "name: '../x' is no name for a folder"),
        ({"source": "stdlib"}, "source: 'stdlib' is no source"),
        ({"clusters": "mmseqs"}, "clusters: 'mmseqs' makes no clusters"),
        ({"clusters": "tsv:"}, "clusters: 'tsv:' makes no clusters"),
        ({"source": "https://a/b", "sha256": "12"}, "sha256: '12' is no SHA-256"),
        ({"sha256": "0" * 64}, "sha256: only a file from a URL has one"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    changed = replace(TINY.args, **changes)
    found = [str(problem) for problem in (*changed.problems(), *check(changed, ONE))]
    assert found[0].startswith(says)


def test_one_process_prepares() -> None:
    [found] = check(TINY.args, replace(ONE, processes_per_node=8))
    assert found.what == "one process prepares the data, the job has 8"
    for recipe in CASE.recipes:
        assert bind(CASE, recipe, P5).world_size == 1


def test_training_knows_the_data_sets_by_name() -> None:
    names = {recipe.args.name for recipe in CASE.recipes}
    wanted = {recipe.args.dataset for recipe in bionemo.RECIPES} - {"uniprot"}
    assert {f"proteins:{name}" for name in names} >= wanted


def test_what_is_not_on_this_machine_is_told_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNIPROT", tmp_path / "none")
    [problem] = preflight(TINY.args)
    assert problem.what == "there is no such file" and problem.remedy.startswith("apt-get install mmseqs2-examples")
    [problem] = preflight(replace(TINY.args, source=f"fasta:{__file__}", clusters=f"tsv:{tmp_path}/none"))
    assert problem.remedy == "mmseqs createtsv writes it"


# --- FASTA ---


def test_records_are_read_whole_and_named_as_mmseqs2_names_them(tmp_path: Path) -> None:
    text = ">sp|Q6GZX4|001R_FRG3G text\nMAF\nsaedv \n\n>UniRef50_A0 n=1\nMK*\n>plain\nXX\n>tr|broken\nA\n"
    path = tmp_path / "a.fasta.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert list(proteins(path)) == [
        Protein("Q6GZX4", "MAFSAEDV"),
        Protein("UniRef50_A0", "MK"),
        Protein("plain", "XX"),
        Protein("tr|broken", "A"),
    ]
    assert path_of(f"fasta:{path}") == path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"MAF\n>a\nM\n", "line 2: there is a sequence before the first name"),
        (b"MAF\n", "line 1: it is no FASTA"),
        (b">a\n>b\nM\n", "line 2: a has no sequence"),
        (b">a\nM\n>\nM\n", "line 3: a record has no name"),
        (b">a\nM1\n", "line 2: a is no protein in letters"),
        (b">a\n\xff\xfe\n", "line 2: a is no protein in letters"),
    ],
)
def test_what_is_no_fasta_is_said_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.fasta").write_bytes(content)
    with pytest.raises(UserError, match=says):
        list(proteins(tmp_path / "a.fasta"))


def test_a_file_that_is_cut_off_is_no_short_one(tmp_path: Path) -> None:
    whole = gzip.compress(b">a\n" + bytes(random.Random(1).choices(LETTERS.encode(), k=5000)))
    (tmp_path / "a.fasta.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        list(proteins(tmp_path / "a.fasta.gz"))


# --- clusters ---


def test_relatives_are_one_cluster_and_strangers_are_not() -> None:
    found = families()
    labels = clusters.linked([protein.sequence for protein in found])
    by_family: dict[str, set[int]] = {}
    for protein, label in zip(found, labels, strict=True):
        if len(protein.sequence) > 100:
            by_family.setdefault(protein.id.partition(".")[0], set()).add(label)
    assert all(len(labels) == 1 for labels in by_family.values())
    assert len(set.union(*by_family.values())) == len(by_family)


def test_clusters_are_closed_over_relatives_of_relatives() -> None:
    a, b, c = ("".join(random.Random(seed).choices(LETTERS, k=40)) for seed in range(3))
    assert clusters.linked([a + b, "MK", b + c, a, c, "MK", "X" * 50, "X" * 60]) == [0, 1, 0, 0, 0, 1, 6, 7]
    assert clusters.linked([a[:11], b + a[:11], a[:12], b[:3] + a[:12]]) == [0, 1, 2, 2], "12 residues, not 11"
    assert clusters.linked([]) == []


def test_records_of_uniref_are_clusters_by_themselves(tmp_path: Path) -> None:
    with clusters.opened("uniref", list, tmp_path / "x") as of:
        assert of(Protein("UniRef50_A", "M")) == ("UniRef50_A", 1)
        with pytest.raises(UserError, match="P12345 is no record of UniRef"):
            of(Protein("P12345", "M"))


def test_clusters_of_mmseqs2(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text("a\ta\na\tb\nc\tc\n")
    with clusters.opened(f"tsv:{tmp_path}/c.tsv", list, tmp_path / "x") as of:
        assert [of(Protein(name, "M")) for name in "abc"] == [("a", 2), ("a", 2), ("c", 1)]
        with pytest.raises(UserError, match="d is in no cluster"):
            of(Protein("d", "M"))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("text", ["a\n", "a\tb\tc\n", "a\tb\nc\tb\n"])
def test_a_broken_table_of_clusters_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.tsv").write_text(text)
    with (
        pytest.raises(UserError, match="cannot be read"),
        clusters.opened(f"tsv:{tmp_path}/c.tsv", list, tmp_path / "x"),
    ):
        pass


# --- splits ---


def read(path: Path, query: str) -> list[Any]:
    return sqlite3.connect(path).execute(query).fetchall()


def write(folder: Path, found: list[Protein]) -> dict[str, splits.Holds]:
    folder.mkdir()
    with clusters.opened("words", lambda: found, folder / "x") as of:
        return splits.write(found, of, folder, valid=0.15, test=0.15)


def test_no_word_of_a_held_out_protein_stands_in_training(tmp_path: Path) -> None:
    found = families()
    holds = write(tmp_path / "data", found)
    there = {split: dict(read(tmp_path / f"data/{split}.db", "SELECT id, sequence FROM protein")) for split in holds}
    assert {p.id: p.sequence for p in found} == there["train"] | there["valid"] | there["test"]
    assert sum(map(len, there.values())) == len(found) and min(map(len, there.values())) > 10
    words = {
        split: {s[i : i + clusters.WORD] for s in sequences.values() for i in range(len(s) - clusters.WORD + 1)}
        for split, sequences in there.items()
    }
    assert not words["train"] & words["valid"] and not words["train"] & words["test"]
    assert not words["valid"] & words["test"]
    assert splits.shared(tmp_path / "data") == {"clusters": 0, "proteins": 0}
    assert {split: share.proteins for split, share in holds.items()} == {s: len(t) for s, t in there.items()}


def test_what_is_in_two_splits_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "data", families())
    [row] = read(tmp_path / "data/valid.db", "SELECT id, sequence, cluster FROM protein LIMIT 1")
    with sqlite3.connect(tmp_path / "data/train.db") as file:
        file.execute("INSERT INTO protein VALUES (?, ?, ?)", row)
    assert splits.shared(tmp_path / "data") == {"clusters": 1, "proteins": 1}


def test_a_split_follows_from_the_name_of_the_cluster_alone() -> None:
    names = [f"UniRef50_{number}" for number in range(20_000)]
    found = [splits.split_of(name, 1, valid=0.02, test=0.05) for name in names]
    assert found.count("valid") == pytest.approx(400, rel=0.2) and found.count("test") == pytest.approx(1000, rel=0.2)
    assert {splits.split_of(name, 101, valid=0.5, test=0.4) for name in names[:100]} == {"train"}
    stays = [splits.split_of(name, 1, valid=0.02, test=0.1) for name in names]
    assert {b for a, b in zip(found, stays, strict=True) if a == "valid"} == {"valid"}


def test_members_stand_together_with_the_representative_first(tmp_path: Path) -> None:
    relatives = family(random.Random(3), "A", 4, 200)
    strangers = family(random.Random(4), "B", 2, 200)
    names = {p.id: ("A.2" if p in relatives else "B.0") for p in [*relatives, *strangers]}
    splits.write([*relatives, *strangers], lambda p: (names[p.id], 4), tmp_path, valid=0, test=0)
    assert read(tmp_path / "train.db", "SELECT * FROM cluster") == [(0, "A.2 A.0 A.1 A.3"), (1, "B.0 B.1")]


def test_two_records_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="A is there twice"):
        splits.write([Protein("A", "M"), Protein("A", "K")], lambda p: (p.id, 1), tmp_path)


# --- the whole preparation ---

Prepare = Callable[[Args], tuple[int, EventLog]]


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prepare]:
    """The program in this process, in runs of their own beside one data folder."""
    from seatrial.cases.bionemo_data import prepare as program

    history = History(tmp_path / "runs")

    def start(args: Args) -> tuple[int, EventLog]:
        settings = {name: value for name, value in asdict(args).items() if value != getattr(TINY.args, name)}
        run = history.create(bind(CASE, TINY, LOCAL, settings=settings))
        for name, value in {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "SEATRIAL_RUN": run.path}.items():
            monkeypatch.setenv(name, str(value))
        with pytest.raises(Left) as caught:
            program.main()
        assert isinstance(caught.value.code, int)
        return caught.value.code, read_events(run.path / "events.jsonl")

    with leaving_is_an_exception(monkeypatch):
        yield start


def verdicts(log: EventLog) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in log.of(Finding)}


def test_it_prepares_for_bionemo_2_once_and_then_verifies(prepare: Prepare, tmp_path: Path) -> None:
    from pyarrow import parquet

    source = fasta(tmp_path / "a.fasta", families())
    args = replace(TINY.args, source=f"fasta:{source}", valid_share=0.15, test_share=0.15, proteins=0)
    folder = tmp_path / "runs/datasets/tiny-proteins"
    code, log = prepare(args)
    assert code == 0
    passed = dict.fromkeys(("data.checksums", "data.splits-disjoint", "data.proteins"), Verdict.PASS)
    assert verdicts(log) == passed
    for split, column in {"train": "ur90_id", "valid": "ur50_id", "test": "ur50_id"}.items():
        table = parquet.read_table(folder / f"{split}_clusters.parquet")
        assert table.column_names == [column]
        ids = [ids.split(" ") for (ids,) in read(folder / f"{split}.db", "SELECT ids FROM cluster ORDER BY number")]
        assert table[column].to_pylist() == (ids if split == "train" else [names[0] for names in ids])

    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    code, log = prepare(args)
    assert (code, verdicts(log)) == (0, passed)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before, "made once"

    assert prepare(replace(args, valid_share=0.2))[0] == 2, "the same name with other arguments"
    (folder / "valid.db").write_bytes(b"")
    _, log = prepare(args)
    assert verdicts(log)["data.checksums"] is Verdict.FAIL


def test_it_prepares_for_bionemo_1(prepare: Prepare, tmp_path: Path) -> None:
    source = fasta(tmp_path / "a.fasta", families())
    args = replace(
        TINY.args, source=source.as_uri(), format="esm1nv", proteins_per_file=100, valid_share=0.15, proteins=1000
    )
    code, log = prepare(args)
    assert code == 0
    assert verdicts(log)["data.proteins"] is Verdict.WARN, "fewer than were asked for"
    folder = tmp_path / "runs/datasets/tiny-proteins"
    found = {}
    for split in ("train", "val", "test"):
        paths = sorted((folder / split).iterdir())
        assert [path.name for path in paths] == [f"x{number:03d}.csv" for number in range(len(paths))]
        rows = [row for path in paths for row in csv.reader(path.read_text().splitlines())]
        assert rows[0] == ["record_id", "record_name", "sequence_length", "sequence"]
        found[split] = {row[1]: row[3] for row in rows if row[0] != "record_id"}
    assert len(list((folder / "train").iterdir())) > 1
    assert {p.id: p.sequence for p in families()} == found["train"] | found["val"] | found["test"]
    assert sum(map(len, found.values())) == len(families())
    assert not list(folder.glob("*.db"))
    assert json.loads((folder / "dataset.json").read_text())["in two splits"] == {"clusters": 0, "proteins": 0}


def test_too_few_proteins_for_a_split_are_refused(prepare: Prepare, tmp_path: Path) -> None:
    source = fasta(tmp_path / "a.fasta", families(3))
    code, log = prepare(replace(TINY.args, source=f"fasta:{source}", proteins=0))
    end = log.end()
    assert code == 2 and end is not None and "no cluster came to valid and test" in end.reason
    assert not (tmp_path / "runs/datasets/tiny-proteins").exists()
