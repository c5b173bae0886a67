"""What shares mean, and what to do about them."""

from __future__ import annotations

import pytest

from seatrial import profiles
from seatrial.profiles import rules
from seatrial.profiles.classes import of_kernel, of_operator, operation
from tests.profiles import made
from tests.profiles.made import ADAM, ADD, COPY, FLASH, GATHER, GEMM, gather, kernel, span, step


def findings(tmp_path, events):
    return {f.check: f for f in profiles.read([made.write(tmp_path / "t.json", events)]).findings}


def test_a_good_step_passes_everything(tmp_path):
    found = findings(tmp_path, [step(1, 0, 100), *kernel(GEMM, 0, 99, launched=0), gather(10, 90)])
    assert {f.verdict for f in found.values()} == {"PASS"}
    assert found["profile.whole"].observed == "4 events in 1 file"


@pytest.mark.parametrize(("end", "verdict"), [(109, "PASS"), (112, "WARN")])
def test_communication_that_nothing_hides_is_named_with_its_operation(tmp_path, end, verdict):
    found = findings(tmp_path, [step(1, 0, end), *kernel(GEMM, 0, 100, launched=0), gather(50, end)])
    finding = found["profile.exposed-communication"]
    assert finding.verdict == verdict
    if verdict == "WARN":
        assert finding.observed == "11 % of the step waits for all_gather that nothing overlaps"
        assert finding.remedy == rules.REMEDIES["all_gather"] and finding.evidence == "rank 3"


def test_gaps_are_told_apart(tmp_path):
    late = findings(tmp_path, [step(1, 0, 100), *kernel(GEMM, 0, 50, launched=0), *kernel(ADD, 80, 100, launched=78)])
    assert (late["profile.launch-bound"].verdict, late["profile.idle"].verdict) == ("WARN", "PASS")
    assert late["profile.launch-bound"].observed.startswith("28 % of the step: launch-bound")
    early = findings(tmp_path, [step(1, 0, 100), *kernel(GEMM, 0, 50, launched=0), *kernel(ADD, 80, 100, launched=40)])
    assert (early["profile.launch-bound"].verdict, early["profile.idle"].verdict) == ("PASS", "WARN")


def test_copies_and_small_messages(tmp_path):
    events = [step(1, 0, 100), *kernel(GEMM, 0, 60, launched=0), span("gpu_memcpy", COPY, 60, 66, 9)]
    found = findings(tmp_path, [*events, gather(66, 100, 1000)])
    assert found["profile.copies"].verdict == found["profile.small-messages"].verdict == "WARN"
    large = findings(tmp_path, [*events, gather(66, 100, 1 << 20)])
    assert large["profile.small-messages"].verdict == "PASS"
    unsized = findings(tmp_path, [*events, span("kernel", GATHER, 66, 100, 20)])
    assert unsized["profile.small-messages"].verdict == "UNKNOWN"


def test_what_could_not_be_read_is_unknown(tmp_path):
    path = made.write(tmp_path / "t.json", [step(1, 0, 100), *kernel(GEMM, 0, 99, launched=0)])
    path.write_text(path.read_text()[:-40])
    [whole] = [f for f in profiles.read([path]).findings if f.check == "profile.whole"]
    assert whole.verdict == "UNKNOWN" and "in the middle of its events" in whole.observed


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (GEMM, "matrix product"),
        ("nvjet_tst_128x256_64x4_1x2_h_bz_coopA_TNT", "matrix product"),
        (
            "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_nn_align8>(int)",
            "matrix product",
        ),
        (FLASH, "attention"),
        ("fmha_cutlassF_bf16_aligned_64x128_rf_sm80(PyTorchMemEffAttention::AttentionKernel<int>)", "attention"),
        ("cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1_kernel0_0", "attention"),
        (ADAM, "optimizer"),
        (GATHER, "communication"),
        ("ncclKernel_AllReduce_RING_LL_Sum_float(ncclWorkElem)", "communication"),
        (COPY, "copy"),
        ("Memset (Device)", "copy"),
        (ADD, "other"),
        ("triton_poi_fused_add_mul_0", "other"),
        ("void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float>(int)", "other"),
    ],
)
def test_kernels_have_classes(name, kind):
    assert of_kernel(name) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::addmm", "matrix product"),
        ("aten::convolution", "matrix product"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("ScaledDotProductFlashAttentionForCpuBackward0", "attention"),
        ("aten::copy_", "copy"),
        ("aten::mul", "other"),
        ("gloo:all_gather", "communication"),
        ("c10d::allreduce_", ""),
        ("autograd::engine::evaluate_function: MmBackward0", ""),
    ],
)
def test_operators_have_classes(name, kind):
    assert of_operator(name) == kind


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        (GATHER, "all_gather"),
        ("ncclDevKernel_ReduceScatter_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)", "reduce_scatter"),
        ("ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)", "send_recv"),
        ("_allgather_base", "all_gather"),
        ("gloo:all_reduce", "all_reduce"),
        ("ncclAlltoAll", "all_to_all"),
        ("broadcast", "broadcast"),
        ("something", "something"),
    ],
)
def test_operations_have_one_spelling(name, spelt):
    assert operation(name) == spelt
