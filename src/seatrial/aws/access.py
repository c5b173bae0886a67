"""As whom AWS is asked, and where that was said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """As whom and where AWS is asked, and where that was said."""

    profile: str | None
    """Profile of AWS's own configuration; None: the environment's own credentials."""
    region: str | None
    """Region; None: the profile's, or AWS_REGION."""
    where: str
    """Place of what needs AWS, for problems: ``clusters.p5``."""
    settings: str
    """Place of the keys ``profile`` and ``region``: ``clusters.p5.options``."""
    look: str
    """Command that shows what AWS may have refused."""
