"""Our collector of what `seatrial check node` found, and of quarantine."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_HEALTH = """
seatrial_node_findings | gauge | count | check, verdict, severity | Findings of the node's newest check, by rule, verdict and severity.
seatrial_node_verdict | gauge | info | verdict | What they come to.
seatrial_node_checked_timestamp_seconds | gauge | timestamp | level | When the node was checked last.
seatrial_node_quarantined | gauge | info | check, level | The scheduler keeps jobs away from the node by a mark of ours; a check of that level lifts it.
"""

EMITTER = Emitter(
    id="health",
    title="seatrial observe export, collector health",
    ours=True,
    port=9109,
    source="docs/healthy.md",
    labels=("node",),
).with_metrics(_HEALTH)
