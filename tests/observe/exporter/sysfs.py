"""Trees as the EFA driver makes them under /sys: after r3.1.0 of amzn-drivers; none was recorded on an EFA node."""

from __future__ import annotations

from pathlib import Path

from seatrial.observe.catalogue import EMITTERS

NOT_COUNTERS = ("info", "state_id", "physical_state_id", "rate_bytes_per_second")
NAMES = {
    metric.name.removeprefix("node_amazonefa_"): "port" in metric.labels
    for metric in EMITTERS["efa"].metrics
    if not metric.name.endswith(NOT_COUNTERS)
}
"""Counter -> whether it is one of a port."""


def device(sys: Path, name: str = "rdmap0s0", value: int = 1000, vendor: str = "0x1d0f") -> Path:
    """Makes a device, whose counters have `value`, one more each. Returns its folder."""
    folder = sys / "class/infiniband" / name
    for place in ("device", "hw_counters", "ports/1/hw_counters"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "device/vendor").write_text(f"{vendor}\n")
    (folder / "ports/1/state").write_text("4: ACTIVE\n")
    (folder / "ports/1/phys_state").write_text("5: LinkUp\n")
    (folder / "ports/1/rate").write_text("100 Gb/sec (4X EDR)\n")
    for number, counter in enumerate(NAMES):
        path(folder, counter).write_text(f"{value + number}\n")
    return folder


def path(folder: Path, counter: str) -> Path:
    """The file of a counter."""
    return folder / ("ports/1/hw_counters" if NAMES[counter] else "hw_counters") / counter
