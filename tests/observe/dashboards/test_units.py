"""Units of queries."""

from __future__ import annotations

import pytest

from seatrial.observe.dashboards.units import unit_of


@pytest.mark.parametrize(
    ("promql", "unit"),
    [
        ("train_loss", "nats"),
        ("-(train_loss)", "nats"),
        ("max_over_time(train_loss[1h:1m])", "nats"),
        ("quantile by (run_id) (0.5, train_step_work_seconds)", "seconds"),
        ("topk(5, train_step_work_seconds)", "seconds"),
        ("count(train_loss)", "count"),
        ("rate(node_network_receive_bytes_total[5m])", "bytes/s"),
        ("increase(node_network_receive_bytes_total[5m])", "bytes"),
        ("rate(node_cpu_seconds_total[5m])", "ratio"),
        ("rate(train_restarts_total[5m])", "count/s"),
        ("1 - rate(node_cpu_seconds_total[5m])", "ratio"),
        ("1 - train_loss", None),
        ("node_memory_MemFree_bytes / node_memory_MemTotal_bytes", "ratio"),
        ("train_checkpoint_bytes / train_checkpoint_seconds", "bytes/s"),
        ("train_checkpoint_seconds / train_checkpoint_bytes", None),
        ("node_memory_MemTotal_bytes - node_memory_MemFree_bytes", "bytes"),
        ("node_memory_MemTotal_bytes - train_step", None),
        ("time() - node_boot_time_seconds", "seconds"),
        ("time() + node_boot_time_seconds", "timestamp"),
        ("node_boot_time_seconds", "timestamp"),
        ("DCGM_FI_DEV_SM_CLOCK * 1e6", None),
        ("rate(DCGM_FI_DEV_POWER_VIOLATION[5m]) / 1e9", None),
        ("rate(DCGM_FI_DEV_POWER_VIOLATION[5m])", None),
        ("train_loss * on (run_id) group_left () train_run_info", "nats"),
        ("train_loss > 1", "nats"),
        ("train_loss or vector(0)", "nats"),
        ("scalar(train_loss)", None),
        ("1", None),
        ('{__name__=~"train_loss"}', None),
    ],
)
def test_it_follows_from_the_metrics(promql: str, unit: str | None) -> None:
    assert unit_of(promql) == unit
