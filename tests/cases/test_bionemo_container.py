"""Of the bionemo case what BioNeMo's own programs are given in their containers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases.bionemo import CASE, RECIPES, container
from seatrial.models import ESM

CONTAINER = CASE.recipe("bionemo-esm2-650m").args
LEGACY = CASE.recipe("esm1nv").args
RECORDED = Path(__file__).with_name("recorded")


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
