"""The composer-mpt case on its real framework: the model, losses at any layout, killed, stopped and resumed.

All runs are forked from one process that has imported Composer, since that takes longer than the runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases.composer_mpt import C4, CASE
from seatrial.cases.composer_mpt.models import MODELS
from seatrial.events import CheckpointLoaded, CheckpointSaved, EventLog, RunStart, read_events
from seatrial.findings import Finding
from seatrial.spec import Cluster, ExitCode, bind

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.frameworks]

LOCAL = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=2, processes_per_node=2)
# 48 sequences are 6 steps: the second epoch begins in the middle of the run.
SHORT = {"steps": "9", "warmup_steps": "2", "checkpoint_every": "3", "sequence_length": "64", "sequences": "48"}

DRIVER = textwrap.dedent(
    """
    import json, os, socket, sys
    from seatrial.train.shims.cuda import cuda_on_cpu
    from seatrial.train.shims.vision import no_torchvision

    no_torchvision()
    cuda_on_cpu()
    import torch, transformers
    from seatrial.cases.composer_mpt import data, model, train
    from seatrial.cases._composer import trainer
    from seatrial.cases.composer_mpt.models import MODELS, MPTConfig
    from seatrial.train.worker import Worker

    torch.set_num_threads(1)

    def size(config):
        return sum(p.numel() for p in model.ComposerMPT(config, seed=0, meta=True).parameters())

    def from_transformers(heads):
        '''Largest difference between our logits and those of transformers' MPT with the same weights.'''
        ours = model.ComposerMPT(
            MPTConfig(hidden_size=48, num_heads=heads, num_layers=2, vocab_size=96, alibi=True, bias=False),
            seed=1, meta=False,
        ).mpt
        theirs = transformers.MptForCausalLM(
            transformers.MptConfig(d_model=48, n_heads=heads, n_layers=2, vocab_size=96, max_seq_len=64)
        ).eval()
        names = {"tokens": "wte", "norm": "norm_f", "norm_1": "norm_1", "norm_2": "norm_2", "qkv": "attn.Wqkv",
                 "output": "attn.out_proj", "up": "ffn.up_proj", "down": "ffn.down_proj"}
        weights = {}
        for name, value in ours.state_dict().items():
            *place, kind, _ = name.split(".")
            layer = [*place[:2]] if place else []
            weights[".".join(["transformer", *layer, names[kind], "weight"])] = value
        missing = theirs.load_state_dict(weights, strict=False).missing_keys
        tokens = torch.randint(96, (2, 40), generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            difference = (ours(tokens) - theirs(tokens).logits).abs().max().item()
        return [missing, difference]

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

    print(json.dumps({"sizes": {name: size(config) for name, config in MODELS.items()},
                      "transformers": [from_transformers(heads) for heads in (4, 6)]}), flush=True)
    for line in sys.stdin:
        print(json.dumps(start(**json.loads(line))), flush=True)
    """
)


class Driver:
    """The process that has imported Composer."""

    def __init__(self, python: str, root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [python, "-c", DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "TMPDIR": str(root)},
        )
        self.facts = self._answer()

    def run(
        self, name: str, world_size: int = 2, *, signals: dict[int, tuple[int, int]] | None = None, **settings: str
    ) -> list[int]:
        """Start a run, or start it again. Exit codes of its ranks."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        job = bind(CASE, CASE.recipe("tiny"), LOCAL, settings=SHORT | settings, processes_per_node=world_size)
        (folder / "job.json").write_text(job.to_json())
        assert self.process.stdin
        question = {"run": str(folder), "world_size": world_size, "signals": signals or {}}
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
        """End it."""
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(frameworks, tmp_path_factory.mktemp("runs"))
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What every other run must equal: FSDP2 on 2 ranks."""
    before = shared_memory()
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    assert shared_memory() <= before, "shared memory is left"
    assert not list(driver.root.glob("*filelock")), "lock files are left"
    return driver.events("undisturbed")


@pytest.fixture(scope="module")
def replicated(driver: Driver) -> EventLog:
    """The same with DDP."""
    assert driver.run("replicated", parallel="ddp") == [0, 0], driver.logs("replicated")
    return driver.events("replicated")


def shared_memory() -> set[Path]:
    """Streaming's, by the names that it gives."""
    return set(Path("/dev/shm").glob("[0-9][0-9][0-9][0-9][0-9][0-9]_*"))


def losses(log: EventLog) -> list[float]:
    return [step.loss for step in log.steps()]


def norms(log: EventLog) -> list[float]:
    return [step.grad_norm or 0.0 for step in log.steps()]


def test_models_have_the_published_sizes(driver: Driver) -> None:
    assert driver.facts["sizes"] == {name: config.parameters() for name, config in MODELS.items()}


def test_the_model_is_that_of_transformers(driver: Driver) -> None:
    """Also with a number of heads that is no power of 2."""
    for missing, difference in driver.facts["transformers"]:
        assert missing in ([], ["lm_head.weight"])  # tied
        assert difference < 1e-5


def test_a_run_tells_all_that_its_verdict_needs(undisturbed: EventLog) -> None:
    steps = undisturbed.steps()
    assert [step.step for step in steps] == list(range(1, 10))
    assert all(step.count == 8 * 64 and step.seconds > 0 and (step.memory_bytes or 0) > 10**8 for step in steps)
    # Linear from 0 in 2 steps, then a cosine. Composer's schedule lags one step behind: it sees the steps before.
    assert [step.learning_rate for step in steps][:4] == pytest.approx([0.0, 0.0, 1.5e-3, 3e-3])
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert (start.unit, start.parameters, start.world_size) == ("tokens", MODELS["mpt-tiny"].parameters(), 2)
    assert end is not None
    assert end.outcome == "completed"
    assert end.ranks_agree
    assert losses(undisturbed)[0] - losses(undisturbed)[-1] > 1.0
    assert [saved.step for saved in undisturbed.of(CheckpointSaved)] == [3, 6, 9]
    assert not undisturbed.of(Finding)


@pytest.mark.parametrize(
    ("world_size", "settings"),
    [
        (2, {"recompute": "true", "reshard_after_forward": "false", "data_workers": "1"}),
        (1, {"micro_batch_size": "8"}),
    ],
    ids=["recomputed", "one rank"],
)
def test_any_layout_takes_the_same_steps(
    driver: Driver, undisturbed: EventLog, world_size: int, settings: dict[str, str]
) -> None:
    name = "-".join([str(world_size), *settings])
    assert driver.run(name, world_size, checkpoint_every="0", **settings) == [0] * world_size, driver.logs(name)
    same(driver.events(name), undisturbed)


def test_ddp_takes_the_same_steps_as_fsdp2(replicated: EventLog, undisturbed: EventLog) -> None:
    same(replicated, undisturbed)


def same(log: EventLog, other: EventLog) -> None:
    """The same samples, in the first epoch and in the second; sums of floats in another order."""
    assert losses(log) == pytest.approx(losses(other), rel=1e-5)
    assert norms(log) == pytest.approx(norms(other), rel=1e-4)


@pytest.mark.parametrize("parallel", ["fsdp2", "ddp"])
def test_killed_stopped_and_resumed_it_is_the_same_run(
    driver: Driver, undisturbed: EventLog, replicated: EventLog, parallel: str
) -> None:
    name = f"disturbed-{parallel}"
    killed = driver.run(name, signals={0: (signal.SIGKILL, 5)}, parallel=parallel)
    assert killed[0] == -signal.SIGKILL
    assert killed[1] != 0
    checkpoints = driver.root / name / "checkpoints"
    (checkpoints / "ep0-ba5").mkdir()  # what a kill leaves of a checkpoint: files that no link names
    (checkpoints / "ep0-ba5" / "__0_0.distcp").write_bytes(b"torn")
    (checkpoints / "complete-ba4-rank0").symlink_to("ep0-ba4")  # and of one that is being removed: a link to nothing

    stopped = driver.run(name, signals={1: (signal.SIGTERM, 2)}, parallel=parallel)
    assert stopped == [ExitCode.STOPPED] * 2, driver.logs(name)
    assert [loaded.step for loaded in driver.events(name).of(CheckpointLoaded)] == [3]

    assert driver.run(name, parallel=parallel) == [0, 0], driver.logs(name)
    log = driver.events(name)
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] == [3, 5]
    expected = undisturbed if parallel == "fsdp2" else replicated
    assert losses(log) == losses(expected)
    assert norms(log) == norms(expected)
    # The two newest are kept, those of earlier attempts included.
    assert sorted(path.name for path in checkpoints.glob("complete-*")) == ["complete-ba6-rank0", "complete-ba9-rank0"]


def test_a_killed_run_leaves_no_shared_memory(driver: Driver) -> None:
    before = shared_memory()
    assert driver.run("killed", signals={0: (signal.SIGKILL, 2), 1: (signal.SIGKILL, 2)}) == [-signal.SIGKILL] * 2
    deadline = time.monotonic() + 20
    while not shared_memory() <= before:  # Python's own tracker removes it, when it sees them die
        assert time.monotonic() < deadline, "shared memory is left"


def test_what_is_not_prepared_is_said_so(driver: Driver) -> None:
    assert driver.run("unprepared", 1, dataset=f"mds:{C4}") == [ExitCode.USAGE]
    assert "there is no prepared data set" in driver.logs("unprepared")
    assert driver.run("few", 1, sequences="4") == [ExitCode.USAGE]
    assert "its 4 sequences are less than a global batch" in driver.logs("few")
    prepared = next((driver.root / "datasets").glob("mds-*")).name
    settings = {"sequence_length": "32", "global_batch_size": "4"}
    assert driver.run("other", 1, dataset=f"mds:{prepared}", **settings) == [ExitCode.USAGE]
    assert "its sequences have 64 tokens, not 32" in driver.logs("other")
