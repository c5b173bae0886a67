"""What is said of the hardware of a log, and what contradicts it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.errors import UserError
from seatrial.hardware import accelerators, instances
from seatrial.rank import lines
from seatrial.reading import device

GIB = 2**30


class Reader(lines.Reader):
    def __init__(self, name: str = "", size: float | None = None) -> None:
        self.device, self.device_bytes = name, None if size is None else round(size * GIB)


@pytest.mark.parametrize(
    ("instance", "kind"),
    [(None, "unknown"), ("p5.48xlarge", "cuda"), ("ml.trn1.32xlarge", "neuron"), ("c5n.18xlarge", "cpu")],
)
def test_what_an_instance_computes_on(instance: str | None, kind: str) -> None:
    assert device.kind(instance) == kind
    assert kind in device.BACKENDS


def test_an_unknown_instance_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="p5"):
        device.kind("p5.48xlarg")


@pytest.mark.parametrize(
    ("instance", "name", "size", "wrong"),
    [
        ("p5.48xlarge", "NVIDIA H100 80GB HBM3", 79.2, False),
        ("p5.48xlarge", "NVIDIA H200", 139.8, True),
        ("p5.48xlarge", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", 9.8, True),  # a slice is no whole one
        ("p5.48xlarge", "cpu", 23.5, True),
        ("p5.48xlarge", "", 79.2, False),
        ("p5.48xlarge", "", 94.0, True),
        ("p5.48xlarge", "", 71.0, True),
        ("p5.48xlarge", "", None, False),
        ("trn1.32xlarge", "", 16.0, False),  # a rank has half of a chip
        ("trn1.32xlarge", "", 32.0, True),
        ("c5n.18xlarge", "NVIDIA H200", 139.8, False),  # it has none, and nothing is compared
        (None, "NVIDIA H200", 139.8, False),
    ],
)
def test_a_log_of_other_hardware_is_found(instance: str | None, name: str, size: float | None, wrong: bool) -> None:
    assert (device.contradiction(Reader(name, size), instance) is not None) is wrong


def test_the_peak_is_that_of_a_rank_and_without_a_dtype_the_highest() -> None:
    job: Any = type("Job", (), {"device": "unknown"})
    h100, trainium = accelerators.accelerator_of_device("NVIDIA H100 80GB HBM3"), instances.instance("trn1.2xlarge")
    assert h100 is not None and trainium.accelerator is not None
    assert device.peak(job, Reader("NVIDIA H100 80GB HBM3"), None, None)[0] == h100.peak_flops["fp8"]
    assert device.peak(job, Reader(), "p5.48xlarge", "bf16")[0] == h100.peak_flops["bf16"]
    chip = accelerators.accelerator(trainium.accelerator)
    assert device.peak(job, Reader(), "trn1.2xlarge", "bf16")[0] == chip.peak_flops["bf16"] / 2
    assert device.peak(job, Reader("", 79.0), None, "bf16") == (
        None,
        "unknown: the log does not tell its hardware, and none was named with --instance",
    )
