"""What a dashboard is, as plain values: its panels with their queries, and what can be chosen above them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seatrial.errors import Problem, UserError
from seatrial.observe import catalogue
from seatrial.observe.catalogue import METRICS
from seatrial.observe.dashboards.units import unit_of

MOST = 16
"""Panels of a dashboard: more are not looked at."""

Kind = Literal["lines", "stat", "word", "table", "heatmap"]
"""`stat` shows the newest value, `word` the legend in its place, `table` a row for each series that there is now."""

SCOPES: Mapping[str, tuple[str, ...]] = {
    "CLUSTER": ("cluster",),
    "RUN": ("cluster", "run"),
    "NODE": ("cluster", "node"),
    "RANK": ("cluster", "run", "node"),
    "GPU": ("cluster", "node", "gpu"),
}
"""What stands first between a selector's braces -> the variables that choose its series: ``train_loss{RUN}``."""

LABELS: Mapping[str, str] = {"cluster": "cluster", "run": "run_id", "node": "node", "gpu": "gpu"}
"""Variable -> the label that it chooses by, in the order in which they stand above the panels."""

_SCOPE = re.compile(r"\{(" + "|".join(SCOPES) + r")\b")


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    scoped: Mapping[str, str]
    """Legend -> PromQL, with names of `SCOPES` in it. A legend names labels as Grafana does: ``{{rank}}``."""
    kind: Kind = "lines"
    stated: str = ""
    """Unit, where it cannot be derived from the query."""
    about: str = ""
    """What the help of its metrics does not say: what to look for."""
    fill: bool = False
    """Whether the lines are shares of one whole, and are stacked."""

    @property
    def queries(self) -> Mapping[str, str]:
        """Legend -> PromQL, with Grafana's variables."""
        return {legend: _SCOPE.sub(_matchers, text) for legend, text in self.scoped.items()}

    @property
    def variables(self) -> frozenset[str]:
        """Those that its queries use."""
        return frozenset(
            name for text in self.scoped.values() for scope in _SCOPE.findall(text) for name in SCOPES[scope]
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that its queries use."""
        words = (word for text in self.scoped.values() for word in re.findall(r"\w+", text))
        return tuple(dict.fromkeys(word for word in words if word in METRICS))

    @property
    def unit(self) -> str:
        """Of its values. Raises UserError if it is not known."""
        if self.stated:
            return self.stated
        first, *others = {unit_of(promql) for promql in self.queries.values()}
        if first is None or others:
            remedy = "state its unit: its queries have no common one that follows from their metrics"
            raise UserError(Problem("has no unit", f"panel {self.title!r}", remedy))
        return first

    @property
    def labels(self) -> frozenset[str]:
        """Labels that the series of all its queries have."""
        return frozenset.intersection(*(catalogue.labels(promql) or frozenset() for promql in self.queries.values()))

    @property
    def description(self) -> str:
        """What to look for, and what each metric is: Markdown."""
        told = [f"`{name}`: {METRICS[name].help}" for name in self.metrics]
        return "\n\n".join(filter(None, (self.about, *told)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """One page of panels."""

    name: str
    title: str
    about: str
    nodes: str = ""
    """The metric whose nodes can be chosen from; empty: there is no such choice."""
    panels: tuple[Panel, ...]

    @property
    def uid(self) -> str:
        """Its identity in Grafana, whatever its title and folder are."""
        return f"seatrial-{self.name}"

    @property
    def path(self) -> str:
        """Where it is, below Grafana's address."""
        return f"/d/{self.uid}"

    @property
    def variables(self) -> tuple[str, ...]:
        """What can be chosen above the panels; the data source can always be."""
        used = frozenset[str]().union(*(panel.variables for panel in self.panels))
        return tuple(name for name in LABELS if name in used)


def _matchers(found: re.Match[str]) -> str:
    return "{" + ", ".join(f'{LABELS[name]}=~"${name}"' for name in SCOPES[found[1]])
