"""A GPU slower than its siblings: by nvbandwidth, and by our own probe, which is run here on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from seatrial.checks.collecting import collect
from seatrial.checks.node import gpu_speed, nvbandwidth
from seatrial.checks.observations import Lines, Observation, Source
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Severity, Verdict
from seatrial.hardware import accelerators, fabrics, instances
from tests.checks.node.observing import judged, recorded, verdict

P5 = "p5.48xlarge"
PASS, WARN, FAIL, UNKNOWN, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP
PROBE = """
import sys
from seatrial.checks.probes.gpu_speed import main
sys.argv = ["probe", "--device", "cpu", "--size", "64", "--bytes", "4096", "--seconds", "0.01"]
main()
sys.argv = ["probe"]
main()
"""


@pytest.mark.parametrize(
    ("share", "expected", "severity"),
    [
        (0.96, PASS, Severity.NONE),
        (0.94, FAIL, Severity.MONITOR),
        (0.79, FAIL, Severity.ISOLATE),
        (0.0, FAIL, Severity.ISOLATE),
    ],
)
def test_a_slow_gpu_is_named(share, expected, severity):
    for id, text in (
        ("gpu.matmul", gpu_speed.example(flops=7.1e14 * share)),
        ("gpu.memory-copy", gpu_speed.example(copies=2.6e12 * share)),
    ):
        [seventh] = [f for f in judged(id, text, P5) if f.scope == {"gpu": 7}]
        assert (seventh.verdict, seventh.severity) == (expected, severity)


def test_a_product_that_is_no_number_is_a_fault_whatever_its_speed():
    text = gpu_speed.example().replace('"finite": true', '"finite": false', 1)
    [first] = [f for f in judged("gpu.matmul", text, P5) if f.verdict is FAIL]
    assert (first.scope, first.severity) == ({"gpu": 0}, Severity.ISOLATE)


def test_a_probe_that_was_ended_early_is_not_known():
    lines = gpu_speed.example().splitlines(keepends=True)
    for part in (lines[:-1], lines[:3] + lines[4:], [*lines, lines[-1]], [lines[0], *lines]):
        assert verdict("gpu.matmul", "".join(part), P5) is UNKNOWN
        assert verdict("gpu.matmul", "".join(part)) is UNKNOWN


def test_one_gpu_has_no_siblings():
    text = '{"gpu": 0, "flops": 1e14, "bytes_per_second": 1e12, "finite": true}\n{"gpus": 1}\n'
    assert {f.verdict for f in judged("gpu.matmul", text, "g5.xlarge")} == {SKIP}
    assert verdict("gpu.matmul", text) is UNKNOWN


def test_what_the_probe_says_without_a_gpu_is_not_known():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *measured, without = done.stdout.splitlines(keepends=True)
    found = gpu_speed.parse(Lines(Observation(kind="gpu-speed", origin="x", text="".join(measured))))
    assert found.flops[0] > 1e6 and found.copies[0] > 1e3 and not found.wrong
    [finding] = judged("gpu.matmul", without, P5)
    assert finding.verdict is UNKNOWN and "sees no CUDA device" in finding.observed and "torch" in finding.remedy


def test_the_probe_is_run_by_this_python_and_says_that_torch_is_missing(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    [seen] = collect([gpu_speed.GPU_SPEED], NOT_KNOWN)
    assert seen.text == '{"problem": "torch cannot be imported: broken"}\n'


def test_what_loads_the_node_is_run_by_itself(tmp_path):
    code = f"import pathlib, time; p = pathlib.Path({str(tmp_path)!r}); print(sorted(x.name for x in p.iterdir()))"

    def source(kind: str, alone: bool) -> Source:
        mine = tmp_path / kind
        write = f"import pathlib; pathlib.Path({str(mine)!r}).touch(); {code}; pathlib.Path({str(mine)!r}).unlink()"
        command = ("python", "-c", write)
        return Source(kind=kind, title="", part="gpu", level="full", parse=list, command=command, alone=alone)

    seen = collect([source("b", True), source("a", False), source("c", True)], NOT_KNOWN)
    assert {s.kind: s.text for s in seen} == {"a": "['a']\n", "b": "['b']\n", "c": "['c']\n"}


@pytest.mark.parametrize(
    ("slow", "alike", "speed"),
    [(1.0, PASS, PASS), (0.91, PASS, PASS), (0.88, FAIL, WARN), (0.31, FAIL, WARN), (0.29, FAIL, FAIL)],
)
def test_a_slow_link_to_the_host(slow, alike, speed):
    text = nvbandwidth.example(slow)
    assert verdict("gpu.copy-alike", text, P5) is alike
    assert verdict("gpu.copy-speed", text, P5) is speed


def measured(instance: instances.Instance, host: float, peers: float) -> str:
    """What nvbandwidth says where copies reach these shares of the links; without NVLink none go between GPUs."""
    assert instance.accelerator
    gpu, count = accelerators.accelerator(instance.accelerator), instance.accelerators
    cases: list[dict[str, object]] = []
    for name in nvbandwidth.TESTS:
        if name in nvbandwidth.PEERS and (count == 1 or not gpu.nvlink_bytes):
            cases.append({"name": name, "status": "Waived"})
            continue
        rate = peers * gpu.nvlink_bytes if name in nvbandwidth.PEERS else host * (fabrics.host_link(instance) or 0)
        rows = range(count if name in nvbandwidth.PEERS else 1)
        matrix = [["N/A" if len(rows) > 1 and r == c else rate / 1e9 for c in range(count)] for r in rows]
        total = sum(value for row in matrix for value in row if isinstance(value, float))
        cases.append({"name": name, "status": "Passed", "bandwidth_matrix": matrix, "sum": total})
    return json.dumps({"nvbandwidth": {"testcases": cases}})


GPUS = [item for item in instances.INSTANCES if Profile.of(item.name).has("gpu")]


@pytest.mark.parametrize("instance", GPUS, ids=lambda item: item.name)
def test_every_type_with_gpus_can_pass_and_can_fail(instance):
    """The least reported of healthy ones is 0.80 of PCIe and 0.75 of NVLink; 0.2 is less than any wiring gives."""
    assert verdict("gpu.copy-speed", measured(instance, 0.80, 0.75), instance.name) is PASS
    assert verdict("gpu.copy-alike", measured(instance, 0.80, 0.75), instance.name) in (PASS, UNKNOWN)  # skipped alone
    assert verdict("gpu.copy-speed", measured(instance, 0.4, 0.75), instance.name) is WARN, "8 lanes are no fault"
    assert verdict("gpu.copy-speed", measured(instance, 0.2, 0.75), instance.name) is FAIL
    if instance.accelerators > 1 and accelerators.accelerator(instance.accelerator or "").nvlink_bytes:
        assert verdict("gpu.copy-speed", measured(instance, 0.80, 0.45), instance.name) is FAIL


def test_the_older_end_of_a_link_decides():
    rates = {name: fabrics.host_link(instances.instance(name)) for name in ("p4d.24xlarge", P5, "p5en.48xlarge")}
    assert rates == {"p4d.24xlarge": 15.75e9, P5: 31.5e9, "p5en.48xlarge": 63.0e9}
    assert fabrics.host_link(instances.instance("c5n.18xlarge")) is None
    assert {item.name.partition(".")[0] for item in GPUS} == {*fabrics.HOST_PCIE}


def test_without_a_type_nothing_is_known():
    assert verdict("gpu.copy-speed", nvbandwidth.example()) is UNKNOWN


def test_one_gpu_without_peers():
    text = recorded("nvbandwidth", "one_gpu_v0.5")
    assert {f.verdict for f in judged("gpu.copy-alike", text, "p5.4xlarge")} == {SKIP}
    assert {f.verdict for f in judged("gpu.copy-speed", text, "p5.4xlarge")} == {WARN, SKIP}
    assert {f.verdict for f in judged("gpu.copy-speed", text, "g4dn.xlarge")} == {PASS, SKIP}
    assert verdict("gpu.copy-alike", text, P5) is UNKNOWN


@pytest.mark.parametrize("status", ["Waived", "Error", "Not Found", "Running"])
def test_a_test_that_did_not_pass_is_not_known(status):
    text = nvbandwidth.example().replace('"Passed"', f'"{status}"', 1)
    for id in ("gpu.copy-alike", "gpu.copy-speed"):
        assert {f.observed for f in judged(id, text, P5) if f.verdict is UNKNOWN} == {
            f"{nvbandwidth.HOST[0]}: {status}"
        }


def test_a_matrix_that_contradicts_its_sum_is_not_read():
    assert verdict("gpu.copy-speed", nvbandwidth.example().replace('"26.4000"', '"36.4000"', 1), P5) is UNKNOWN
    assert verdict("gpu.copy-speed", '{"nvbandwidth": {"error": "no GPU", "testcases": []}}\n', P5) is UNKNOWN
