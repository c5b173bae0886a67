"""What Prometheus and Alertmanager say about themselves and about what they scrape."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_SCRAPES = """
up | gauge | bool | | Whether the newest scrape of a target succeeded.
scrape_duration_seconds | gauge | seconds | | How long the newest scrape took.
scrape_samples_scraped | gauge | count | | Samples that a target told.
scrape_samples_post_metric_relabeling | gauge | count | | Samples that were kept of them.
scrape_series_added | gauge | count | | Series that are new since the scrape before.
ALERTS | gauge | info | alertname, alertstate, severity, * | An alert that is pending or firing, with its labels.
ALERTS_FOR_STATE | gauge | timestamp | alertname, severity, * | Since when it is pending or firing.
"""

_PROMETHEUS = """
prometheus_build_info | gauge | info | branch, goversion, revision, version | Prometheus' version.
prometheus_config_last_reload_successful | gauge | bool | | Whether the newest configuration could be read.
prometheus_http_request_duration_seconds | histogram | seconds | handler | How long its answers took.
prometheus_tsdb_head_series | gauge | count | | Series in memory.
prometheus_tsdb_head_samples_appended_total | counter | count | type | Samples that were taken in.
prometheus_rule_evaluation_failures_total | counter | count | rule_group | Rules that could not be evaluated.
prometheus_notifications_dropped_total | counter | count | | Alerts that were lost on the way to Alertmanager.
prometheus_remote_storage_samples_pending | gauge | count | remote_name, url | Samples that wait to be written elsewhere.
prometheus_remote_storage_samples_failed_total | counter | count | remote_name, url | Samples that could not be written elsewhere.
alertmanager_notifications_failed_total | counter | count | integration | Notifications that did not reach their receiver.
"""

_PROCESS = """
process_cpu_seconds_total | counter | seconds | | Processor time of an exporter or daemon.
process_resident_memory_bytes | gauge | bytes | | Resident memory of the exporter.
process_virtual_memory_bytes | gauge | bytes | | Virtual memory of the exporter.
process_virtual_memory_max_bytes | gauge | bytes | | How much of that it may have.
process_start_time_seconds | gauge | timestamp | | When the exporter started.
process_open_fds | gauge | count | | Open files of the exporter.
process_max_fds | gauge | count | | How many it may have open.
"""

EMITTER = Emitter(
    id="prometheus",
    title="Prometheus and Alertmanager; and what every client library says about its process",
    port=9090,
    source="Prometheus 2.42 and Alertmanager 0.25 of Debian 12, November 2026; "
    "https://prometheus.io/docs/concepts/jobs_instances",
).with_metrics(_SCRAPES, _PROMETHEUS, _PROCESS)
