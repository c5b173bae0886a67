"""What is known about a metric and about who emits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Type = Literal["counter", "gauge", "histogram", "untyped"]

UNITS: Mapping[str, str] = {
    "count": "a number of things",
    "bool": "1: yes, 0: no",
    "info": "always 1; the labels say it",
    "code": "a number that stands for something",
    "step": "optimizer steps",
    "ratio": "0 to 1",
    "percent": "0 to 100",
    "seconds": "seconds",
    "milliseconds": "10^-3 s",
    "microseconds": "10^-6 s",
    "nanoseconds": "10^-9 s",
    "timestamp": "Unix seconds",
    "bytes": "bytes",
    "kilobytes": "10^3 bytes",
    "mebibytes": "2^20 bytes",
    "pages": "pages of memory",
    "sectors": "sectors of 512 bytes",
    "bytes/s": "bytes per second",
    "GB/s": "10^9 bytes per second",
    "tokens/s": "tokens per second",
    "samples/s": "samples per second",
    "FLOP/s": "floating-point operations per second",
    "nats": "a loss by the natural logarithm",
    "number": "without a unit",
    "hertz": "1/s",
    "megahertz": "10^6/s",
    "rpm": "turns per minute",
    "celsius": "degrees Celsius",
    "watts": "watts",
    "millijoules": "10^-3 J",
    "bits": "bits",
}
"""Unit -> what it means."""

TARGET_LABELS = frozenset({"job", "instance", "cluster", "node"})
"""Labels that the scrape configuration gives to every series, whoever emits it: `cluster` is the name of the cluster,
`node` the host name without a domain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric, as its emitter names it."""

    name: str
    type: Type
    """What it is. What its emitter says of it may be less: counters without ``_total`` are often told as untyped."""
    unit: str
    """One of `UNITS`."""
    labels: tuple[str, ...]
    """Its own and its emitter's, without those of the scrape; ``*`` among them: whatever others it is given."""
    help: str
    emitter: str
    since: str = ""
    """The emitter's version that has it first; empty: not known, or always."""
    old_names: tuple[str, ...] = ()
    """Older or alternative names for the same."""
    source: str
    """Who says so."""

    @property
    def series(self) -> tuple[str, ...]:
        """Names of its series."""
        return self.series_of(self.name)

    def series_of(self, name: str) -> tuple[str, ...]:
        """Names of its series where it is called `name`."""
        parts = ("_bucket", "_sum", "_count") if self.type == "histogram" else ("",)
        return tuple(name + part for part in parts)

    def all_labels(self, series: str) -> frozenset[str] | None:
        """Labels that a query of that series may name; None: any."""
        if "*" in self.labels:
            return None
        bucket = {"le"} if self.type == "histogram" and series.endswith("_bucket") else set()
        return TARGET_LABELS.union(self.labels, bucket)


@dataclass(frozen=True, kw_only=True, slots=True)
class Emitter:
    """Who emits metrics: an exporter, or a daemon with metrics of its own."""

    id: str
    title: str
    ours: bool = False
    """Whether it is a collector of `seatrial observe export`."""
    port: int | None = None
    """Where it listens by default."""
    paths: tuple[str, ...] = ("/metrics",)
    source: str
    """Document, code or recorded output that the table is after, with its version or date."""
    labels: tuple[str, ...] = ()
    """On each of its metrics."""
    old_labels: Mapping[str, str] = field(default_factory=dict)
    """Older or alternative name of a label -> its name now."""
    metrics: tuple[Metric, ...] = ()

    def with_metrics(self, *tables: str) -> Emitter:
        """The same with the metrics of tables: see `rows`."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return Emitter(**{**values, "metrics": tuple(m for table in tables for m in self._rows(table))})

    def _rows(self, table: str) -> list[Metric]:
        """Rows of ``name | type | unit | labels | help``, and perhaps ``| since VERSION; was NAME NAME``."""
        found = []
        for line in filter(None, map(str.strip, table.splitlines())):
            name, kind, unit, labels, help, *more = (cell.strip() for cell in line.split("|"))
            notes = dict(note.split(maxsplit=1) for note in "".join(more).split(";") if note.strip())
            assert kind in get_args(Type) and unit in UNITS and not set(notes) - {"since", "was"}, line
            own = tuple(labels.replace(",", " ").split())
            found.append(
                Metric(
                    name=name,
                    type=kind,  # type: ignore[arg-type]  # the line above says so
                    unit=unit,
                    labels=(*self.labels, *self.old_labels, *own),
                    help=help,
                    emitter=self.id,
                    since=notes.get("since", ""),
                    old_names=(*notes.get("was", "").split(), *_with_total(name, kind)),
                    source=self.source,
                )
            )
        return found


def family(names: str, row: str) -> str:
    """A row for each of `names`, with it in the place of ``{}``."""
    return "\n".join(row.replace("{}", name) for name in names.split())


def _with_total(name: str, kind: str) -> tuple[str, ...]:
    # What passes through an OpenTelemetry collector leaves it so, HyperPod's EFA and DCGM metrics for example.
    return (f"{name}_total",) if kind == "counter" and not name.endswith("_total") else ()
