"""A bill holds what is needed, too; what is unknown is named, and never counts as nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from seatrial.architectures import Architecture, ArchitectureParams, Deployment, Instances, Usage
from seatrial.prices import bill, hourly


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A cluster, or its network."""

    capacity: str = "on-demand"
    network: str | None = None


def network(params, facts):
    return [
        Usage(what="NAT gateway", item="nat-gateway", quantity=2),
        Usage(what="Lustre", item="fsx-lustre/125", quantity=7300),
    ]


def machines(params, facts):
    head = Instances(what="head node", instance_type="m5.8xlarge", at_least=1, at_most=1)
    queue = Instances(what="queue gpu", instance_type="p5.48xlarge", at_least=0, at_most=4, capacity=params.capacity)
    return [head, queue]


NETWORK = Architecture(name="network", title="", Params=Params, render=None, usage=network)
CLUSTER = Architecture(name="cluster", title="", Params=Params, render=None, instances=machines)


def deployment(capacity="on-demand", region="us-east-1"):
    net = Deployment(name="net", architecture=NETWORK, params=Params(region=region))
    params = Params(region=region, capacity=capacity)
    return Deployment(name="mine", architecture=CLUSTER, params=params, needs={"network": net})


def test_a_bill_holds_what_is_needed_too():
    found = bill(deployment())
    assert [line.what for line in found.lines] == [
        "net: NAT gateway", "net: Lustre", "mine: head node", "mine: queue gpu",
    ]  # fmt: skip
    idle = 2 * 0.045 + 10 * 0.145 + 1.536
    assert found.at_least == pytest.approx(idle) and found.at_most == pytest.approx(idle + 4 * 55.04)
    assert found.complete and found.region == "us-east-1"
    assert str(found) == "$3.08/h idle, $223.24/h with everything running"


@pytest.mark.parametrize(
    ("capacity", "why"),
    [
        ("spot", "change by the hour"),
        ("capacity-block", "a Capacity Block is paid in advance"),
        ("training-plan", "a training plan is paid in advance"),
    ],
)
def test_capacity_without_a_list_price_is_unknown(capacity, why):
    found = bill(deployment(capacity))
    assert not found.complete and [line.what for line in found.unknown] == ["mine: queue gpu"]
    assert found.at_most == found.at_least  # of what is known
    assert str(found).startswith(
        "at least $3.08/h idle, at least $3.08/h with everything running; unknown: mine: queue"
    )
    assert why in str(found)


def test_what_sagemaker_runs_has_no_price_of_ec2():
    nodes = Instances(what="group gpu", service="sagemaker", instance_type="p5.48xlarge", at_least=2, at_most=2)
    found = hourly("us-east-1", [nodes])
    assert not found.complete and found.at_most == 0
    assert str(found).endswith("no price of sagemaker/ml.p5.48xlarge in us-east-1 is known)")


def test_a_reservation_costs_what_would_run_in_it():
    assert bill(deployment("reservation")).at_most == bill(deployment()).at_most


def test_a_region_without_prices_is_unknown_and_says_what_to_do():
    found = bill(deployment(region="eu-west-3"))
    assert len(found.unknown) == 4 and found.at_most == 0
    assert "no price of nat-gateway in eu-west-3 is known: seatrial prices refresh --region eu-west-3" in str(found)
    assert "no price of fsx-lustre/125 in eu-west-3 is known)" in str(found)  # which refresh does not ask for


def test_what_is_not_there_costs_nothing_whether_its_price_is_known_or_not():
    found = hourly("eu-west-3", usages=[Usage(what="NAT", item="nat-gateway", quantity=0)])
    assert found.complete and str(found) == "$0.00/h"


def test_small_sums_are_not_rounded_to_nothing():
    found = hourly("us-east-1", usages=[Usage(what="secret", item="secret", quantity=1)])
    assert str(found) == "$0.0005/h"
