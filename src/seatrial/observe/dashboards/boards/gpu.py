"""GPUs, by NVIDIA's DCGM exporter. Those from mean temperature to tensor cores show what its own dashboard does, 12239 of
grafana.com."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

_GPU = "{{node}} GPU {{gpu}}"


def _throttled(*reasons: str) -> dict[str, str]:
    """Share of the time that clocks were held down. The counters are in ns."""
    query = "max by (node, gpu) (rate(DCGM_FI_DEV_{}_VIOLATION{{GPU}}[$__rate_interval])) / 1e9"
    return {f"{_GPU}, {reason.lower()}": query.replace("{}", reason).replace("{{GPU}}", "{GPU}") for reason in reasons}


DASHBOARD = Dashboard(
    name="gpu",
    title="GPUs",
    about="Are all GPUs there, busy, cool and without errors. A panel of a counter that the exporter has off by default "
    "stays empty until its CSV file has it.",
    nodes="DCGM_FI_DEV_GPU_TEMP",
    panels=(
        Panel(
            "GPUs",
            {"{{node}}": "count by (node) (DCGM_FI_DEV_GPU_TEMP{GPU})"},
            "stat",
            about="Fewer than the node has: one is lost.",
        ),
        Panel("Mean temperature", {"all": "avg(DCGM_FI_DEV_GPU_TEMP{GPU})"}, "stat"),
        Panel("Power, all together", {"all": "sum(DCGM_FI_DEV_POWER_USAGE{GPU})"}, "stat"),
        Panel(
            "Remapping failed",
            {_GPU: "max by (node, gpu) (DCGM_FI_DEV_ROW_REMAP_FAILURE{GPU})"},
            "stat",
            about="Yes: the GPU is to be replaced.",
        ),
        Panel("Temperature", {_GPU: "DCGM_FI_DEV_GPU_TEMP{GPU}"}),
        Panel("Power", {_GPU: "DCGM_FI_DEV_POWER_USAGE{GPU}"}),
        Panel("Clock of the multiprocessors", {_GPU: "DCGM_FI_DEV_SM_CLOCK{GPU} * 1e6"}, stated="hertz"),
        Panel(
            "Utilization",
            {_GPU: "DCGM_FI_DEV_GPU_UTIL{GPU}"},
            about="100 % says only that a kernel ran, a hanging collective too.",
        ),
        Panel("Memory in use", {_GPU: "DCGM_FI_DEV_FB_USED{GPU}"}),
        Panel("Tensor cores active", {_GPU: "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{GPU}"}),
        Panel(
            "Multiprocessors and memory active",
            {
                f"{_GPU}, multiprocessors": "DCGM_FI_PROF_SM_ACTIVE{GPU}",
                f"{_GPU}, memory": "DCGM_FI_PROF_DRAM_ACTIVE{GPU}",
            },
        ),
        Panel(
            "Xids", {"{{node}} GPU {{gpu}}, Xid {{xid}}": "sum by (node, gpu, xid) (DCGM_EXP_XID_ERRORS_COUNT{GPU})"}
        ),
        Panel(
            "Memory errors",
            {
                f"{_GPU}, uncorrectable": "increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{GPU}[$__rate_interval])",
                f"{_GPU}, correctable": "increase(DCGM_FI_DEV_ECC_SBE_VOL_TOTAL{GPU}[$__rate_interval])",
            },
        ),
        Panel(
            "Remapped rows",
            {
                f"{_GPU}, uncorrectable": "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS{GPU}",
                f"{_GPU}, correctable": "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS{GPU}",
            },
        ),
        Panel("Throttled", _throttled("POWER", "THERMAL", "RELIABILITY"), stated="ratio"),
        Panel(
            "Errors of NVLink and PCIe",
            {
                f"{_GPU}, NVLink CRC": "rate(DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL{GPU}[$__rate_interval])",
                f"{_GPU}, NVLink replays": "rate(DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL{GPU}[$__rate_interval])",
                f"{_GPU}, PCIe replays": "rate(DCGM_FI_DEV_PCIE_REPLAY_COUNTER{GPU}[$__rate_interval])",
            },
        ),
    ),
)
