"""A deployment as a picture, drawn from what it renders: zones, subnets, what stands in them, what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.architectures import Deployment

__all__ = ["diagram"]


def diagram(deployment: Deployment) -> str:
    """The deployment and all that it needs, as an SVG that needs no page around it."""
    from seatrial.diagram.drawing import draw
    from seatrial.diagram.scene import scene

    return draw(scene(deployment))
