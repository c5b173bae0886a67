"""Whether whoever deploys can reach what is to be installed into."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.findings import Finding
from seatrial.preflight.site import PASS, WARN, Site, rule

REACH = rule(
    "reach",
    (PASS, WARN),
    reads="the templates",
    expected="the Kubernetes API server answers where this command runs",
    why="the stack would stand after a quarter of an hour, and then nothing could be installed in it",
    remedy="name the addresses that you are seen by in the internet as allowed_addresses, or deploy from the VPC",
    source="https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
    good="203.0.113.7/32 may ask the API server",
    bad="the API server answers inside the VPC alone",
)


def look(site: Site) -> Iterator[Finding]:
    """One for each cluster. Whether this machine is in the VPC, or one of those allowed, nobody here knows."""
    for cluster in site.resources("AWS::EKS::Cluster"):
        network = cluster["ResourcesVpcConfig"]
        if network.get("EndpointPublicAccess", True):
            allowed = ", ".join(network.get("PublicAccessCidrs", ["all of the internet"]))
            yield REACH.finding(PASS, f"{allowed} may ask the API server")
        else:
            yield REACH.finding(WARN, "the API server answers inside the VPC alone")
