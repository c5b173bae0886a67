"""Profiles as one HTML page that needs nothing from elsewhere."""

from __future__ import annotations

from seatrial.profiles import Profiles
from seatrial.report.html import SYMBOLS, page
from seatrial.report.profile_shown import shown


def to_html(title: str, profiles: Profiles) -> str:
    """The page of profiles, whether a run's or anybody's."""
    return page("profile", title=title, profile=shown(profiles), symbols=SYMBOLS)
