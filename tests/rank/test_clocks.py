"""What NVML says of clocks; the library is a stand-in here, with its functions' names and return codes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from seatrial.rank.clocks import Clocks

UUID = "GPU-1"


def nvml(reasons: int, *, name: str = "nvmlDeviceGetCurrentClocksEventReasons", code: int = 0, init: int = 0):
    """A library with one GPU."""

    def handle(uuid, device):
        device._obj.value = 7
        return 0 if uuid == UUID.encode() else 6  # NVML_ERROR_NOT_FOUND

    def read(device, told):
        assert device.value == 7
        told._obj.value = reasons
        return code

    return SimpleNamespace(nvmlInit_v2=lambda: init, nvmlDeviceGetHandleByUUID=handle, **{name: read})


@pytest.mark.parametrize(
    ("reasons", "held"),
    [(0x0, False), (0x1, False), (0x4, False), (0x8, True), (0x20, True), (0x44, True), (0x80, True), (0x100, False)],
)
def test_heat_and_lack_of_power_hold_down_and_the_usual_limit_does_not(reasons, held):
    assert Clocks(UUID, nvml(reasons)).held_down() is held


def test_before_cuda_12_2_it_had_another_name():
    assert Clocks(UUID, nvml(0x40, name="nvmlDeviceGetCurrentClocksThrottleReasons")).held_down()


@pytest.mark.parametrize(
    ("uuid", "library"),
    [
        (UUID, None),
        (UUID, SimpleNamespace()),
        (UUID, nvml(0x40, code=3)),  # NVML_ERROR_NOT_SUPPORTED
        (UUID, nvml(0x40, init=9)),  # NVML_ERROR_DRIVER_NOT_LOADED
        ("GPU-2", nvml(0x40)),
    ],
)
def test_where_it_does_not_answer_nothing_is_told(uuid, library):
    assert not Clocks(uuid, library).held_down()
