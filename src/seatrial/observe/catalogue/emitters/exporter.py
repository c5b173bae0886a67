"""What `seatrial observe export` says about itself."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_EXPORTER = """
seatrial_collector_success | gauge | bool | collector | Whether a collector read all that it looked at.
seatrial_collector_problems | gauge | count | collector | What it could not read.
seatrial_collector_duration_seconds | gauge | seconds | collector | How long its newest pass took.
seatrial_collector_timestamp_seconds | gauge | timestamp | collector | When its newest pass ended: what is served is as old as that.
seatrial_exporter_info | gauge | info | version | The exporter's version.
"""

EMITTER = Emitter(
    id="exporter",
    title="seatrial observe export, about itself",
    ours=True,
    port=9109,
    source="docs/observe.md",
).with_metrics(_EXPORTER)
