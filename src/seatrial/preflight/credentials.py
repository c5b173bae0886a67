"""Whether AWS takes the credentials."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.findings import Finding
from seatrial.preflight.site import PASS, UNKNOWN, Site, rule

CREDENTIALS = rule(
    "credentials",
    (PASS, UNKNOWN),
    reads="sts get-caller-identity",
    expected="AWS takes the credentials of the profile, or of the environment",
    why="without them nothing can be asked, and nothing be created",
    remedy="aws sso login, or aws configure; or name another profile",
    source="https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html",
    good="arn:aws:iam::111122223333:user/alice",
    bad="the token of profile lab has expired",
)


def look(site: Site) -> Iterator[Finding]:
    """As whom AWS is asked."""
    yield CREDENTIALS.finding(PASS, site.identity["Arn"])
