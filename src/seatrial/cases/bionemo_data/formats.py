"""What BioNeMo reads beside, or instead of, the SQLite files that a split is."""

from __future__ import annotations

import contextlib
import csv
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seatrial.cases._proteins.splits import SPLITS, TRAIN

ROWS = 100_000
"""Clusters that are written at a time."""
FOLDERS = {"train": "train", "valid": "val", "test": "test"}
"""Split -> what BioNeMo 1 calls it."""
HEADER = ("record_id", "record_name", "sequence_length", "sequence")
"""Columns of BioNeMo 1's files: it takes the one with number 3."""


def write_parquet(folder: Path, alive: Callable[[], None]) -> None:
    """Clusters for BioNeMo 2: of training the members, ``ur90_id``, of the others the representative, ``ur50_id``."""
    import pyarrow as arrow
    from pyarrow import parquet

    for split in SPLITS:
        members = split == TRAIN
        column = (
            arrow.field("ur90_id", arrow.list_(arrow.string())) if members else arrow.field("ur50_id", arrow.string())
        )
        schema = arrow.schema([column])
        with parquet.ParquetWriter(folder / f"{split}_clusters.parquet", schema) as writer:
            for rows in _rows(folder / f"{split}.db", "SELECT ids FROM cluster ORDER BY number"):
                names = [ids.split(" ") for (ids,) in rows]
                values = names if members else [ids[0] for ids in names]
                writer.write_table(arrow.table([arrow.array(values, column.type)], schema))
                alive()


def write_csv(folder: Path, proteins_per_file: int, alive: Callable[[], None]) -> None:
    """``train/x000.csv`` and so on for BioNeMo 1, in place of the SQLite files."""
    for split in SPLITS:
        (folder / FOLDERS[split]).mkdir()
        query = "SELECT rowid - 1, id, length(sequence), sequence FROM protein ORDER BY rowid"
        for number, rows in enumerate(_rows(folder / f"{split}.db", query, proteins_per_file)):
            with (folder / FOLDERS[split] / f"x{number:03d}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(HEADER)
                writer.writerows(rows)
            alive()
        (folder / f"{split}.db").unlink()


def _rows(path: Path, query: str, at_once: int = ROWS) -> Iterator[list[Any]]:
    with contextlib.closing(sqlite3.connect(path)) as file:
        cursor = file.execute(query)
        while rows := cursor.fetchmany(at_once):
            yield rows
