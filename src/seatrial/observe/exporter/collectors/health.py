"""What the newest `seatrial check node` of this machine found, and which nodes the scheduler keeps away by our mark."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from seatrial.checks import last
from seatrial.checks.quarantine import Mark
from seatrial.errors import UserError
from seatrial.findings import overall
from seatrial.observe.exporter.collecting import Collected
from seatrial.observe.exporter.exposition import labels, line

Reasons = Callable[[], Mapping[str, str]]
"""Node -> why the scheduler keeps it away, empty if it does not. Raises UserError if it is out of reach."""


class Health:
    """The collector."""

    def __init__(self, folder: Path, reasons: Reasons | None = None) -> None:
        """`folder`: where a check keeps its findings; `reasons`: None where there is no scheduler to ask."""
        self._folder, self._reasons = folder, reasons

    def collect(self) -> Collected:
        """Reads both; a node that was never checked has no series, which is a problem."""
        told: dict[str, list[str]] = defaultdict(list)
        problems: list[str] = []
        try:
            self._check(told)
        except (OSError, ValueError, LookupError, TypeError) as error:
            problems.append(f"{self._folder / last.FILE}: {getattr(error, 'strerror', None) or error}")
        try:
            for node, reason in sorted((self._reasons() if self._reasons else {}).items()):
                mark = Mark.of(reason)
                if mark is not None:
                    about = labels(node=node, check=mark.check, level=mark.level)
                    told["seatrial_node_quarantined"].append(line("seatrial_node_quarantined", about, 1))
        except UserError as error:
            problems += [problem.what for problem in error.problems]
        return Collected({name: "".join(lines) for name, lines in told.items()}, tuple(problems))

    def _check(self, told: dict[str, list[str]]) -> None:
        checked = last.read(self._folder)
        counts = Counter((finding.check, finding.verdict, finding.severity) for finding in checked.findings)
        for (check, verdict, severity), count in sorted(counts.items()):
            about = labels(node=checked.node, check=check, verdict=verdict, severity=severity)
            told["seatrial_node_findings"].append(line("seatrial_node_findings", about, count))
        for metric, about, value in (
            ("seatrial_node_verdict", labels(node=checked.node, verdict=overall(checked.findings)), 1),
            ("seatrial_node_checked_timestamp_seconds", labels(node=checked.node, level=checked.level), checked.time),
        ):
            told[metric].append(line(metric, about, value))
