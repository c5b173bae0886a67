"""The composer-stable-diffusion case without its frameworks: settings, rules, recipes, published figures, the log."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases import composer_stable_diffusion
from seatrial.cases.composer_stable_diffusion import CASE, RECIPES, Args, check
from seatrial.cases.composer_stable_diffusion.log import Reader
from seatrial.cases.composer_stable_diffusion.models import MODELS
from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.events import Event, Step, Validation
from seatrial.rank.lines import clean
from seatrial.spec import Layout, Recipe
from tests.clusters import LOCAL, P5

TINY = CASE.recipe("tiny")
SD2 = CASE.recipe("sd2-base-mb20-ema")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
P4DE = replace(P5, name="p4de", cpus_per_node=96, instance_type="p4de.24xlarge")
FOLDER = Path(inspect.getfile(composer_stable_diffusion)).parent


def problems(layout: Layout = TWO_RANKS, args: Args = TINY.args, **changes: Any) -> list[str]:
    changed = replace(args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


# --- rules ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"global_batch_size": 0}, "global_batch_size: 0 is less than 1"),
        ({"micro_batch_size": 0}, "micro_batch_size: 0 is less than 1"),
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"ema_half_life": 0}, "ema_half_life: 0 is less than 1"),
        ({"checkpoint_keep": 0}, "checkpoint_keep: 0 is less than 1"),
        ({"log_every": 0}, "log_every: 0 is less than 1"),
        ({"validation_every": -1}, "validation_every: -1 is less than 0"),
        ({"checkpoint_every": -1}, "checkpoint_every: -1 is less than 0"),
        ({"data_workers": -1}, "data_workers: -1 is less than 0"),
        ({"weight_decay": math.nan}, "weight_decay: nan is less than 0"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 is not a positive number"),
        ({"model": "tinny"}, "model: no model is called 'tinny'\n    did you mean tiny?"),
        (
            {"global_batch_size": 65},
            "global_batch_size: 65 samples do not divide into 2 ranks\n    --set global_batch_size=64, or",
        ),
        (
            {"global_batch_size": 1, "micro_batch_size": 1},
            "global_batch_size: 1 samples do not divide into 2 ranks\n    --set global_batch_size=2, or",
        ),
        (
            {"micro_batch_size": 17},
            "micro_batch_size: 17 is more than a rank's 16 samples of a step\n    --set micro_batch_size=16",
        ),
        ({"precision": "amp_fp16"}, "precision: Composer refuses amp_fp16 on a CPU\n    --set precision=fp32"),
        ({"precision": "amp_bf16"}, "precision: Composer refuses amp_bf16 on a CPU\n    --set precision=fp32"),
        ({"dataset": "synthetic-images"}, "dataset: synthetic-images does not fit the model tiny\n    take digits"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    found = [text for text in problems(**changes) if "hold out of random" not in text]
    assert len(found) == 1, found
    assert found[0].startswith(says)


def test_random_images_cannot_be_held_out() -> None:
    (says,) = problems(P5_LAYOUT, SD2.args, validation_every=10)
    assert says.startswith("validation_every: there are no images to hold out of random ones")


def test_the_large_model_does_not_take_digits() -> None:
    (says,) = problems(P5_LAYOUT, SD2.args, dataset="digits")
    assert says.startswith("dataset: digits does not fit the model sd2-base\n    take synthetic-images or")


P5_LAYOUT = Layout(nodes=1, processes_per_node=8, device="cuda")


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, TWO_RANKS),
        ({}, Layout(nodes=1, processes_per_node=1, device="cpu")),
        ({"micro_batch_size": 12}, TWO_RANKS),  # 16 = 12 + 4
        ({"micro_batch_size": 16, "validation_every": 0, "checkpoint_every": 0}, TWO_RANKS),
        ({"precision": "amp_fp16", "micro_batch_size": 4}, P5_LAYOUT),
    ],
    ids=str,
)
def test_what_works_is_let_through(changes: dict[str, Any], layout: Layout) -> None:
    assert problems(layout, **changes) == []


def test_all_problems_come_at_once() -> None:
    settings = {"steps": "0", "model": "tinny", "global_batch_size": "7", "precision": "amp_fp16"}
    with pytest.raises(UserError) as caught:
        bind(CASE, TINY, LOCAL, settings=settings)
    assert [problem.where for problem in caught.value.problems] == ["steps", "model", "global_batch_size", "precision"]


# --- recipes ---


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEachRecipe:
    """What holds for all of them."""

    def test_states_the_size_of_its_model(self, recipe: Recipe) -> None:
        assert recipe.parameters == MODELS[recipe.args.model].trained

    def test_says_in_its_name_what_it_is(self, recipe: Recipe) -> None:
        words = recipe.name.split("-")
        assert ("ema" in words) == recipe.args.ema
        assert ("latents" in words) == (recipe.args.dataset == "synthetic-latents")
        if recipe.instance_type:
            assert f"mb{recipe.args.micro_batch_size}" in words

    def test_a_checkpoint_is_due_before_the_end_or_never(self, recipe: Recipe) -> None:
        assert recipe.args.checkpoint_every < recipe.args.steps
        assert recipe.args.validation_every < recipe.args.steps


def test_the_published_runs_are_kept_to() -> None:
    """benchmark.py of mosaicml/diffusion-benchmark: its defaults, and one epoch of its 100,000 samples."""
    for recipe in (r for r in RECIPES if r.published):
        args = recipe.args
        assert (args.model, args.dataset, args.global_batch_size) == ("sd2-base", "synthetic-images", 2048)
        assert (args.learning_rate, args.weight_decay, args.ema_half_life) == (1e-4, 0.001, 1000)
        assert (args.steps, args.data_workers, args.seed, args.precision) == (48, 8, 17, "amp_fp16")


# --- published figures ---

TABLE = {
    # micro-batch, EMA: images/s on P4de, on P5
    (4, True): (142.69, 189.28),
    (8, True): (173.89, 289.19),
    (12, True): (185.18, 329.55),
    (16, True): (192.85, 353.81),
    (20, True): (197.47, 358.68),
    (20, False): (197.90, 361.15),
    (32, True): (204.22, 385.31),
}


def figures(cluster: Cluster) -> dict[tuple[int, bool, int], float]:
    """(Micro-batch, EMA, nodes) -> the published figure that a run on this cluster is held against."""
    found = {}
    for recipe in (r for r in RECIPES if r.instance_type):
        for figure in bind(CASE, recipe, cluster).published:
            assert figure.metric == "samples/s"
            found[recipe.args.micro_batch_size, recipe.args.ema, recipe.nodes] = figure.value
    return found


def test_the_table_is_attached_for_both_instance_types() -> None:
    for cluster, column in ((P4DE, 0), (P5, 1)):
        one_node = {(size, ema): value for (size, ema, nodes), value in figures(cluster).items() if nodes == 1}
        assert one_node == {key: values[column] for key, values in TABLE.items()}


def test_the_chart_of_several_nodes_is_attached_and_named_one() -> None:
    several = {nodes: value for (_, _, nodes), value in figures(P5).items() if nodes > 1}
    assert several == {2: 390, 4: 750, 8: 1370, 16: 2380, 32: 4075, 64: 5510}
    assert not any(nodes > 1 for _, _, nodes in figures(P4DE))
    for recipe in RECIPES:
        for figure in recipe.published:
            assert ("read off a chart" in figure.source) == (figure.nodes > 1)


def test_other_arguments_are_held_against_no_figure() -> None:
    assert bind(CASE, SD2, P5).published
    assert bind(CASE, SD2, P5, settings={"precision": "amp_bf16"}).published == ()


# --- the log ---

RECORDED = Path(__file__).with_name("recorded") / "composer_stable_diffusion.log"
PUBLISHED_BAR = (
    "train          Epoch   0:   38%|█████████▍               | 18/48 [03:28<05:29, 10.99s/ba, loss/train/total=0.1463]"
)


def read(text: str, args: Args = TINY.args) -> list[Event]:
    reader = Reader(args, 2)
    events = [event for line in text.split("\n") for event in reader.read(clean(line))]
    return [*events, *reader.end()]


def block(step: int, **metrics: str) -> str:
    """As the program prints it."""
    named = {"loss/train/total": "1.5", **metrics}
    return f"[batch={step}/8]:" + "".join(f"\n\t Train {name}: {value}" for name, value in named.items()) + "\n"


def steps_of(text: str, args: Args = TINY.args) -> list[Step]:
    return [event for event in read(text, args) if isinstance(event, Step)]


def test_a_recorded_log_is_read_whole() -> None:
    """tiny-ema with 8 steps and a validation at 4 and 8; mosaicml 0.32.1, diffusers 0.39.0, torch 2.13."""
    text = RECORDED.read_text(encoding="utf-8")
    steps = steps_of(text)

    def printed(name: str) -> list[float]:
        return [float(line.split()[-1]) for line in text.splitlines() if f"Train {name}: " in line]

    assert [step.step for step in steps] == list(range(1, 9))
    assert [step.loss for step in steps] == printed("loss/train/total")
    assert [step.grad_norm for step in steps] == printed("l2_norm/grad/global")
    assert all(step.count == 32 and step.learning_rate == 0.002 for step in steps)
    assert [step.seconds for step in steps] == printed("time/seconds_per_batch")
    assert [step.memory_bytes for step in steps] == [round(v * 1e9) for v in printed("memory/peak_resident_mem")]


def test_the_same_log_of_two_labelled_ranks_is_read_once() -> None:
    text = RECORDED.read_text(encoding="utf-8")
    both = "\n".join(f"{rank}: {line}" for line in text.split("\n") for rank in (1, 0))
    assert read(both) == read(text)


def test_the_progress_bar_of_the_published_run_is_read() -> None:
    (step,) = steps_of(PUBLISHED_BAR, CASE.recipe("sd2-base-mb4-ema").args)
    assert (step.step, step.loss, step.seconds, step.count) == (18, 0.1463, 10.99, 2048)
    # The log agrees with the table.
    assert step.count / step.seconds == pytest.approx(TABLE[4, True][1], rel=0.02)


@pytest.mark.parametrize("torn", [PUBLISHED_BAR[:-4], "[batch=3/8", "\t Train loss/train/total:"], ids=str)
def test_what_is_torn_is_not_lost_in_silence(torn: str) -> None:
    with pytest.raises(ValueError, match="torn"):
        read(f"{torn}\n")


def test_a_gradient_that_overflows_fp16_is_no_fault() -> None:
    text = block(1, **{"l2_norm/grad/global": "inf"})
    (fp32,) = steps_of(text)
    (fp16,) = steps_of(text, SD2.args)
    assert fp32.grad_norm == math.inf
    assert fp16.grad_norm is None
    assert fp16.loss == 1.5


def test_a_loss_that_is_no_number_is_one_everywhere() -> None:
    for args in (TINY.args, SD2.args):
        (step,) = steps_of(block(1, **{"loss/train/total": "nan"}), args)
        assert math.isnan(step.loss)


def test_composers_own_block_of_a_validation_is_read() -> None:
    text = "[Eval batch=6/6] Eval on held-out data:\n\t Eval metrics/held-out/MeanSquaredError: 0.2095\n"
    (validation,) = read(text)
    assert isinstance(validation, Validation)
    assert validation.metrics == {"loss": 0.2095}


# --- data ---


def share(args: Args, rank: int, world_size: int, *, validation: bool = False) -> Any:
    """A rank's loader."""
    from seatrial.cases.composer_stable_diffusion.data import loader

    worker: Any = SimpleNamespace(rank=rank, world_size=world_size, device=SimpleNamespace(type="cpu"))
    return loader(args, worker, validation=validation)


@pytest.mark.torch
class TestDigits:
    """Real images, each with its noise."""

    def test_a_step_has_the_same_samples_at_any_number_of_ranks(self) -> None:
        import torch

        args = replace(TINY.args, steps=2, global_batch_size=8, micro_batch_size=4)
        alone, *halves = (list(share(args, rank, ranks)) for rank, ranks in ((0, 1), (0, 2), (1, 2)))
        for step, whole in enumerate(alone):
            for name, tensor in whole.items():
                for rank in (0, 1):
                    assert torch.equal(halves[rank][step][name], tensor[rank::2]), name

    def test_every_epoch_holds_every_image_once(self) -> None:
        import torch

        args = replace(TINY.args, steps=2, global_batch_size=1437)
        first, second = share(args, 0, 1)
        (held_out,) = share(args, 0, 1, validation=True)

        def rows(batch: Any) -> list[Any]:
            return sorted(batch["latents"].flatten(1).tolist())

        assert rows(first) == rows(second)
        assert not torch.equal(first["latents"], second["latents"])  # another order
        assert len(held_out["label"]) == 360
        everything = [*rows(first), *rows(held_out)]
        assert len(everything) == 1797
        assert (min(map(min, everything)), max(map(max, everything))) == (-1.0, 1.0)
        assert set(first["label"].tolist()) == set(range(10))

    def test_noise_belongs_to_the_sample_and_is_new_in_each_epoch(self) -> None:
        args = replace(TINY.args, steps=2, global_batch_size=1437)
        first, second = share(args, 0, 1)
        for batch in (first, second):
            assert abs(batch["noise"].mean().item()) < 0.02
            assert abs(batch["noise"].std().item() - 1) < 0.02
            assert len({tuple(noise.flatten().tolist()) for noise in batch["noise"]}) == 1437
        times = first["timestep"].tolist()
        assert 1 <= min(times) < 10
        assert 990 < max(times) <= 999
        assert times != second["timestep"].tolist()
        again, _ = share(args, 0, 1)
        assert again["timestep"].tolist() == times
        assert next(iter(share(replace(args, seed=18), 0, 1)))["timestep"].tolist() != times

    def test_a_position_is_one_number(self) -> None:
        import torch

        whole, resumed = share(TINY.args, 1, 2), share(TINY.args, 1, 2)
        resumed.dataset.load_state_dict(whole.dataset.state_dict(64, True))
        third = list(whole)[2]
        assert all(torch.equal(tensor, third[name]) for name, tensor in next(iter(resumed)).items())


@pytest.mark.torch
@pytest.mark.parametrize(
    ("dataset", "shapes"),
    [
        ("synthetic-images", {"image": [2, 3, 512, 512], "caption": [2, 77], "draw": [2, 4, 64, 64]}),
        ("synthetic-latents", {"latents": [2, 4, 64, 64], "text": [2, 77, 1024]}),
    ],
)
def test_random_samples_have_the_published_shapes(dataset: Any, shapes: dict[str, list[int]]) -> None:
    args = replace(SD2.args, dataset=dataset, global_batch_size=2, micro_batch_size=2, data_workers=0)
    batch = next(iter(share(args, 0, 1)))
    found = {name: list(tensor.shape) for name, tensor in batch.items()}
    assert found == {**shapes, "noise": [2, 4, 64, 64], "timestep": [2]}
