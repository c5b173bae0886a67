"""The network interfaces of a node.

EC2 recommends an ordinary interface and one that is EFA alone on the first card, and one that is EFA alone on each
other card: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html, 2026-11. But a container of a
multi-node job has an interface of its own, on the first card as well, and p5.48xlarge, p5e and trn2 have two places
there (EC2 DescribeInstanceTypes). So the first interface is ordinary and EFA in one. EFA alone takes no address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import ec2

from seatrial.hardware import Instance


def interfaces(instance: Instance, group: Any) -> Iterator[ec2.NetworkInterfaces]:
    """As many with EFA as the type takes. Batch itself says the subnet."""
    cards = instance.network_cards or 1
    # EFA on all cards, or on all but the first: p6-b300 has 17 cards and 16 times EFA.
    first = "efa" if instance.efa_interfaces == cards else "interface"
    for card in range(cards):
        yield ec2.NetworkInterfaces(
            NetworkCardIndex=card,
            DeviceIndex=0,
            InterfaceType="efa-only" if card else first,
            Groups=[group],
            DeleteOnTermination=True,  # else they stay when the node ends
        )
