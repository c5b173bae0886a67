"""NVIDIA's DCGM exporter."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

# etc/default-counters.csv and etc/dcp-metrics-included.csv: what is on by default, and the profiling metrics.
_DEFAULT = """
DCGM_FI_DEV_SM_CLOCK | gauge | megahertz | | Clock of the streaming multiprocessors.
DCGM_FI_DEV_MEM_CLOCK | gauge | megahertz | | Clock of the memory.
DCGM_FI_DEV_MEMORY_TEMP | gauge | celsius | | Temperature of the memory.
DCGM_FI_DEV_GPU_TEMP | gauge | celsius | | Temperature of the GPU.
DCGM_FI_DEV_POWER_USAGE | gauge | watts | | Power draw.
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION | counter | millijoules | | Energy since the driver was loaded.
DCGM_FI_DEV_PCIE_REPLAY_COUNTER | counter | count | | PCIe packets that were sent again.
DCGM_FI_DEV_PCIE_TX_THROUGHPUT | counter | kilobytes | | Sent over PCIe, as NVML says.
DCGM_FI_DEV_PCIE_RX_THROUGHPUT | counter | kilobytes | | Received over PCIe, as NVML says.
DCGM_FI_DEV_GPU_UTIL | gauge | percent | | Time in which some kernel ran; says nothing about how much of the GPU it used.
DCGM_FI_DEV_MEM_COPY_UTIL | gauge | percent | | Time in which memory was read or written.
DCGM_FI_DEV_ENC_UTIL | gauge | percent | | Use of the video encoder.
DCGM_FI_DEV_DEC_UTIL | gauge | percent | | Use of the video decoder.
DCGM_FI_DEV_XID_ERRORS | gauge | code | | The last Xid: a repetition does not show, and it stays until the exporter starts again.
DCGM_FI_DEV_FB_FREE | gauge | mebibytes | | Free device memory.
DCGM_FI_DEV_FB_USED | gauge | mebibytes | | Used device memory.
DCGM_FI_DEV_FB_RESERVED | gauge | mebibytes | | Device memory that the driver keeps.
DCGM_FI_DEV_VGPU_LICENSE_STATUS | gauge | code | | Licence of a virtual GPU.
DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL | counter | count | | NVLink's bandwidth counters, all lanes together.
DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS | counter | count | | Rows remapped for uncorrectable errors.
DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS | counter | count | | Rows remapped for correctable errors.
DCGM_FI_DEV_ROW_REMAP_FAILURE | gauge | bool | | A row could not be remapped.
DCGM_FI_DEV_RETIRED_SBE | counter | count | | Pages retired for single-bit errors.
DCGM_FI_DEV_RETIRED_DBE | counter | count | | Pages retired for double-bit errors.
DCGM_FI_PROF_GR_ENGINE_ACTIVE | gauge | ratio | | Time in which the compute or graphics engine was active.
DCGM_FI_PROF_PIPE_TENSOR_ACTIVE | gauge | ratio | | Cycles in which the tensor pipe was active.
DCGM_FI_PROF_DRAM_ACTIVE | gauge | ratio | | Cycles in which device memory sent or received.
DCGM_FI_PROF_PCIE_TX_BYTES | gauge | bytes/s | | Sent over PCIe, headers included.
DCGM_FI_PROF_PCIE_RX_BYTES | gauge | bytes/s | | Received over PCIe, headers included.
"""

# Off by default: a line in its CSV file switches them on.
_OPTIONAL = """
DCGM_FI_DEV_POWER_VIOLATION | counter | nanoseconds | | Time throttled for power. Older comments say microseconds.
DCGM_FI_DEV_THERMAL_VIOLATION | counter | nanoseconds | | Time throttled for heat.
DCGM_FI_DEV_SYNC_BOOST_VIOLATION | counter | nanoseconds | | Time throttled for a slower GPU of the group.
DCGM_FI_DEV_BOARD_LIMIT_VIOLATION | counter | nanoseconds | | Time throttled for the board's limit.
DCGM_FI_DEV_LOW_UTIL_VIOLATION | counter | nanoseconds | | Time at lower clocks for want of work.
DCGM_FI_DEV_RELIABILITY_VIOLATION | counter | nanoseconds | | Time throttled for reliability.
DCGM_FI_DEV_ECC_SBE_VOL_TOTAL | counter | count | | Single-bit errors since the driver was loaded.
DCGM_FI_DEV_ECC_DBE_VOL_TOTAL | counter | count | | Double-bit errors since the driver was loaded.
DCGM_FI_DEV_ECC_SBE_AGG_TOTAL | counter | count | | Single-bit errors of the GPU's life.
DCGM_FI_DEV_ECC_DBE_AGG_TOTAL | counter | count | | Double-bit errors of the GPU's life.
DCGM_FI_DEV_RETIRED_PENDING | counter | count | | Pages that will be retired at the next reset.
DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL | counter | count | | NVLink CRC errors of flow control.
DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL | counter | count | | NVLink CRC errors of data.
DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL | counter | count | | NVLink packets that were sent again.
DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL | counter | count | | NVLink links that had to be recovered.
DCGM_FI_DEV_NVLINK_BANDWIDTH_L0 | counter | bytes | | Bytes of NVLink 0, both ways, headers included.
DCGM_FI_PROF_SM_ACTIVE | gauge | ratio | | Cycles in which a multiprocessor had a warp.
DCGM_FI_PROF_SM_OCCUPANCY | gauge | ratio | | Warps resident on a multiprocessor, of the most that fit.
DCGM_FI_PROF_PIPE_FP64_ACTIVE | gauge | ratio | | Cycles in which the fp64 pipe was active.
DCGM_FI_PROF_PIPE_FP32_ACTIVE | gauge | ratio | | Cycles in which the fp32 pipe was active.
DCGM_FI_PROF_PIPE_FP16_ACTIVE | gauge | ratio | | Cycles in which the fp16 pipe was active.
DCGM_EXP_XID_ERRORS_COUNT | gauge | count | xid, window_size_in_ms | Xids within a window, by code.
DCGM_EXP_CLOCK_EVENTS_COUNT | gauge | count | clock_event, window_size_in_ms | Clock events within a window, by reason.
DCGM_EXP_GPU_HEALTH_STATUS | gauge | code | health_watch, health_error_code | Health watches: 0 pass, 10 warning, 20 failure.
DCGM_EXP_P2P_STATUS | gauge | code | | State of peer-to-peer access between two GPUs.
"""

EMITTER = Emitter(
    id="dcgm",
    title="NVIDIA DCGM exporter",
    port=9400,
    source="etc/default-counters.csv and etc/dcp-metrics-included.csv of https://github.com/NVIDIA/dcgm-exporter, commit "
    "d5e5f51 (May 2026)",
    # err_code and err_msg are on DCGM_FI_DEV_XID_ERRORS only; hpc_job comes of its job mapping, the next three of Kubernetes.
    labels=(
        *("gpu", "UUID", "pci_bus_id", "device", "modelName", "hostname", "DCGM_FI_DRIVER_VERSION"),
        *("GPU_I_ID", "GPU_I_PROFILE", "hpc_job", "namespace", "pod", "container", "err_code", "err_msg"),
    ),
    old_labels={"Hostname": "hostname", "uuid": "UUID", "gpu_uuid": "UUID", "model_name": "modelName"},
).with_metrics(_DEFAULT, _OPTIONAL)
