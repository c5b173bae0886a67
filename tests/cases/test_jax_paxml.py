"""The jax-paxml case without paxml: its rules, what it changes of an experiment, and the reader of paxml's log."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cases.jax_paxml import CASE, Args, check, workload
from seatrial.cases.jax_paxml import train as driver
from seatrial.cases.jax_paxml.experiments import EXPERIMENTS
from seatrial.cases.jax_paxml.log import Reader
from seatrial.events import Step
from seatrial.rank.lines import Line, clean
from seatrial.spec import Layout

TINY: Args = CASE.recipe("tiny").args
PUBLISHED: Args = CASE.recipe("2b-limit-steps").args
TWO_DEVICES = Layout(nodes=1, processes_per_node=2, device="cpu")
NODES = Layout(nodes=48, processes_per_node=8, device="cuda")


@pytest.mark.parametrize(
    ("args", "layout", "says"),
    [
        (replace(TINY, experiment="LmCloudSpmd2b"), TWO_DEVICES, "experiment: no experiment is called 'LmCloudSpmd2b'"),
        (replace(TINY, ici_mdl=3), TWO_DEVICES, "ici_replica, ici_mdl: 2 ranks do not divide into groups of"),
        (replace(TINY, global_batch_size=7), TWO_DEVICES, "global_batch_size: 7 do not divide by 2 devices"),
        (TINY, replace(TWO_DEVICES, nodes=2), "nodes: jaxlib 0.4.26 has no collectives between CPU processes"),
        (replace(PUBLISHED, python=None), NODES, "python: nodes make no environments"),
    ],
)
def test_each_rule_has_its_message(args: Args, layout: Layout, says: str) -> None:
    [problem] = [*args.problems(), *check(args, layout)]
    assert str(problem).startswith(says)


def test_the_published_experiment_is_what_it_was() -> None:
    """LmCloudSpmd2BLimitSteps as 48 x 8 processes start it: ICI_MESH_SHAPE=[1, 384, 1], PERCORE_BATCH_SIZE=32."""
    found = driver.configuration(PUBLISHED, rank(NODES))
    assert (found["experiment"], found["steps"], found["warmup_steps"]) == ("LmCloudSpmd2BLimitSteps", 300, 4000)
    attributes = found["attributes"]
    assert attributes["ICI_MESH_SHAPE"] == [1, 384, 1] and attributes["PERCORE_BATCH_SIZE"] == 32
    assert (attributes["LEARNING_RATE"], attributes["WEIGHT_DECAY"]) == (2.5e-4, 1e-3)
    assert (attributes["CHECKPOINT_EVERY_N_STEPS"], attributes["CHECKPOINT_MAX_TO_KEEP"]) == (5000, 10)
    assert list(check(PUBLISHED, NODES)) == []


def test_sizes_are_those_of_the_checkpoints_that_paxml_wrote() -> None:
    """2,179,600: the sum over the arrays below mdl_vars of LmCloudSpmdTest's checkpoint, paxml 1.4.0."""
    assert EXPERIMENTS["LmCloudSpmdTest"].parameters() == 2_179_600
    for recipe in CASE.recipes:
        assert recipe.parameters == EXPERIMENTS[recipe.args.experiment].parameters()
    assert 31e9 < EXPERIMENTS["LmCloudSpmd32B"].parameters() < 34e9


def test_the_data_axis_deals_out_batch_and_states() -> None:
    degrees = workload(replace(PUBLISHED, ici_mdl=4, ici_replica=2), NODES).degrees
    assert (degrees.tensor, degrees.data, degrees.shard) == (4, 96, 48)


# --- how paxml is started


def rank(layout: Layout, number: int = 0, run: Path = Path("/runs/x")) -> Any:
    """What the driver asks of its rank."""
    return SimpleNamespace(
        run=run,
        rank=number,
        world_size=layout.world_size,
        processes_per_node=layout.processes_per_node,
        device_kind=layout.device,
        stop_signal=None,
    )


def test_a_node_is_a_host_of_paxml_and_all_know_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "there")
    monkeypatch.setenv("MASTER_PORT", "12345")
    words = driver.command(PUBLISHED, rank(NODES, number=16), Path("s.json"))
    assert words[0] == "/opt/paxml/bin/python" and words[2] == "s.json"
    assert words[-4:] == ["--multiprocess_gpu=true", "--server_addr=there:12345", "--num_hosts=48", "--host_idx=2"]
    alone = driver.command(replace(TINY, python="p"), rank(TWO_DEVICES), Path("s.json"))
    assert not any("multiprocess" in word for word in alone)


def test_a_cpu_has_as_many_virtual_devices_as_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--own=1")
    found = driver.variables(TINY, rank(TWO_DEVICES))
    assert found == {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --own=1"}
    flags = driver.variables(PUBLISHED, rank(NODES))["XLA_FLAGS"].split()
    assert flags[0] == "--xla_gpu_enable_latency_hiding_scheduler=true" and flags[-1] == "--own=1"


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


def test_every_line_arrives_also_one_without_an_end() -> None:
    with child("print('a' * 100_000); print('b', end='')") as process:
        assert list(driver.lines(process, rank(TWO_DEVICES))) == ["a" * 100_000, "b"]


def test_a_request_to_stop_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TICK_SECONDS", 0.01)
    mine = rank(TWO_DEVICES)
    code = "import signal, time\nprint('ready', flush=True)\nsignal.pause()"
    with child(code) as process:
        found = driver.lines(process, mine)
        assert next(found) == "ready"
        mine.stop_signal = "SIGUSR1"
        assert list(found) == []
    assert process.returncode == -15


def test_only_a_checkpoint_with_its_own_name_counts(tmp_path: Path) -> None:
    assert driver.newest(tmp_path) == 0
    for name in ("checkpoint_00000005", "checkpoint_00000010", "checkpoint_00000015.orbax-checkpoint-tmp-1"):
        (tmp_path / name).mkdir()
    assert driver.newest(tmp_path) == 10 and driver.name(10) == "checkpoint_00000010"


# --- the log

RECORDED = Path(__file__).with_name("recorded") / "jax_paxml.log"


def summary(step: int, loss: float, second: float = 0.0) -> list[str]:
    begin = f"I1128 19:04:{second:09.6f} 139779861616320 summary_utils.py:520] "
    return [
        f"{begin}summary tensor at step={step} loss {loss}",
        f"{begin}summary tensor at step={step} learning/lr_scalar 0.01",
        f"{begin}summary tensor at step={step} learning/raw_grad_norm_scalar 10.5",
        f"{begin}Wrote summary entry at step `{step}` (loss=`{loss:.6f}`).",
    ]


def read(*raw: str, reader: Reader | None = None) -> list[Any]:
    reader = reader or Reader(TINY, 2)
    return [event for line in raw for event in reader.read(clean(line))]


def test_what_paxml_printed() -> None:
    reader = Reader(TINY, 2)
    steps = read(*RECORDED.read_text(encoding="utf-8").splitlines(), reader=reader)
    assert list(reader.end()) == []
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6, 15, 16]
    assert all(isinstance(step, Step) and step.count == 8 * 128 and step.seconds > 0 for step in steps)
    assert steps[0].loss == pytest.approx(4.9224, abs=1e-4) and steps[-1].loss < 0.01
    assert steps[1].learning_rate is not None and steps[1].learning_rate > 0 and steps[0].grad_norm > 1


def test_seconds_are_between_two_summaries_also_over_new_year() -> None:
    assert [step.seconds for step in read(*summary(1, 5.0, 1.0), *summary(5, 4.0, 3.0))] == [0.0, 0.5]
    late = [line.replace("1128 19:04:01", "1231 23:59:59") for line in summary(1, 5.0, 1.0)]
    early = [line.replace("1128 19:04:03", "0101 00:00:01") for line in summary(2, 5.0, 3.0)]
    assert read(*late, *early)[1].seconds == pytest.approx(2.0)


@pytest.mark.parametrize("prefix", ["", "3: ", "[pod/x-0/node] ", "\x1b[36m"])
def test_what_engines_put_before_a_line_does_not_matter(prefix: str) -> None:
    [step] = read(*(prefix + line for line in summary(1, 4.5)))
    assert (step.step, step.loss, step.grad_norm, step.learning_rate) == (1, 4.5, 10.5, 0.01)


def test_a_loss_that_is_not_a_number_is_seen() -> None:
    [step] = read(*summary(3, math.nan))
    assert math.isnan(step.loss)


@pytest.mark.parametrize("line", summary(7, 4.25), ids=["loss", "rate", "norm", "end"])
def test_a_line_that_stops_anywhere_is_never_lost_and_never_believed(line: str) -> None:
    """A number that is cut is a number still: the summary's last line stands for it."""
    begun = line.index("] ") + len("] summary tensor at step=")
    whole = line.rindex(" ") + 2 if "tensor" in line else len(line)
    for end in range(begun, whole):
        with pytest.raises(ValueError):
            read(line[:end])


def test_a_summary_that_is_not_whole_is_told() -> None:
    first, *rest = summary(2, 4.0)
    with pytest.raises(ValueError, match="the summary of step 2 lacks"):
        read(*rest)
    reader = Reader(TINY, 2)
    read(first, reader=reader)
    with pytest.raises(ValueError, match="the summary of step 2 does not end"):
        reader.end()
    with pytest.raises(ValueError):
        read(first + rest[0])
    with pytest.raises(ValueError, match="two lines in one"):
        read(first.replace("summary tensor", "Setting task status: summary tensor"))


@given(loss=st.floats(0, 1e4) | st.just(math.nan), step=st.integers(1, 10**6), noise=st.text(max_size=10))
def test_no_metric_line_is_lost_whatever_it_says(loss: float, step: int, noise: str) -> None:
    lines = summary(step, loss)
    [found] = [event for line in lines for event in [*READER.read(Line(line))]]
    assert (found.step, found.loss) == (step, pytest.approx(loss, nan_ok=True))
    try:
        events = [*Reader(TINY, 2).read(Line(lines[-1] + noise))]
        assert events
    except ValueError:
        pass


READER = Reader(TINY, 2)


def test_settings_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(driver.configuration(TINY, rank(TWO_DEVICES))))["attributes"]["MAX_SEQ_LEN"] == 128
