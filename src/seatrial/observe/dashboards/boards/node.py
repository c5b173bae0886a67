"""Nodes, by node_exporter."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel


def _rate(metric: str, more: str = "") -> str:
    return f"sum by (node) (rate({metric}{{NODE{more}}}[$__rate_interval]))"


_BLOCK = ', device!~"loop.*|ram.*|dm-.*"'
_CARD = ', device!~"lo|veth.*|docker.*"'

DASHBOARD = Dashboard(
    name="node",
    title="Nodes",
    about="Processors, memory, disks and network of the nodes, and whether their clocks agree.",
    nodes="node_uname_info",
    panels=(
        Panel("Clock: synchronised", {"{{node}}": "min by (node) (node_timex_sync_status{NODE})"}, "stat"),
        Panel(
            "Since the start of the node", {"{{node}}": "time() - max by (node) (node_boot_time_seconds{NODE})"}, "stat"
        ),
        Panel(
            "Processors busy",
            {"{{node}}": '1 - avg by (node) (rate(node_cpu_seconds_total{NODE, mode="idle"}[$__rate_interval]))'},
        ),
        Panel(
            "Load of a processor",
            {
                "{{node}}": 'sum by (node) (node_load1{NODE}) / count by (node) (rate(node_cpu_seconds_total{NODE, mode="idle"}[$__rate_interval]))'
            },
            stated="number",
        ),
        Panel(
            "Memory available", {"{{node}}": "node_memory_MemAvailable_bytes{NODE} / node_memory_MemTotal_bytes{NODE}"}
        ),
        Panel(
            "Shared memory in use",
            {"{{node}}": "node_memory_Shmem_bytes{NODE}"},
            about="Data loaders and NCCL keep theirs in /dev/shm.",
        ),
        Panel(
            "Huge pages free",
            {"{{node}}": "node_memory_HugePages_Free{NODE} / (node_memory_HugePages_Total{NODE} > 0)"},
            about="libfabric's EFA provider takes some.",
        ),
        Panel(
            "Time in which something waited",
            {
                "{{node}}, processor": _rate("node_pressure_cpu_waiting_seconds_total"),
                "{{node}}, memory": _rate("node_pressure_memory_waiting_seconds_total"),
                "{{node}}, input and output": _rate("node_pressure_io_waiting_seconds_total"),
            },
        ),
        Panel(
            "Processes killed for want of memory",
            {"{{node}}": "increase(node_vmstat_oom_kill{NODE}[$__rate_interval])"},
        ),
        Panel(
            "Disks: read and written",
            {
                "{{node}}, read": _rate("node_disk_read_bytes_total", _BLOCK),
                "{{node}}, written": _rate("node_disk_written_bytes_total", _BLOCK),
            },
        ),
        Panel(
            "Disks: busy",
            {"{{node}} {{device}}": f"rate(node_disk_io_time_seconds_total{{NODE{_BLOCK}}}[$__rate_interval])"},
        ),
        Panel(
            "Network: received and sent",
            {
                "{{node}}, received": _rate("node_network_receive_bytes_total", _CARD),
                "{{node}}, sent": _rate("node_network_transmit_bytes_total", _CARD),
            },
            about="TCP/IP only: what goes over EFA does not pass here.",
        ),
        Panel(
            "Network: errors and drops",
            {
                "{{node}}, errors": _rate("node_network_receive_errs_total", _CARD),
                "{{node}}, drops": _rate("node_network_receive_drop_total", _CARD),
                "{{node}}, TCP segments sent again": _rate("node_netstat_Tcp_RetransSegs"),
            },
        ),
        Panel("Clock: offset", {"{{node}}": "node_timex_offset_seconds{NODE}"}),
        Panel(
            "Processors throttled",
            {"{{node}}": "sum by (node) (rate(node_cpu_core_throttles_total{NODE}[$__rate_interval]))"},
        ),
        Panel(
            "Memory errors",
            {
                "{{node}}, corrected": "sum by (node) (increase(node_edac_correctable_errors_total{NODE}[$__rate_interval]))",
                "{{node}}, not corrected": "sum by (node) (increase(node_edac_uncorrectable_errors_total{NODE}[$__rate_interval]))",
            },
        ),
    ),
)
