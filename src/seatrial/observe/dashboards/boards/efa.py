"""EFA devices, by our collector."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel


def _per_node(**counters: str) -> dict[str, str]:
    """Rates of counters, all devices of a node together, by what the legend calls them."""
    return {
        f"{{{{node}}}}, {words.replace('_', ' ')}": f"sum by (node) (rate(node_amazonefa_{name}{{NODE}}[$__rate_interval]))"
        for words, name in counters.items()
    }


_SENT = "sum by (node, device) (rate(node_amazonefa_tx_bytes{NODE}[$__rate_interval]))"

DASHBOARD = Dashboard(
    name="efa",
    title="EFA",
    about="Does the traffic go over EFA, over all devices alike, and without packets that are sent again.",
    nodes="node_amazonefa_info",
    panels=(
        Panel(
            "Devices",
            {"{{node}}": "count by (node) (node_amazonefa_info{NODE})"},
            "stat",
            about="Fewer than the instance type has: one is lost.",
        ),
        Panel(
            "Ports that are not active",
            {"ports": "count(node_amazonefa_state_id{NODE} != 4) or 0 * count(node_amazonefa_state_id{NODE})"},
            "stat",
        ),
        Panel(
            "Busiest device, of the line rate",
            {
                "{{node}}": f"max by (node) ({_SENT} / max by (node, device) (node_amazonefa_rate_bytes_per_second{{NODE}}))"
            },
            "stat",
        ),
        Panel("Sent and received", _per_node(sent="tx_bytes", received="rx_bytes")),
        Panel("RDMA reads", _per_node(by_this_node="rdma_read_bytes", from_this_node="rdma_read_resp_bytes")),
        Panel("RDMA writes", _per_node(by_this_node="rdma_write_bytes", to_this_node="rdma_write_recv_bytes")),
        Panel("Sends and receives", _per_node(send="send_bytes", receive="recv_bytes")),
        Panel("Packets", _per_node(sent="tx_pkts", received="rx_pkts")),
        Panel(
            "Most and least busy device",
            {"{{node}}": f"max by (node) ({_SENT}) / min by (node) ({_SENT} > 0)"},
            stated="number",
            about="Above 2 the devices are not used alike. Idle devices do not count.",
        ),
        Panel(
            "Sent beside EFA",
            {
                "{{node}}, EFA": "sum by (node) (rate(node_amazonefa_tx_bytes{NODE}[$__rate_interval]))",
                "{{node}}, TCP/IP": 'sum by (node) (rate(node_network_transmit_bytes_total{NODE, device!="lo"}[$__rate_interval]))',
            },
            about="Nothing over EFA and much over TCP/IP while a job runs: libfabric or NCCL fell back to sockets.",
        ),
        Panel("Packets sent again", _per_node(all="retrans_pkts", after_a_timeout="retrans_timeout_events")),
        Panel("Bytes sent again", _per_node(all="retrans_bytes")),
        Panel("Packets dropped on arrival", _per_node(dropped="rx_drops")),
        Panel(
            "Remote nodes", _per_node(unresponsive="unresponsive_remote_events", impaired="impaired_remote_conn_events")
        ),
        Panel("RDMA requests that failed", _per_node(reads="rdma_read_wr_err", writes="rdma_write_wr_err")),
        Panel(
            "Commands that failed",
            _per_node(failed="cmds_err", never_answered="no_completion_cmds", memory_not_registered="reg_mr_err"),
        ),
    ),
)
