"""Our collector of Slurm, for what Slurm itself does not tell, and for versions before 25.11."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_OURS = """
slurm_node_state | gauge | info | node, state | State of a node, as sinfo says it, without flags.
slurm_node_reason_info | gauge | info | node, reason, user | Why a node is drained, down or failing, and who says so. | was slurm_node_drain_reason_info
slurm_node_reason_timestamp_seconds | gauge | timestamp | node | Since when. | was slurm_node_drain_since_timestamp_seconds
slurm_jobs_pending_by_reason | gauge | count | partition, reason | Jobs that wait, by reason.
"""

EMITTER = Emitter(
    id="slurm_collector",
    title="seatrial observe export, collector slurm",
    ours=True,
    port=9109,
    source="sinfo and squeue of Slurm 22.05; names of nodes and jobs by state are those of Slurm's own OpenMetrics",
).with_metrics(_OURS)
