"""neuronx_distributed's stand-in at work: the same numbers in every layout, and after every kind of end."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seatrial.cases.neuronx_distributed import CASE
from seatrial.cases.neuronx_distributed.convert import main as convert
from seatrial.cases.neuronx_distributed.data import LANES, tokenise
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, CheckpointSaved, RunStart
from seatrial.findings import Verdict, overall
from seatrial.runs import Run
from seatrial.verdict import judge
from tests.trials.frameworks.driver import Driver, losses, norms

pytestmark = pytest.mark.timeout(180)

SMALL = {
    "sequence_length": "64",
    "global_batch_size": "4",
    "micro_batch_size": "1",
    "steps": "10",
    "sequences": "64",
    "checkpoint_every": "4",
}
SHARED = {"tensor_parallel": 2, "sequence_parallel": True}
LAYOUTS: dict[int, dict[str, dict[str, Any]]] = {
    1: {"alone": {}, "alone, full recomputation": {"recompute": "full"}},
    2: {
        "tensor": {"tensor_parallel": 2},
        "tensor, sequence": SHARED,
        "tensor, sequence, selective recomputation": {**SHARED, "recompute": "selective"},
        "tensor, sequence, full recomputation": {**SHARED, "recompute": "full"},
        "tensor, no ZeRO": {**SHARED, "zero1": False},
        "data, ZeRO": {},
        "data, no ZeRO": {"zero1": False},
        "no clipping": {"grad_clip": 0.0},
    },
    4: {
        "tensor, copied heads": {"tensor_parallel": 4, "kv_replicator": 2},
        "tensor, copied heads, sequence": {"tensor_parallel": 4, "kv_replicator": 2, "sequence_parallel": True},
        "tensor x data, sequence, ZeRO": SHARED,
        "tensor x data, sequence, no ZeRO": {**SHARED, "zero1": False},
    },
}


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    root = tmp_path_factory.mktemp("neuronx")
    driver = Driver(sys.executable, "neuronx_distributed_ranks", CASE, root, settings=SMALL)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def found(trials: Driver) -> dict[str, Any]:
    """Layout -> what it came to."""
    results: dict[str, Any] = {}
    for world_size, table in LAYOUTS.items():
        name = f"layouts-{world_size}"
        alone = {"tensor_parallel": "1", "sequence_parallel": "false", "steps": "3", "sequence_length": "32"}
        folder = trials.prepare(name, world_size=world_size, **alone)
        (folder / "layouts.json").write_text(json.dumps(table))
        assert trials.start(name, "layouts", world_size) == [0] * world_size, trials.logs(name)
        ranks = [json.loads((folder / f"layouts-{rank}.json").read_text()) for rank in range(world_size)]
        assert all(rank == ranks[0] for rank in ranks), "ranks saw different losses or norms"
        results |= ranks[0]
    return results


@pytest.mark.parametrize("layout", [name for table in LAYOUTS.values() for name in table])
def test_every_layout_gives_the_undivided_models_loss_and_gradient_norm(found: dict[str, Any], layout: str) -> None:
    steps, expected = found[layout]["steps"], found["undivided"]
    if layout == "no clipping":
        assert [norm for _, norm in steps] == [None] * 3 and steps[0][0] == pytest.approx(expected[0][0], rel=1e-5)
        return
    assert [loss for loss, _ in steps] == pytest.approx([loss for loss, _ in expected], rel=1e-5)
    assert [norm for _, norm in steps] == pytest.approx([norm for _, norm in expected], rel=1e-4)
    assert found[layout]["distance"] < 1e-5, "of weights that went up to 5e-3"
    assert found[layout]["agree"]


# --- a run


@pytest.fixture(scope="module")
def undisturbed(trials: Driver) -> Driver:
    assert trials.run("undisturbed") == [0, 0], trials.logs("undisturbed")
    return trials


def test_a_run_tells_what_happens_and_passes(undisturbed: Driver) -> None:
    log = undisturbed.events("undisturbed")
    assert sorted(losses(log)) == list(range(1, 11))
    assert all(norm is not None and norm > 0 for norm in norms(log).values())
    assert [saved.step for saved in log.of(CheckpointSaved)] == [4, 8, 10]
    kept = sorted(path.name for path in (undisturbed.root / "undisturbed/checkpoints").iterdir())
    assert kept == ["step_00000008", "step_00000010"]
    start = log.last(RunStart)
    assert start is not None and (start.world_size, start.parameters, start.backend) == (2, 869_504, "gloo")
    findings = judge(Run(undisturbed.root / "undisturbed"))
    assert overall([f for f in findings if f.check != "run.loss-fell"]) is Verdict.PASS, findings


def weights(driver: Driver, name: str, step: int = 10) -> list[dict[str, Any]]:
    """Everything in a checkpoint's files, by file."""
    folder = driver.root / name / f"checkpoints/step_{step:08d}"
    return [torch.load(path, weights_only=True) for path in sorted(folder.rglob("dp_rank*.pt"))]


@pytest.mark.parametrize("recipe", ["tiny", "tiny-dp2"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_what_ended_goes_on_as_if_it_had_not(undisturbed: Driver, recipe: str, number: int) -> None:
    name, whole = f"{recipe}-{number}", "undisturbed" if recipe == "tiny" else "undisturbed-dp2"
    if not (undisturbed.root / whole).exists():
        assert undisturbed.run(whole, recipe=recipe) == [0, 0], undisturbed.logs(whole)
    codes = undisturbed.run(name, recipe=recipe, signals={rank: (number, 6) for rank in range(2)})
    assert codes == ([-number] * 2 if number == signal.SIGKILL else [ExitCode.STOPPED] * 2), undisturbed.logs(name)
    assert undisturbed.run(name, recipe=recipe) == [0, 0], undisturbed.logs(name)
    log = undisturbed.events(name)
    loaded = log.last(CheckpointLoaded)
    assert loaded is not None and loaded.step == (4 if number == signal.SIGKILL else 6)
    assert losses(log) == losses(undisturbed.events(whole)), "to the last bit"
    assert norms(log) == norms(undisturbed.events(whole))
    for mine, theirs in zip(weights(undisturbed, name), weights(undisturbed, whole), strict=True):
        assert same(mine, theirs)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_torn_checkpoint_is_none(undisturbed: Driver) -> None:
    undisturbed.run("torn", steps="4")
    folder = undisturbed.root / "torn/checkpoints/step_00000004"
    (folder / "done").unlink()
    assert undisturbed.run("torn", steps="4") == [0, 0], undisturbed.logs("torn")
    log = undisturbed.events("torn")
    assert log.last(RunStart).start_step == 0 and (folder / "done").exists()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "world_size", "says"),
    [({"learning_rate": "0.001"}, 2, "digest"), ({"tensor_parallel": "2"}, 4, "world_size 2, here 4")],
)
def test_another_jobs_checkpoint_is_refused(
    undisturbed: Driver, changes: dict[str, str], world_size: int, says: str
) -> None:
    name = f"other-{world_size}"
    undisturbed.run(name, steps="4")
    codes = undisturbed.run(name, world_size, steps="4", **changes)
    assert codes == [ExitCode.USAGE] * world_size
    assert says in undisturbed.logs(name) and "was written by another job" in undisturbed.logs(name)


def test_training_goes_on_from_converted_weights(undisturbed: Driver, tmp_path: Path) -> None:
    """Two slices become a whole, the whole becomes four with copied heads; their first loss is what two would have."""
    checkpoint = undisturbed.root / "undisturbed/checkpoints/step_00000010"
    full, shards = tmp_path / "full.pt", tmp_path / "shards"
    convert(["merge", "tiny", str(checkpoint), str(full), "--tensor-parallel", "2"])
    convert(["shard", "tiny", str(full), str(shards), "--tensor-parallel", "4", "--kv-replicator", "2"])
    first = {}
    for name, recipe, ranks, weights in (("from-2", "tiny", 2, checkpoint), ("from-4", "tiny-kv2", 4, shards)):
        settings = {"sequence_parallel": "true", "weights": str(weights), "steps": "2", "checkpoint_every": "0"}
        assert undisturbed.run(name, ranks, recipe=recipe, **settings) == [0] * ranks, undisturbed.logs(name)
        first[name] = losses(undisturbed.events(name))
    assert first["from-4"] == pytest.approx(first["from-2"], rel=1e-5)
    assert first["from-2"][1] < losses(undisturbed.events("undisturbed"))[1] - 0.5, "they were loaded"


def test_any_number_of_processes_packs_the_same_tokens(tmp_path: Path) -> None:
    args = replace(CASE.recipe("tiny").args, sequence_length=16, sequences=50)
    one, two = (tokenise(args, tmp_path / str(n), processes=n, alive=lambda: None) for n in (1, 2))
    assert len(list(one.glob("*.bin"))) == LANES
    assert all((two / path.name).read_bytes() == path.read_bytes() for path in one.glob("*.bin"))
