"""The composer-stable-diffusion case on its real frameworks: sizes, losses at any layout, killed, stopped and resumed.

All runs are forked from one process that has imported the frameworks, since that takes longer than the runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases.composer_stable_diffusion import CASE
from seatrial.cases.composer_stable_diffusion.models import MODELS
from seatrial.events import CheckpointLoaded, EventLog, RunStart, Validation, read_events
from seatrial.findings import Finding
from seatrial.spec import Cluster, ExitCode, bind

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.frameworks]

LOCAL = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=2, processes_per_node=2)
SHORT = {"steps": "9", "checkpoint_every": "3", "validation_every": "9", "ema_half_life": "30", "log_every": "1"}

DRIVER = textwrap.dedent(
    """
    import json, os, socket, sys
    from seatrial.train.shims.cuda import cuda_on_cpu
    from seatrial.train.shims.vision import no_torchvision

    no_torchvision()
    cuda_on_cpu()
    import torch
    from types import SimpleNamespace
    from composer import Event
    from composer.algorithms.ema.ema import EMAParameters
    from seatrial.cases.composer_stable_diffusion import data, ema, model, train, validation
    from seatrial.cases._composer import trainer
    from seatrial.cases.composer_stable_diffusion.models import MODELS, Model
    from seatrial.train.worker import Worker

    torch.set_num_threads(1)

    def size(name, encoders):
        with torch.device("meta"):
            whole = model.LatentDiffusion(MODELS[name], encoders=encoders)
        return [sum(p.numel() for p in whole.parameters()), model.trained(whole)]

    def small():
        '''A model with frozen encoders that a CPU can run: loss, and whether their weights got gradients.'''
        unet = {**MODELS["tiny"].unet, "in_channels": 4, "out_channels": 4}
        vae = {"block_out_channels": (8, 8), "norm_num_groups": 4, "latent_channels": 4, "layers_per_block": 1,
               "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
        text = {"vocab_size": 50, "max_position_embeddings": 7, "hidden_size": 32, "intermediate_size": 32,
                "num_hidden_layers": 1, "num_attention_heads": 2}
        shapes = Model(latents=(4, 8, 8), trained=0, unet=unet, image_size=16, latent_scale=0.5, autoencoder=vae,
                       text_encoder=text)
        built = model.build(shapes, encoders=True, seed=1)
        samples = data.Samples(data.synthetic_images(shapes), shapes, 2, seed=1)
        batch = {key: torch.stack([samples[0][key], samples[1][key]]) for key in samples[0]}
        loss = built.loss(built(batch), batch)
        loss.backward()
        again = built.loss(built(batch), batch).item()
        places = built.text_encoder.text_model.embeddings.position_ids.clone()
        average = ema.Average(half_life="1000ba")
        average.ema_model, average.ema_started = EMAParameters(built), True
        for _ in range(3):
            average.apply(Event.BATCH_END, SimpleNamespace(model=built), None)
        average.ema_model.swap_params(built)
        frozen = [*built.autoencoder.parameters(), *built.text_encoder.parameters()]
        return {
            "loss": loss.item(),
            "text": list(built.condition(batch).shape),
            "again": again,
            "frozen": all(p.grad is None for p in frozen),
            "places": torch.equal(places, built.text_encoder.text_model.embeddings.position_ids),
            "learns": all(p.grad is not None for p in built.unet.parameters()),
        }

    def strike(number, at):
        '''This process gets a signal when it has done `at` steps, before it looks for one.'''
        request, seen = Worker.request, []

        def struck(self):
            seen.append(self)
            if len(seen) == at:
                os.kill(os.getpid(), number)
            return request(self)

        Worker.request = struck

    def fork(run, rank, world_size, port, signals):
        child = os.fork()
        if child:
            return child
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world_size), SEATRIAL_RUN=run)
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        log = os.open(os.path.join(run, f"rank-{rank}.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1), os.dup2(log, 2)
        if rank in signals:
            strike(*signals[rank])
        train.main()

    def start(run, world_size, signals):
        '''Exit codes of a run's ranks.'''
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        signals = {int(rank): signal for rank, signal in signals.items()}
        children = [fork(run, rank, world_size, port, signals) for rank in range(world_size)]
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    print(json.dumps({"sd2": size("sd2-base", True), "unet": size("sd2-base", False), "tiny": size("tiny", False),
                      "small": small()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(start(**json.loads(line))), flush=True)
    """
)


class Driver:
    """The process that has imported the frameworks."""

    def __init__(self, python: str, root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [python, "-c", DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        )
        self.sizes = self._answer()

    def run(
        self, name: str, world_size: int = 2, *, signals: dict[int, tuple[int, int]] | None = None, **settings: str
    ) -> list[int]:
        """Start a run, or start it again. Exit codes of its ranks."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        job = bind(CASE, CASE.recipe("tiny-ema"), LOCAL, settings=SHORT | settings, processes_per_node=world_size)
        (folder / "job.json").write_text(job.to_json())
        question = {"run": str(folder), "world_size": world_size, "signals": signals or {}}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        codes: list[int] = self._answer()
        return codes

    def events(self, name: str) -> EventLog:
        """What a run wrote."""
        return read_events(self.root / name / "events.jsonl")

    def logs(self, name: str) -> str:
        """Why it failed."""
        return "\n".join(path.read_text()[-3000:] for path in sorted((self.root / name).glob("rank-*.log")))

    def _answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the driver died"
        return json.loads(line)

    def close(self) -> None:
        """End it and all ranks at once: the interpreter takes seconds to leave in order."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(frameworks, tmp_path_factory.mktemp("runs"))
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What every other run must equal: 2 ranks, with an average of the weights."""
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return driver.events("undisturbed")


def losses(log: EventLog) -> list[float]:
    return [step.loss for step in log.steps()]


def norms(log: EventLog) -> list[float]:
    return [step.grad_norm or 0.0 for step in log.steps()]


def validated(log: EventLog) -> float:
    (validation,) = log.of(Validation)
    return float(validation.metrics["loss"])


def test_models_have_the_published_sizes(driver: Driver) -> None:
    assert driver.sizes["sd2"] == [1_289_952_427, 865_910_724]
    assert driver.sizes["unet"] == [865_910_724, 865_910_724]
    for name, sizes in (("sd2-base", "unet"), ("tiny", "tiny")):
        assert driver.sizes[sizes][1] == MODELS[name].trained


def test_frozen_encoders_run_but_do_not_learn(driver: Driver) -> None:
    small = driver.sizes["small"]
    assert 0.5 < small["loss"] < 3.0
    assert small["again"] == small["loss"]
    assert small["text"] == [2, 7, 32]
    assert small["frozen"]
    assert small["learns"]
    assert small["places"]  # the average of an integer is that integer


def test_a_run_tells_all_that_its_verdict_needs(undisturbed: EventLog) -> None:
    steps = undisturbed.steps()
    assert [step.step for step in steps] == list(range(1, 10))
    assert all(step.count == 32 and step.learning_rate == 2e-3 and step.seconds > 0 for step in steps)
    assert all((step.memory_bytes or 0) > 10**8 for step in steps)
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert start is not None
    assert (start.unit, start.parameters, start.world_size) == ("samples", MODELS["tiny"].trained, 2)
    assert end is not None and end.outcome == "completed" and end.ranks_agree
    assert losses(undisturbed)[0] - losses(undisturbed)[-1] > 0.4
    assert validated(undisturbed) < 0.7
    assert not undisturbed.of(Finding)


def test_one_rank_takes_the_same_steps(driver: Driver, undisturbed: EventLog) -> None:
    """With micro-batches that do not divide the batch (32 = 12 + 12 + 8), and without the average of the weights."""
    assert driver.run("one", 1, micro_batch_size="12", ema="false") == [0], driver.logs("one")
    one = driver.events("one")
    assert losses(one) == pytest.approx(losses(undisturbed), rel=1e-4)
    assert norms(one) == pytest.approx(norms(undisturbed), rel=1e-3)
    # The average lags behind weights that get better fast.
    assert validated(one) < 0.9 * validated(undisturbed)


@pytest.fixture(scope="module")
def stopped(driver: Driver) -> str:
    """A run that was killed at step 5, went on from the checkpoint of step 3, and was stopped at step 5."""
    killed = driver.run("stopped", signals={1: (signal.SIGKILL, 5)})
    assert killed[1] == -signal.SIGKILL
    assert killed[0] != 0
    assert driver.run("stopped", signals={1: (signal.SIGTERM, 2)}) == [ExitCode.STOPPED] * 2, driver.logs("stopped")
    return "stopped"


def test_killed_stopped_and_resumed_it_is_the_same_run(driver: Driver, undisturbed: EventLog, stopped: str) -> None:
    shutil.copytree(driver.root / stopped, driver.root / "resumed", symlinks=True)
    assert driver.run("resumed") == [0, 0], driver.logs("resumed")
    resumed = driver.events("resumed")
    assert [loaded.step for loaded in resumed.of(CheckpointLoaded)] == [3, 5]
    assert losses(resumed) == losses(undisturbed)
    assert norms(resumed) == norms(undisturbed)
    assert validated(resumed) == validated(undisturbed)

    # As after a kill between the last checkpoint and the end.
    assert driver.run("resumed") == [0, 0], driver.logs("resumed")
    end = driver.events("resumed").end()
    assert end is not None
    assert (end.outcome, end.step, end.ranks_agree) == ("completed", 9, True)


def test_fewer_ranks_go_on_with_weights_and_average(driver: Driver, undisturbed: EventLog, stopped: str) -> None:
    shutil.copytree(driver.root / stopped, driver.root / "smaller", symlinks=True)
    assert driver.run("smaller", 1) == [0], driver.logs("smaller")
    smaller = driver.events("smaller")
    assert losses(smaller) == pytest.approx(losses(undisturbed), rel=1e-4)
    assert validated(smaller) == pytest.approx(validated(undisturbed), rel=1e-4)
