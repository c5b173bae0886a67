"""The text format, as the client library reads it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from seatrial.observe.exporter.exposition import labels, line, text


@given(st.text(max_size=20), st.text(max_size=20), st.floats() | st.integers(0, 2**53))
def test_what_is_written_is_read(check: str, verdict: str, value: float) -> None:
    served = text({"train_findings": line("train_findings", labels(check=check, verdict=verdict), value)}).decode()
    (family,) = text_string_to_metric_families(served)
    (sample,) = family.samples
    assert sample.labels == {"check": check, "verdict": verdict}
    assert sample.value == value or (math.isnan(sample.value) and math.isnan(value))


def test_heads_say_what_the_catalogue_says() -> None:
    served = text({"train_tokens_total": line("train_tokens_total", "", 3), "train_loss": ""}).decode()
    assert served.splitlines()[1:] == ["# TYPE train_tokens_total counter", "train_tokens_total 3"]
    assert served.startswith("# HELP train_tokens_total Tokens trained on")


def test_a_counter_without_total_is_untyped() -> None:
    assert b"# TYPE node_amazonefa_tx_bytes untyped\n" in text(
        {"node_amazonefa_tx_bytes": "node_amazonefa_tx_bytes 1\n"}
    )
