"""A cluster whose API server answers inside the VPC alone is one that not everybody can install into."""

from __future__ import annotations

import pytest

from seatrial.findings import Verdict
from seatrial.preflight import reach
from tests.preflight.conftest import site

CLUSTER = "Resources: {{Cluster: {{Type: 'AWS::EKS::Cluster', Properties: {{ResourcesVpcConfig: {network}}}}}}}"


@pytest.mark.parametrize(
    ("network", "verdict", "told"),
    [
        ("{EndpointPublicAccess: false}", Verdict.WARN, "the API server answers inside the VPC alone"),
        ("{}", Verdict.PASS, "all of the internet may ask the API server"),
        (
            "{EndpointPublicAccess: true, PublicAccessCidrs: [203.0.113.7/32, 198.51.100.0/24]}",
            Verdict.PASS,
            "203.0.113.7/32, 198.51.100.0/24 may ask the API server",
        ),
        ("{EndpointPublicAccess: true}", Verdict.PASS, "all of the internet may ask the API server"),
    ],
)
def test_where_the_api_server_answers(network: str, verdict: Verdict, told: str) -> None:
    (found,) = reach.look(site(template=CLUSTER.format(network=network)))
    assert (found.check, found.verdict, found.observed) == ("arch.reach", verdict, told)


def test_nothing_is_said_without_a_cluster() -> None:
    assert [*reach.look(site())] == []
