"""The place of a job on EC2."""

from __future__ import annotations

from seatrial.forecast.links import links
from seatrial.forecast.traffic import Place
from seatrial.hardware import accelerators, instances


def place(instance_type: str) -> Place:
    """Nodes of that type, joined by EFA. ValueError, with what is not known of them; UserError for an unknown type."""
    instance, found = instances.instance(instance_type), links(instance_type)
    assert instance.accelerator is not None  # links knows no others
    chip = accelerators.accelerator(instance.accelerator)
    if chip.ranks_per_accelerator > 1:
        raise ValueError(
            f"nobody has published what one of {chip.ranks_per_accelerator} ranks reaches of a {chip.name}"
        )
    if found.between is None or (found.inside is None and found.domain > 1):
        raise ValueError(f"of {instance_type} is not known: {', '.join(found.unknown)}")
    return Place(accelerator=instance.accelerator, links=found, fabric="efa" if instance.efa_interfaces else "ethernet")
