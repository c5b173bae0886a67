"""docs/metrics.md, from the metric catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.observe.catalogue import EMITTERS, TARGET_LABELS, UNITS, Emitter, Metric
from tests.docs.tables import table

HEAD = f"""\
# Metrics

This page is written from the metric catalogue, `make goldens` writes it anew. [observe.md](observe.md) says how the
metrics get to Prometheus. Rules, dashboards and scrape configurations may name what stands here, and nothing else:
`seatrial.observe.catalogue.check_query` finds a name or a label in a PromQL expression that nobody emits.

Every series has the labels {", ".join(f"`{name}`" for name in sorted(TARGET_LABELS))} besides: the scrape gives them.
A counter whose name does not end in `_total` may have it where it came through an OpenTelemetry collector, which
appends it; both names are known.

"""


def page() -> str:
    """The whole page."""
    emitters = sorted(EMITTERS.values(), key=lambda emitter: not emitter.ours)
    rows = ((f"[`{e.id}`](#{e.id})", e.title, f"`{e.port}`", str(len(e.metrics))) for e in emitters)
    used = {metric.unit for emitter in emitters for metric in emitter.metrics}
    return "\n".join(
        (
            HEAD + table(("emitter", "what it is", "port", "metrics"), rows),
            table(("unit", "means"), ((f"`{unit}`", words) for unit, words in UNITS.items() if unit in used)),
            *(part for emitter in emitters for part in _emitter(emitter)),
        )
    )


def _emitter(emitter: Emitter) -> Iterator[str]:
    labels = f" On all of them: {_code(emitter.labels)}." if emitter.labels else ""
    old = "".join(f" `{old}` is another name of `{now}`." for old, now in emitter.old_labels.items())
    paths = "" if emitter.paths == ("/metrics",) else f" At {_code(emitter.paths)}."
    yield f"## `{emitter.id}`\n\n{emitter.title}.{paths}{labels}{old} *Source:* {emitter.source}.\n"
    yield table(
        ("metric", "type", "unit", "labels", "what it says", "since"),
        (_row(emitter, metric) for metric in emitter.metrics),
    )


def _row(emitter: Emitter, metric: Metric) -> tuple[str, ...]:
    own = [label for label in metric.labels if label not in (*emitter.labels, *emitter.old_labels)]
    old = [name for name in metric.old_names if name != f"{metric.name}_total"]
    said = metric.help + (f" Elsewhere called {_code(old)}." if old else "")
    return f"`{metric.name}`", metric.type, f"`{metric.unit}`", _code(own), said, metric.since


def _code(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
