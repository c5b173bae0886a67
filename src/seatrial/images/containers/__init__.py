"""Container images: one for each case, and a second for some, as a Dockerfile with all that it copies."""

from seatrial.images.containers.bill import bom
from seatrial.images.containers.definitions import FURTHER, definition
from seatrial.images.containers.rendering import PYTHON, render

__all__ = ["FURTHER", "PYTHON", "bom", "definition", "render"]
