"""What a launch template says of nodes: network interfaces, root volume, instance metadata, and how they are bought.

EC2 recommends an ordinary interface and one that is EFA alone on the first card, and one that is EFA alone on each
other card: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html, 2026-11. But containers have
interfaces of their own, on the first card as well: one of a multi-node job of Batch, further ones that the VPC CNI of
EKS adds. p5.48xlarge, p5e and trn2 have two places there (EC2 DescribeInstanceTypes). So the first interface is
ordinary and EFA in one. EFA alone takes no address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from troposphere import ec2

from seatrial.architectures._instances import Bought
from seatrial.hardware.instances import Instance


def interfaces(instance: Instance, groups: Sequence[Any]) -> Iterator[ec2.NetworkInterfaces]:
    """As many with EFA as the type takes, each with these security groups. The service itself says the subnet."""
    cards = instance.network_cards or 1
    # EFA on all cards, or on all but the first: p6-b300 has 17 cards and 16 times EFA.
    first = "efa" if instance.efa_interfaces == cards else "interface"
    for card in range(cards):
        yield ec2.NetworkInterfaces(
            NetworkCardIndex=card,
            DeviceIndex=0,
            InterfaceType="efa-only" if card else first,
            Groups=[*groups],
            DeleteOnTermination=True,  # else they stay when the node ends
        )


def closed(root_gib: int) -> dict[str, Any]:
    """An encrypted root volume, and metadata that containers do not reach."""
    root = ec2.EBSBlockDevice(Encrypted=True, VolumeType="gp3", VolumeSize=root_gib, DeleteOnTermination=True)
    return {
        "BlockDeviceMappings": [ec2.LaunchTemplateBlockDeviceMapping(DeviceName="/dev/xvda", Ebs=root)],
        # One hop: containers, which have an address of their own, do not get the node's credentials.
        "MetadataOptions": ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
    }


def bought(one: Bought) -> dict[str, Any]:
    """The reservation, group of reservations or Capacity Block, where there is one."""
    if one.reservation is None:
        return {}
    key = "CapacityReservationId" if one.reservation.startswith("cr-") else "CapacityReservationResourceGroupArn"
    target = ec2.CapacityReservationTarget(**{key: one.reservation})
    found = {"CapacityReservationSpecification": ec2.CapacityReservationSpecification(CapacityReservationTarget=target)}
    if one.capacity == "capacity-block":
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-using.html
        found["InstanceMarketOptions"] = ec2.InstanceMarketOptions(MarketType="capacity-block")
    return found
