"""What is said about a run: text for the terminal, Markdown, JSON, and one self-contained HTML page.

`render` and `write` are the way in. Everything that a format shows is computed once, in `seatrial.report.summary`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.findings import Finding
    from seatrial.runs import Run

Links = Sequence[tuple[str, str]]
"""What something is, and its address."""

FORMATS = ("html", "md", "json", "text")
"""Names that `render` takes."""


def render(run: Run, findings: list[Finding], format: str, links: Links = ()) -> str:
    """The report of a run in one of FORMATS. `links`: where else it can be looked at. Raises UserError if the run's job
    cannot be read."""
    # Not at the top: a progress line, or a forecast, needs a module or two of these, and should not wait for all.
    from seatrial.masking import mask_forms
    from seatrial.report.html import to_html
    from seatrial.report.record import to_json
    from seatrial.report.summary import summarise
    from seatrial.report.text import to_markdown, to_text

    renderers = {"html": to_html, "md": to_markdown, "json": to_json, "text": to_text}
    text = renderers[format](summarise(run, findings, links))
    # A folder's name may hold bytes that are no UTF-8 (lone surrogates in Python), which no file could take.
    return mask_forms(text).encode("utf-8", "replace").decode("utf-8")


def write(run: Run, findings: list[Finding], links: Links = ()) -> Path:
    """Write the page of a run into its folder, replacing an older one."""
    from seatrial.runs import replace_text

    replace_text(run.report_path, render(run, findings, "html", links))
    return run.report_path
