"""The bionemo case without its framework: rules, sizes, tokens and masks, batches, what containers get, their logs."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.binding import bind
from seatrial.cases._proteins import fasta
from seatrial.cases.bionemo import CASE, RECIPES, Args, check, container, preflight
from seatrial.cases.bionemo.batches import Lane, Loader, MicroBatch, Proteins, Sample, cut, together
from seatrial.cases.bionemo.log import Reader
from seatrial.cases.bionemo.tokens import AMINO_ACIDS, CLS, EOS, MASK, PAD, VOCABULARY, crop, encode, mask
from seatrial.errors import UserError
from seatrial.events import Event, Step, Validation
from seatrial.models import ESM
from seatrial.rank.lines import clean
from seatrial.spec import Layout
from seatrial.versions import BASES
from tests.cases.proteins import prepared
from tests.clusters import LOCAL, P5

TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
GPUS = Layout(nodes=2, processes_per_node=8, device="cuda")
CONTAINER = CASE.recipe("bionemo-esm2-650m").args
LEGACY = CASE.recipe("esm1nv").args
RECORDED = Path(__file__).with_name("recorded")


def problems(args: Args = TINY.args, layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"seed": -1}, "seed: -1 is less than 0"),
        ({"proteins": -1}, "proteins: -1 is less than 0"),
        ({"min_learning_rate": 1.0}, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ({"model": "esm2-9m"}, "model: no model is called 'esm2-9m'"),
        ({"model": "esm1nv"}, "engine: transformers does not train esm1nv"),
        ({"sequence_length": 1025}, "sequence_length: 1025 is more than the 1024 tokens esm2-tiny was made for"),
        ({"sequence_length": 2}, "sequence_length: 2 tokens have no room for a residue"),
        ({"global_batch_size": 12}, "global_batch_size: 12 do not divide into 2 data-parallel ranks x 4"),
        ({"dataset": "stdlib"}, "dataset: 'stdlib' is no source of proteins"),
        ({"precision": "fp16"}, "precision: our program scales no losses"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    [found] = problems(**changes)
    assert found.startswith(says)


@pytest.mark.parametrize(
    ("args", "changes", "says"),
    [
        (CONTAINER, {"dataset": "uniprot"}, "dataset: a container reads prepared data"),
        (
            CONTAINER,
            {"validation_every": 0, "checkpoint_every": 0},
            "checkpoint_every: BioNeMo saves when it validates",
        ),
        (CONTAINER, {"checkpoint_every": 50}, "checkpoint_every: BioNeMo saves when it validates"),
        (CONTAINER, {"batching": "tokens"}, "batching: in a container it is samples"),
        (CONTAINER, {"min_learning_rate": 1e-5}, "min_learning_rate: in a container it is 0.0"),
        (CONTAINER, {"beta2": 0.95}, "beta2: in a container it is 0.98"),
        (CONTAINER, {"precision": "fp16"}, "precision: bionemo is not made for fp16"),
        (LEGACY, {"precision": "bf16", "global_batch_size": 4096}, "precision: bionemo1 is not made for bf16"),
        (LEGACY, {"model": "esm2-8m", "global_batch_size": 4096}, "engine: bionemo1 does not train esm2-8m"),
    ],
    ids=lambda value: "" if isinstance(value, Args) else str(value),
)
def test_containers_have_rules_of_their_own(args: Args, changes: dict[str, Any], says: str) -> None:
    [found] = problems(args, GPUS, **changes)
    assert found.startswith(says)


def test_a_container_needs_gpus_and_says_which_image() -> None:
    [found] = problems(CONTAINER, Layout(nodes=1, processes_per_node=2, device="cpu"))
    assert found.startswith(f"engine: BioNeMo runs on GPUs only, in {BASES['bionemo'].tagged}")
    assert BASES["bionemo1"].tagged in bind(CASE, CASE.recipe("esm1nv"), P5).fidelity_note


def test_what_works_is_let_through() -> None:
    assert not problems() and not problems(parallel="ddp", recompute=True, batching="samples", validation_every=0)
    assert not problems(layout=GPUS, global_batch_size=64, precision="bf16", dataset="proteins:x")
    assert not problems(LEGACY, replace(GPUS, nodes=4))


def test_without_proteins_one_line_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fasta, "UNIPROT", tmp_path / "DB.fasta.gz")
    [problem] = preflight(TINY.args)
    assert problem.where == str(tmp_path / "DB.fasta.gz")
    assert "apt-get install mmseqs2-examples" in problem.remedy and "--set dataset=fasta:" in problem.remedy
    assert "\n" not in problem.remedy
    assert not list(preflight(replace(TINY.args, dataset="proteins:anything")))


# --- sizes ---


@pytest.mark.parametrize(
    ("name", "with_contact_head"),
    # The released models have it; 150M and 650M as others count fair-esm's, whose 3B nobody was found to have counted.
    [("8m", 7_512_474), ("150m", 148_140_154), ("650m", 651_043_254), ("3b", 2_839_005_634)],
)
def test_sizes_are_the_published_ones(name: str, with_contact_head: int) -> None:
    """tests/trials/frameworks builds each on the meta device, too."""
    shape = ESM[f"esm2-{name}"]
    assert shape.parameters() + shape.contact_parameters() == with_contact_head
    assert CASE.recipe(f"esm2-{name}").parameters == shape.parameters()


def test_esm1nv_has_44_million() -> None:
    assert round(ESM["esm1nv"].parameters() / 1e6) == 44


def test_flops_follow_the_matrices_and_know_no_causal_mask() -> None:
    shape = ESM["esm2-650m"]
    assert shape.flops_per_token(1024) == {"full": 6 * shape.parameters() + 12 * 33 * 1280 * 1024}
    learned = ESM["esm1nv"]
    assert learned.flops_per_token(0) == {"full": 6 * (learned.parameters() - 512 * 768)}


def test_figures_are_in_tokens_and_only_where_they_were_measured() -> None:
    found = {recipe.name: figure for recipe in RECIPES for figure in recipe.published}
    assert found.keys() == {"esm2-150m-ddp-8", "esm2-150m-ddp-14", "esm2-150m-fsdp-14", "esm1nv"}
    assert found["esm2-150m-fsdp-14"].value == 162 * 512 / 8
    assert found["esm1nv"].value == pytest.approx(14_172 * 512 / 32, rel=1e-4)
    for name, figure in found.items():
        recipe = CASE.recipe(name)
        assert (recipe.instance_type, recipe.nodes) == (figure.instance_type, figure.nodes)
        assert recipe.args.batching == "samples", "what is padded counts, as it did there"


def test_a_recipe_says_what_is_real() -> None:
    for recipe in RECIPES:
        job = bind(CASE, recipe, P5 if recipe.instance_type else LOCAL)
        assert job.fidelity == ("real-core" if recipe.args.engine == "transformers" else "real")


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

ARGS = replace(TINY.args, sequence_length=128, micro_batch_size=4, global_batch_size=16)


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


# --- containers ---


def options(argv: list[str]) -> dict[str, str]:
    return dict(word.removeprefix("--").split("=", 1) for word in argv if "=" in word)


@pytest.mark.parametrize("recipe", [r for r in RECIPES if r.args.engine == "bionemo"], ids=lambda r: r.name)
def test_train_esm2_gets_arguments_that_it_knows(recipe: Any) -> None:
    """Their names stand in bionemo_options.txt, of train_esm2.py in NVIDIA/bionemo-framework at 0133e07."""
    argv = container.train_esm2(recipe.args, recipe.nodes, 8, Path("/fsx/data"), Path("/fsx/run/checkpoints"))
    known = (RECORDED / "bionemo_options.txt").read_text().split()
    assert {word.partition("=")[0] for word in argv} <= set(known)
    assert [name for name in known[:4] if name[2:] not in options(argv)] == [], "those that it requires"
    found, shape = options(argv), ESM[recipe.args.model]
    assert (found["num-layers"], found["hidden-size"]) == (str(shape.num_layers), str(shape.hidden_size))
    each = int(found["micro-batch-size"]) * int(found["accumulate-grad-batches"])
    assert each * int(found["num-gpus"]) * int(found["num-nodes"]) == recipe.args.global_batch_size
    assert found["min-seq-length"] == found["max-seq-length"] == "1024"


def test_the_published_650m_job_is_the_one_that_is_started() -> None:
    """Of the README of AWS's guidance for BioNeMo 2.5 on two p5.48xlarge."""
    found = options(container.train_esm2(CONTAINER, 2, 8, Path("/d"), Path("/r")))
    published = "precision=bf16-mixed num-gpus=8 num-nodes=2 num-steps=100 val-check-interval=25 max-seq-length=1024"
    published += " limit-val-batches=2 micro-batch-size=2 num-layers=33 hidden-size=1280 ffn-hidden-size=5120"
    assert dict(word.split("=") for word in published.split()).items() <= found.items()
    assert found["num-attention-heads"] == "20" and found["lr"] == "0.0004" and found["warmup-steps"] == "2000"


def test_training_and_validation_never_read_the_same_file() -> None:
    found = options(container.train_esm2(CONTAINER, 2, 8, Path("/d"), Path("/r")))
    assert len({value for name, value in found.items() if name.endswith("-path")}) == 4
    argv = container.esm1nv(LEGACY, 4, 8, Path("/d"), Path("/r/c"), {"train": 60, "val": 1, "test": 2})
    ranges = {name: value for name, value in options(argv).items() if ".dataset." in name}
    assert ranges == {
        "model.data.dataset.train": "x[000..059]",
        "model.data.dataset.val": "x000",
        "model.data.dataset.test": "x[000..001]",
    }


def test_esm1nv_gets_keys_that_its_configuration_has() -> None:
    """They stand in bionemo_esm1nv_keys.txt, of base_config.yaml and pretrain_small.yaml of BioNeMo 1."""
    known = set()
    for line in (RECORDED / "bionemo_esm1nv_keys.txt").read_text().splitlines():
        section, _, names = line.partition(": ")
        known |= {f"{section}.{name}" for name in names.split()}
    argv = container.esm1nv(LEGACY, 4, 8, Path("/d"), Path("/r/c"), {"train": 2, "val": 1, "test": 1})
    assert argv[0] == "--config-name=pretrain_small"
    found = options(argv[1:])
    assert set(found) <= known
    assert (found["trainer.max_steps"], found["model.micro_batch_size"]) == ("1000000", "256")
    assert (found["trainer.accumulate_grad_batches"], found["trainer.precision"]) == ("1", "16")
    assert not any(re.search(r"[}{]|^/fsxl|awsankur", value) for value in found.values())


# --- logs ---


def read(lines: list[str], args: Args) -> tuple[list[Event], list[str]]:
    """Events, and what could not be read."""
    reader, events, errors = Reader(args, 16), [], []
    for raw in lines:
        try:
            events += list(reader.read(clean(raw)))
        except ValueError as error:
            errors.append(str(error))
    return events, errors


def recorded(name: str) -> list[str]:
    return (RECORDED / name).read_text().splitlines()


def test_the_published_log_of_bionemo_2() -> None:
    """From the same README: ESM-2 650M on two p5.48xlarge."""
    events, errors = read(recorded("bionemo.log"), CONTAINER)
    assert not errors
    assert events[0] == Validation(step=25, metrics={"loss": 2.861, "perplexity": 17.57}, seconds=0.0)
    steps = [event for event in events if isinstance(event, Step)]
    assert len(events) == 1 + len(steps), "a validation is told once"
    assert {step.step: step.loss for step in steps} == dict(
        zip(range(29, 36), [2.778, 2.782, 2.709, 2.803, 2.886, 2.791, 2.788], strict=True)
    )
    assert steps[0] == Step(step=29, loss=2.778, learning_rate=5.6e-6, count=32 * 1024, seconds=0.189)


def test_the_published_log_of_bionemo_1() -> None:
    """Its bar counts 62 validations of 50 batches, too: 34,103 - 3,100."""
    events, errors = read(recorded("bionemo_esm1nv.log"), LEGACY)
    assert not errors
    assert events[0] == Validation(step=31_000, metrics={"loss": 2.51}, seconds=0.0)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.step, step.loss) for step in steps] == [
        (31_003, 2.51),
        (31_006, 2.52),
        (31_009, 2.52),
        (31_012, 2.52),
    ]
    [figure] = CASE.recipe("esm1nv").published
    assert steps[0].count / steps[0].seconds / 32 == pytest.approx(figure.value, rel=1e-3)


def test_a_first_line_and_a_bar_without_metrics() -> None:
    first = "Training epoch 0, iteration 0/99 | lr: 2e-07 | global_batch_size: 4 | global_step: 0 | "
    first += "reduced_train_loss: nan | train_step_timing in s: 5.276"
    [step], errors = read([first], CONTAINER)
    assert not errors and isinstance(step, Step) and step.step == 1 and math.isnan(step.loss)
    assert read(["Epoch 0:   0%|          | 0/1100000 [00:00<?, ?it/s]"], LEGACY) == ([], [])
    slow = "Epoch 0:   0%|  | 7/1100000 [00:14<9:00, 2.00s/it, reduced_train_loss=4.5, global_step=7.0]"
    [step], _ = read([slow, slow], LEGACY)
    assert isinstance(step, Step) and (step.step, step.seconds) == (7, 2.0), "drawn again it is the same step"


def test_other_lines_are_none_of_its_business() -> None:
    other = ["[NeMo I 2025-05-06 23:48:47 nemo_logging:393] Rank 0 has data parallel group : [0, 1]", "", "Epoch 0"]
    other += ["Validation: iteration 1/2", "Validation DataLoader 0:  50%|███| 25/50 [00:01<00:01]"]
    assert read(other, CONTAINER) == ([], [])


def cuts() -> Iterator[tuple[str, Args, int]]:
    for name, args in (("bionemo.log", CONTAINER), ("bionemo_esm1nv.log", LEGACY)):
        line = recorded(name)[0]
        mark = line.index("Training epoch 0" if args is CONTAINER else "Epoch 0:   3%|")
        yield from ((line, args, end) for end in range(mark + 16, len(line)))


def test_a_torn_line_is_never_lost_in_silence() -> None:
    """Only the digits of the last number of a line could be fewer than they were: that of the perplexity."""
    for line, args, end in cuts():
        events, errors = read([line[:end]], args)
        if not errors:
            assert args is CONTAINER and (line[:end].rpartition("ppl: ")[1] or not line[end:].startswith("val_ppl"))
            step = events[-1]
            assert isinstance(step, Step) and (step.step, step.loss, step.seconds) == (29, 2.778, 0.189)


@given(st.data())
def test_a_line_with_a_field_missing_is_not_a_step_less(data: st.DataObject) -> None:
    line = recorded("bionemo.log")[0]
    head, *fields = line.split(" | ")
    lost = data.draw(st.integers(0, len(fields) - 1))
    events, errors = read([" | ".join([head, *fields[:lost], *fields[lost + 1 :]])], CONTAINER)
    name = fields[lost].partition(":")[0]
    assert bool(errors) == (name not in ("lr", "val_loss", "val_ppl")), name
    assert errors or any(isinstance(event, Step) for event in events)


def test_lines_of_srun_and_interleaved_restarts() -> None:
    lines = recorded("bionemo.log")
    events, errors = read([*lines, *lines], CONTAINER)
    steps = [event.step for event in events if isinstance(event, Step)]
    assert not errors and steps == [*range(29, 36)] * 2


def test_every_state_of_a_bar_is_a_line_of_its_own() -> None:
    written: list[str] = []

    class Target:
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

        encoding = "utf-8"

    stream = container.LineByLine(Target())
    assert stream.write("\ra: 1\ra: 2\n") == 11 and stream.encoding == "utf-8"
    assert written == ["\na: 1\na: 2\n"]
    assert [*itertools.chain(written[0].split("\n"))] == ["", "a: 1", "a: 2", ""]
