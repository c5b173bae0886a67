"""The network interfaces of a node.

EC2's layout: the first interface of the first card is an ordinary one, by which the node has its address. EFA beside it
on the same card, where that card has EFA, and alone on each other card: EFA alone takes no address.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html, 2026-11
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import ec2

from seatrial.hardware import Instance


def interfaces(instance: Instance, group: Any) -> Iterator[ec2.NetworkInterfaces]:
    """As many with EFA as the type takes. Batch itself says the subnet."""
    yield _interface(group, 0, 0)
    cards = instance.network_cards or 1
    # EFA on all cards, or on all but the first: p6-b300 has 17 cards and 16 times EFA.
    if instance.efa_interfaces == cards:
        yield _interface(group, 0, 1, InterfaceType="efa-only")
    for card in range(1, cards):
        yield _interface(group, card, 0, InterfaceType="efa-only")


def _interface(group: Any, card: int, device: int, **more: str) -> ec2.NetworkInterfaces:
    return ec2.NetworkInterfaces(
        NetworkCardIndex=card, DeviceIndex=device, Groups=[group], DeleteOnTermination=True, **more
    )
