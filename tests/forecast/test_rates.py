"""Rates against the measurements that they are made of, and shapes against arithmetic."""

import numpy as np
import pytest

from seatrial.forecast import rates
from seatrial.hardware import accelerators


def test_what_was_measured_is_taken_as_it_is():
    assert rates.achievable("H100 SXM", "bf16") == 794e12
    assert rates.achievable("H100 SXM", "fp16") == 794e12  # the same units


@pytest.mark.parametrize("name", [item.name for item in accelerators.ACCELERATORS])
def test_no_accelerator_reaches_its_peak(name):
    for dtype in ("bf16", "fp8", "fp4"):
        rate, peak = rates.achievable(name, dtype), accelerators.peak_flops(name, dtype)
        assert (rate is None) == (peak is None)
        assert rate is None or 0.3 * peak < rate < 0.95 * peak


def test_an_accelerator_that_nobody_measured_is_its_sibling_with_other_power():
    ratio = rates.achievable("GB300", "fp8", power=0.5) / rates.achievable("GB200", "fp8")
    assert ratio == pytest.approx((1400 / 1200) ** 0.5)
    assert rates.achievable("H100 SXM", "bf16", watts=350, power=0.5) == pytest.approx(794e12 * 0.5**0.5)


def test_a_large_product_comes_near_the_achievable_rate_and_a_shallow_one_does_not():
    def reached(rows, inputs, outputs):
        seconds = rates.product_seconds(rows, inputs, outputs, name="H100 SXM", dtype="bf16")
        return 2 * rows * inputs * outputs / seconds / 794e12

    assert 0.9 < reached(16384, 16384, 16384) <= 1
    assert reached(16384, 512, 16384) < 0.9 * reached(16384, 16384, 16384)
    assert reached(512, 4096, 1024) < 0.5  # sixteen tiles for 132 multiprocessors


def test_no_product_is_faster_than_its_operands_come_from_memory():
    seconds = rates.product_seconds(128, 1024, 262144, name="H100 SXM", dtype="bf16")
    assert seconds == pytest.approx(2 * (128 * 1024 + 1024 * 262144 + 128 * 262144) / 3.35e12)


def test_the_same_rows_in_more_groups_take_longer():
    one = rates.product_seconds(8192, 2048, 1536, name="B200", dtype="bf16")
    many = rates.product_seconds(64, 2048, 1536, name="B200", dtype="bf16", groups=128)
    assert many > 1.3 * one


def test_shapes_may_be_arrays():
    rows = np.array([512, 4096, 65536])
    together = rates.product_seconds(rows, 4096, 4096, name="A100 80GB", dtype="bf16")
    each = [float(rates.product_seconds(int(row), 4096, 4096, name="A100 80GB", dtype="bf16")) for row in rows]
    assert together.tolist() == each


def test_a_kernel_made_for_the_a100_is_slow_elsewhere_alone():
    assert rates.attention_rates("A100 80GB", kernel="triton") == rates.attention_rates("A100 80GB")
    assert rates.attention_rates("H100 SXM", kernel="triton")[0] < 0.7 * rates.attention_rates("H100 SXM")[0]
    assert rates.attention_rates("H100 SXM", width=64)[0] < rates.attention_rates("H100 SXM")[0]


def test_what_is_not_known_is_said():
    with pytest.raises(ValueError, match="no fp8 rate for A100 80GB"):
        rates.product_seconds(1, 1, 1, name="A100 80GB", dtype="fp8")
