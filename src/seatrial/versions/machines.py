"""What machine images are made with: Packer and its plugins."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.pins import Pin

PACKER = Pin(
    version="1.14.0",
    source="https://developer.hashicorp.com/packer/integrations/hashicorp/amazon: from it on `packer init` fetches "
    "HashiCorp's own plugins from releases.hashicorp.com",
    seen="2026-11",
)
"""The oldest that builds machine images."""

PACKER_PLUGINS: Mapping[str, Pin] = {
    "amazon": Pin(
        version="1.8.2",
        source="https://github.com/awslabs/awsome-distributed-ai, its template of machine images, September 2026",
        seen="2026-11",
        newest="1.8.3 and later are out, untried",
    ),
    "ansible": Pin(
        version="1.1.6",
        source="https://github.com/awslabs/awsome-distributed-ai, its template of machine images, September 2026",
        seen="2026-11",
    ),
}
"""Plugin of github.com/hashicorp -> version."""
