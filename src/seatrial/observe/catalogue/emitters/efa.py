"""Our collector of EFA's counters."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

# Names of the 24 port metrics are those of the node exporter that AWS's sample repository forked (collector amazonefa,
# June 2025 and February 2026), whose dashboards go on working with ours.
_PORT = """
node_amazonefa_info | gauge | info | | A device of the EFA driver.
node_amazonefa_lifespan | gauge | milliseconds | port | How long the driver may serve a counter before it asks the device again.
node_amazonefa_tx_bytes | counter | bytes | port | Bytes transmitted.
node_amazonefa_tx_pkts | counter | count | port | Packets transmitted.
node_amazonefa_rx_bytes | counter | bytes | port | Bytes received.
node_amazonefa_rx_pkts | counter | count | port | Packets received.
node_amazonefa_rx_drops | counter | count | port | Received packets that were dropped.
node_amazonefa_send_bytes | counter | bytes | port | Bytes of send work requests.
node_amazonefa_send_wrs | counter | count | port | Send work requests.
node_amazonefa_recv_bytes | counter | bytes | port | Bytes of receive work requests.
node_amazonefa_recv_wrs | counter | count | port | Receive work requests.
node_amazonefa_rdma_read_bytes | counter | bytes | port | Bytes that this node read by RDMA.
node_amazonefa_rdma_read_resp_bytes | counter | bytes | port | Bytes that others read from this node by RDMA.
node_amazonefa_rdma_read_wrs | counter | count | port | RDMA read work requests.
node_amazonefa_rdma_read_wr_err | counter | count | port | RDMA read work requests that failed.
node_amazonefa_rdma_write_bytes | counter | bytes | port | Bytes that this node wrote by RDMA.
node_amazonefa_rdma_write_recv_bytes | counter | bytes | port | Bytes that others wrote to this node by RDMA.
node_amazonefa_rdma_write_wrs | counter | count | port | RDMA write work requests.
node_amazonefa_rdma_write_wr_err | counter | count | port | RDMA write work requests that failed.
node_amazonefa_retrans_bytes | counter | bytes | port | Bytes sent again. | since driver 2.17.0
node_amazonefa_retrans_pkts | counter | count | port | Packets sent again. | since driver 2.17.0
node_amazonefa_retrans_timeout_events | counter | count | port | Packets sent again because no answer came in time. | since driver 2.17.0
node_amazonefa_unresponsive_remote_events | counter | count | port | Times that a remote node did not answer any more. | since driver 2.17.0
node_amazonefa_impaired_remote_conn_events | counter | count | port | Times that the way to a remote node was impaired. | since driver 2.17.0
"""

# Of the device, not of a port: the old exporter declared twelve of these, and never exported them.
_DEVICE = """
node_amazonefa_submitted_cmds | counter | count | | Commands that the driver gave to the device.
node_amazonefa_completed_cmds | counter | count | | Commands that the device completed.
node_amazonefa_cmds_err | counter | count | | Commands that failed.
node_amazonefa_no_completion_cmds | counter | count | | Commands that the device never answered.
node_amazonefa_keep_alive_rcvd | counter | count | | Signs of life that came from the device.
node_amazonefa_alloc_pd_err | counter | count | | Protection domains that could not be made.
node_amazonefa_create_qp_err | counter | count | | Queue pairs that could not be made.
node_amazonefa_create_cq_err | counter | count | | Completion queues that could not be made.
node_amazonefa_reg_mr_err | counter | count | | Memory regions that could not be registered.
node_amazonefa_alloc_ucontext_err | counter | count | | User contexts that could not be made.
node_amazonefa_create_ah_err | counter | count | | Address handles that could not be made.
node_amazonefa_mmap_err | counter | count | | Mappings that failed.
node_amazonefa_alloc_mr_err | counter | count | | Memory regions that could not be made; builds with kernel verbs only.
node_amazonefa_get_dma_mr_err | counter | count | | DMA memory regions that could not be had; builds with kernel verbs only.
"""

_STATE = """
node_amazonefa_state_id | gauge | code | port | State of the port: 1 down, 2 initialised, 3 armed, 4 active.
node_amazonefa_physical_state_id | gauge | code | port | Physical state of the port: 2 polling, 3 disabled, 5 link up.
node_amazonefa_rate_bytes_per_second | gauge | bytes/s | port | Line rate of the port in one direction.
"""

EMITTER = Emitter(
    id="efa",
    title="seatrial observe export, collector efa",
    ours=True,
    port=9109,
    source="driver r3.1.0 of https://github.com/amzn/amzn-drivers (kernel/linux/efa), and the exporter of "
    "https://github.com/awslabs/awsome-distributed-training (3.efa-node-exporter), whose names it keeps",
    labels=("device",),
).with_metrics(_PORT, _DEVICE, _STATE)
