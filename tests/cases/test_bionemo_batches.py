"""Of the bionemo case what a model is given: tokens, masks, batches, the same at any number of ranks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cases.bionemo import CASE
from seatrial.cases.bionemo.batches import Lane, Loader, MicroBatch, Proteins, Sample, cut, together
from seatrial.cases.bionemo.tokens import AMINO_ACIDS, CLS, EOS, MASK, PAD, VOCABULARY, crop, encode, mask
from seatrial.errors import UserError
from tests.cases.proteins import prepared

# --- tokens and masks ---


def test_the_vocabulary_is_that_of_esm2() -> None:
    assert len(VOCABULARY) == 33 and (CLS, PAD, EOS, MASK) == (0, 1, 2, 32)
    assert "".join(VOCABULARY[token] for token in AMINO_ACIDS) == "LAGVSERTIDPKQNFYMHWC"
    assert encode("MAGJ").tolist() == [0, 20, 5, 6, 3, 2]


def test_a_window_is_taken_of_a_long_protein_anywhere() -> None:
    tokens = np.arange(100, dtype=np.int16)
    starts = {int(crop(tokens, 10, np.random.default_rng(seed))[0]) for seed in range(2000)}
    assert starts == set(range(91))
    assert crop(tokens, 100, np.random.default_rng(0)) is tokens


def test_masks_are_80_10_10_of_15_percent() -> None:
    generator = np.random.default_rng(0)
    tokens = encode("".join(generator.choice(list("LAGVSERTIDPKQNFYMHWC"), 100_000)))
    seen, places = mask(tokens, generator)
    assert len(places) / 100_000 == pytest.approx(0.15, rel=0.03)
    assert places.min() > 0 and places.max() < len(tokens) - 1, "never <cls> or <eos>"
    now, before = seen[places], tokens[places]
    assert (now == MASK).mean() == pytest.approx(0.8, abs=0.01)
    # A twentieth of those that are replaced become what they were.
    assert (now == before).mean() == pytest.approx(0.1 + 0.1 / 20, abs=0.01)
    others = now[(now != MASK) & (now != before)]
    assert others.min() >= 4 and others.max() <= 23 and len(set(others.tolist())) == 20
    untouched = np.ones(len(tokens), bool)
    untouched[places] = False
    assert (seen[untouched] == tokens[untouched]).all()


@given(st.integers(1, 12), st.integers(0, 1000))
def test_every_protein_has_something_to_tell(length: int, seed: int) -> None:
    _, places = mask(encode("M" * length), np.random.default_rng(seed))
    assert 1 <= len(places) <= length and (places >= 1).all() and (places <= length).all()


# --- batches ---

ARGS = replace(CASE.recipe("tiny").args, sequence_length=128, micro_batch_size=4, global_batch_size=16)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("data"))


def lanes(data: Path, count: int = 4, **changes: Any) -> list[Lane]:
    args = replace(ARGS, **changes)
    return [Lane(Proteins(data / "train.db", args), args, lane, count, None) for lane in range(count)]


def contents(part: MicroBatch) -> Any:
    return part.tokens.tolist(), part.places.tolist(), part.wanted.tolist(), part.count


def test_micro_batches_fit_the_budget_and_waste_little(data: Path) -> None:
    lane = lanes(data)[0]
    parts = [lane.take() for _ in range(70)]  # two pools and more
    assert all(part.tokens.size <= 4 * 128 for part in parts)
    assert all(part.count == (part.tokens != PAD).sum() for part in parts)
    assert sum(part.count for part in parts) / sum(part.tokens.size for part in parts) > 0.95
    assert sum(part.tokens.size for part in parts) / (len(parts) * 4 * 128) > 0.93
    assert len({len(part.tokens) for part in parts}) > 3, "of different numbers of proteins"


def test_cutting_loses_no_protein() -> None:
    generator = np.random.default_rng(0)
    lengths = generator.integers(3, 129, 500)
    samples = [Sample(np.zeros(n, np.int16), np.zeros(1, np.int64), np.zeros(1, np.int16)) for n in lengths]
    parts = list(cut(samples, 512))
    assert sorted(len(s.seen) for part in parts for s in part) == sorted(lengths.tolist())
    assert all(len(part) * max(len(s.seen) for s in part) <= 512 for part in parts)


def test_places_point_at_what_must_be_told(data: Path) -> None:
    proteins = Proteins(data / "train.db", ARGS)
    samples = [proteins.sample(number) for number in range(5)]
    part = together(samples, 0)
    flat = part.tokens.flatten()
    assert part.wanted.tolist() == [token for sample in samples for token in sample.wanted.tolist()]
    assert flat[part.places].tolist() == [t for s in samples for t in s.seen[s.places].tolist()]
    assert not ((flat[part.places] == PAD) | (flat[part.places] == CLS) | (flat[part.places] == EOS)).any()


def test_padded_to_full_length_everything_counts(data: Path) -> None:
    part = lanes(data, batching="samples")[0].take()
    assert part.tokens.shape == (4, 128) and part.count == 512


def test_an_epoch_is_every_cluster_once_in_another_order(data: Path) -> None:
    proteins = Proteins(data / "train.db", ARGS)
    size = proteins.clusters
    first, second = ([proteins._cluster(n) for n in range(e * size, (e + 1) * size)] for e in range(2))
    assert sorted(first) == sorted(second) == list(range(size)) and first != second
    other = Proteins(data / "train.db", replace(ARGS, seed=5))
    assert [other._cluster(n) for n in range(size)] != first


def step(loaders: list[Loader]) -> list[Any]:
    return [contents(part) for loader in loaders for part in next(loader)]


@pytest.mark.parametrize("batching", ["tokens", "samples"])
def test_steps_are_the_same_at_any_number_of_ranks_and_after_a_restart(data: Path, batching: Any) -> None:
    args = replace(ARGS, batching=batching)

    def start(world_size: int, states: Any = None) -> list[Loader]:
        return [
            Loader(Proteins(data / "train.db", args), args, rank=rank, world_size=world_size, states=states)
            for rank in range(world_size)
        ]

    undisturbed = start(1)
    expected = [step(undisturbed) for _ in range(60)]  # more than a pool, and more than an epoch
    assert len({str(found) for found in expected}) == 60
    for world_size in (2, 4):
        loaders = start(world_size)
        assert [step(loaders) for _ in range(37)] == expected[:37]
        states = [state for loader in loaders for state in loader.states]
        for loader in loaders:
            loader.close()
        again = start(1, states)
        assert [step(again) for _ in range(23)] == expected[37:], "on another number of ranks"
        again[0].close()
    undisturbed[0].close()


def test_a_lane_takes_every_fourth_protein_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    sample = Proteins.sample

    def seen(self: Proteins, number: int) -> Sample:
        taken.append(number)
        return sample(self, number)

    monkeypatch.setattr(Proteins, "sample", seen)
    lane = lanes(data)[3]
    for _ in range(70):  # two pools and more
        lane.take()
    assert taken == list(range(3, 4 * len(taken), 4))


def test_ranks_read_different_proteins(data: Path) -> None:
    parts = [part for lane in lanes(data) for part in (lane.take() for _ in range(3))]
    rows = [tuple(row) for part in parts for row in part.tokens.tolist()]
    assert len(set(rows)) == len(rows)


def test_validation_is_the_same_whatever_the_seed(data: Path) -> None:
    def first(seed: int) -> Any:
        args = replace(ARGS, seed=seed)
        proteins = Proteins(data / "valid.db", args, fixed=True)
        return [contents(Lane(proteins, args, 0, 4, None).take()), proteins.attended()]

    assert first(1) == first(2)
    assert contents(lanes(data, seed=1)[0].take()) != contents(lanes(data, seed=2)[0].take())


def test_a_token_attends_to_its_own_protein(data: Path) -> None:
    proteins = Proteins(data / "train.db", ARGS)
    lengths = [len(proteins.sample(number).seen) for number in range(proteins.clusters)]
    assert proteins.attended() == pytest.approx(sum(n * n for n in lengths) / sum(lengths))


def test_a_split_without_proteins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"valid.db: holds no proteins\n.*validation_every=0"):
        Proteins(prepared(tmp_path, valid=0.0) / "valid.db", ARGS, fixed=True)
