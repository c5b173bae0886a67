"""File systems, as the nodes see them, and what training waits for them."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

_REAL = 'NODE, fstype!~"tmpfs|overlay|squashfs|ramfs"'
_SHARED = 'NODE, fstype=~"lustre|nfs.*|ceph|gpfs|beegfs"'
_FREE = "node_filesystem_avail_bytes"
_SIZE = "node_filesystem_size_bytes"

DASHBOARD = Dashboard(
    name="filesystem",
    title="File systems",
    about="Room on shared and local file systems, and what it costs training to read and to write. What FSx says about "
    "itself is in CloudWatch only, and Lustre's client counters have no exporter here.",
    nodes="node_filesystem_size_bytes",
    panels=(
        Panel(
            "Shared: free",
            {"{{mountpoint}}": f"min by (mountpoint) ({_FREE}{{{_SHARED}}} / {_SIZE}{{{_SHARED}}})"},
            "stat",
        ),
        Panel("Shared: size", {"{{mountpoint}}": f"max by (mountpoint) ({_SIZE}{{{_SHARED}}})"}, "stat"),
        Panel(
            "Nodes that have it",
            {"{{mountpoint}}": f"count by (mountpoint) ({_SIZE}{{{_SHARED}}})"},
            "stat",
            about="Fewer than there are nodes: it is not mounted everywhere.",
        ),
        Panel(
            "Shared: in use",
            {"{{mountpoint}}": f"1 - min by (mountpoint) ({_FREE}{{{_SHARED}}} / {_SIZE}{{{_SHARED}}})"},
        ),
        Panel(
            "Shared: free in a day, if it goes on so",
            {"{{mountpoint}}": f"min by (mountpoint) (predict_linear({_FREE}{{{_SHARED}}}[1h], 86400))"},
            about="Below 0: it is full before. From the last hour.",
        ),
        Panel(
            "Shared: inodes free",
            {
                "{{mountpoint}}": f"min by (mountpoint) (node_filesystem_files_free{{{_SHARED}}}"
                f" / (node_filesystem_files{{{_SHARED}}} > 0))"
            },
        ),
        Panel(
            "Fullest of each node", {"{{node}} {{mountpoint}}": f"topk(5, 1 - {_FREE}{{{_REAL}}} / {_SIZE}{{{_REAL}}})"}
        ),
        Panel(
            "Mounted for reading only, or in error",
            {
                "{{node}} {{mountpoint}}, reading only": f"node_filesystem_readonly{{{_REAL}}} == 1",
                "{{node}} {{mountpoint}}, in error": f"node_filesystem_device_error{{{_REAL}}} == 1",
            },
        ),
        Panel(
            "Local disks: read",
            {"{{node}}": 'sum by (node) (rate(node_disk_read_bytes_total{NODE, device=~"nvme.*"}[$__rate_interval]))'},
        ),
        Panel(
            "Local disks: written",
            {
                "{{node}}": 'sum by (node) (rate(node_disk_written_bytes_total{NODE, device=~"nvme.*"}[$__rate_interval]))'
            },
        ),
        Panel("Checkpoints: size", {"{{run_id}}": "train_checkpoint_bytes{CLUSTER}"}),
        Panel(
            "Checkpoints: written",
            {
                "{{run_id}}": "max by (run_id) (train_checkpoint_bytes{CLUSTER})"
                ' / max by (run_id) (train_checkpoint_seconds{CLUSTER, op="save"})'
            },
            about="The newest: its size by the time that it took.",
        ),
        Panel(
            "Share of the time that training stands still for checkpoints",
            {"{{run_id}}": "rate(train_checkpoint_stall_seconds_total{CLUSTER}[$__rate_interval])"},
        ),
        Panel(
            "Share of the time that ranks wait for data",
            {"{{run_id}}": "avg by (run_id) (rate(train_data_wait_seconds_total{NODE}[$__rate_interval]))"},
        ),
        Panel(
            "Time in which something waited for input or output",
            {"{{node}}": "rate(node_pressure_io_waiting_seconds_total{NODE}[$__rate_interval])"},
        ),
    ),
)
