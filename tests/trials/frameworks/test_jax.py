"""The jax case on JAX itself: equal to the PyTorch model in any layout, killed, stopped and resumed."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seatrial import environments
from seatrial.cases.jax import CASE
from seatrial.cases.jax.models import MODELS
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, CheckpointSaved, EventLog, RunStart, Validation
from seatrial.findings import Finding
from seatrial.train.model import Llama, initialise, rotary_table
from seatrial.train.optimizer import adamw, learning_rate_at, set_learning_rate
from tests.trials.frameworks.driver import Driver, losses, norms

pytestmark = pytest.mark.timeout(600)  # five layouts in one fixture: 87 s on two idle cores

SHORT = {"steps": "8", "checkpoint_every": "3", "validation_every": "8", "sequence_length": "32", "warmup_steps": "3"}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEATRIAL_ENVIRONMENTS", raising=False)
        python = str(environments.python(environments.ensure("jax")))
    root = tmp_path_factory.mktemp("runs")
    # Most of the time is compilation: it is done less well, and what one start compiled is not compiled by the next.
    quick = {
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(root / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    driver = Driver(python, "jax_ranks", CASE, root, settings=SHORT, environment=quick)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What disturbed runs must equal."""
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return driver.events("undisturbed")


# --- XLA's flags


def test_xla_takes_every_flag_that_jobs_on_gpus_get(driver: Driver) -> None:
    assert driver.facts["starts with ours"]


def test_xla_does_not_start_with_the_flags_of_the_old_job(driver: Driver) -> None:
    assert driver.facts["starts with gone"] == []


# --- runs


def test_a_run_tells_all_that_its_verdict_needs(driver: Driver, undisturbed: EventLog) -> None:
    found = undisturbed.steps()
    assert [step.step for step in found] == list(range(1, 9))
    assert all(step.count == 8 * 32 and step.seconds > 0 and (step.memory_bytes or 0) > 10**8 for step in found)
    assert all(len(step.ranks["cpu"]) == 2 and step.phases["data_wait"] > 0 for step in found)
    assert found[0].loss - found[-1].loss > 0.5
    expected = [rate(step) for step in range(8)]
    assert [step.learning_rate for step in found] == pytest.approx(expected, rel=1e-6)
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert (start.parameters, start.backend, start.world_size) == (MODELS["tiny"].parameters(), "gloo", 2)
    assert len(start.hosts) == 2 and start.versions["jax"] == CASE.pins["jax"]
    assert end is not None
    assert (end.outcome, end.step, end.ranks_agree) == ("completed", 8, True)
    saved = undisturbed.of(CheckpointSaved)
    assert [event.step for event in saved] == [3, 6, 8]
    assert all(event.bytes > 12 * MODELS["tiny"].parameters() * 0.9 for event in saved)  # weights and both moments
    [validation] = undisturbed.of(Validation)
    assert validation.metrics["loss"] == pytest.approx(found[-1].loss, abs=0.6)
    assert not undisturbed.of(Finding)
    assert kept(driver, "undisturbed") == [6, 8]


def rate(step: int, **changes: Any) -> float:
    """By the schedule of the PyTorch cases."""
    args = replace(CASE.recipe("tiny").args, **changes)
    return learning_rate_at(
        step, steps=8, warmup_steps=3, peak=args.learning_rate, minimum=args.min_learning_rate, schedule=args.schedule
    )


def kept(driver: Driver, name: str) -> list[int]:
    return sorted(int(path.name) for path in (driver.root / name / "checkpoints").iterdir() if path.name.isdigit())


def test_killed_stopped_and_resumed_it_is_the_same_run(driver: Driver, undisturbed: EventLog) -> None:
    """With checkpoints in the background; those of the undisturbed run, and the last before a stop, are waited for."""
    settings = {"checkpoint_async": "true", "validation_every": "0"}
    killed = driver.run("disturbed", signals={1: (signal.SIGKILL, 5)}, there="checkpoints/3", **settings)
    assert killed[1] == -signal.SIGKILL
    assert killed[0] != 0
    torn = driver.root / "disturbed" / "checkpoints" / "6.orbax-checkpoint-tmp-1"
    torn.mkdir(exist_ok=True)
    (torn / "half").write_bytes(b"half of it")

    stopped = driver.run("disturbed", signals={0: (signal.SIGTERM, 2)}, **settings)
    assert stopped == [ExitCode.STOPPED] * 2, driver.logs("disturbed")
    assert not torn.exists()

    assert driver.run("disturbed", **settings) == [0, 0], driver.logs("disturbed")
    log = driver.events("disturbed")
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] == [3, 5]
    assert [start.start_step for start in log.of(RunStart)] == [0, 3, 5]
    assert losses(log) == losses(undisturbed)
    assert norms(log) == norms(undisturbed)
    assert any(saved.asynchronous for saved in log.of(CheckpointSaved))
    assert not any(saved.asynchronous for saved in log.of(CheckpointSaved) if saved.step == 5), "before it stops"


def test_another_number_of_ranks_goes_on_from_the_same_place(driver: Driver, undisturbed: EventLog) -> None:
    """In the tensor-parallel layout, whose ranks need the same sequences; then on one rank."""
    assert driver.run("moved", recipe="tiny-tp2", signals={0: (signal.SIGTERM, 4)}) == [ExitCode.STOPPED] * 2
    assert driver.run("moved", recipe="tiny-tp2", world_size=1, ici_tensor="1") == [ExitCode.USAGE]
    assert "resume with the settings of the first start" in driver.logs("moved")
    assert driver.run("moved", recipe="tiny-tp2") == [0, 0], driver.logs("moved")
    log = driver.events("moved")
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] == [4]
    assert list(losses(log).values()) == pytest.approx(list(losses(undisturbed).values()), rel=2e-4)
    end = log.end()
    assert end is not None and end.ranks_agree


def test_a_loss_that_is_no_number_ends_the_run(driver: Driver) -> None:
    codes = driver.run(
        "diverged", environment={"SEATRIAL_CHECKPOINTS": "0"}, learning_rate="1e30", grad_clip="0", warmup_steps="0"
    )
    assert codes == [ExitCode.INVALID] * 2, driver.logs("diverged")
    end = driver.events("diverged").end()
    assert end is not None and end.final
    assert kept(driver, "diverged") == []


# --- the same steps as in PyTorch, however the model is split

ARGS = replace(CASE.recipe("tiny").args, steps=3, warmup_steps=0, sequence_length=32)


@pytest.fixture(scope="module")
def reference() -> tuple[Llama, list[list[float]], np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
    """The PyTorch model's first weights in JAX's names, batches, and loss and gradient norm of each step on them."""
    model = Llama(MODELS["tiny"])
    initialise(model, seed=1)
    weights = converted(model)
    batches = np.random.default_rng(0).integers(0, 320, (ARGS.steps, 8, ARGS.sequence_length + 1))
    rotary = rotary_table(model.config, ARGS.sequence_length, torch.device("cpu"))
    optimizer = adamw(
        model.parameters(),
        learning_rate=ARGS.learning_rate,
        betas=(ARGS.beta1, ARGS.beta2),
        weight_decay=ARGS.weight_decay,
    )
    found = []
    for step, batch in enumerate(torch.from_numpy(batches)):
        set_learning_rate(
            optimizer,
            learning_rate_at(
                step,
                steps=ARGS.steps,
                warmup_steps=0,
                peak=ARGS.learning_rate,
                minimum=ARGS.min_learning_rate,
                schedule=ARGS.schedule,
            ),
        )
        loss = model(batch[:, :-1], batch[:, 1:], *rotary)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), ARGS.grad_clip)
        optimizer.step()
        optimizer.zero_grad()
        found.append([loss.item(), norm.item()])
    return model, found, batches, weights


def converted(model: Llama) -> dict[str, np.ndarray[Any, Any]]:
    """PyTorch's weights by the names and shapes of the model in JAX: matrices the other way round, blocks stacked."""
    found = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    weights = {
        "embedding/embedding": found["embedding.weight"],
        "norm/scale": found["norm.weight"],
        "head/kernel": found["head.weight"].T,
    }
    for name in [name.removeprefix("blocks.0.").removesuffix(".weight") for name in found if "blocks.0." in name]:
        layers = [found[f"blocks.{number}.{name}.weight"] for number in range(model.config.num_layers)]
        kind = "scale" if name.endswith("norm") else "kernel"
        weights[f"blocks/{name.replace('.', '/')}/{kind}"] = np.stack([w.T if w.ndim > 1 else w for w in layers])
    return weights


@pytest.fixture(scope="module")
def in_jax(driver: Driver, reference: Any) -> dict[str, list[list[float]]]:
    """Layout -> loss and gradient norm of each step, from the PyTorch model's weights."""
    found: dict[str, list[list[float]]] = {}
    for world_size in (2, 4):
        name = f"layouts-{world_size}"
        settings = {"steps": "3", "warmup_steps": "0", "sequence_length": "32"}
        folder = driver.prepare(name, world_size=2, **settings)
        np.savez(folder / "weights.npz", **reference[3])
        np.save(folder / "batches.npy", reference[2])
        codes = driver.start(name, "layouts", world_size=world_size)
        assert codes == [0] * world_size, driver.logs(name)
        each = [json.loads((folder / f"layouts-{rank}.json").read_text()) for rank in range(world_size)]
        assert all(one == each[0] for one in each), "every rank says the same"
        found |= each[0]
    return found


LAYOUTS = ("fsdp", "accumulated", "data", "tensor", "tensor in a node, data over the nodes")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_loss_and_gradient_norm_are_those_of_pytorch(in_jax: dict[str, Any], reference: Any, layout: str) -> None:
    for ours, theirs in zip(in_jax[layout], reference[1], strict=True):
        assert ours == pytest.approx(theirs, rel=3e-5)
    assert reference[1][0][1] > ARGS.grad_clip, "clipping takes part"
    assert reference[1][0][0] == pytest.approx(math.log(320), abs=0.3)
