"""Rules about those that tell all this: exporters that are gone, and Prometheus itself."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.observe.rules.rule import Alert, Topic

DOWN = Alert(
    name="ExporterDown",
    expr="up == 0",
    hold="5m",
    severity="warning",
    summary="{{ $labels.job }} of {{ $labels.instance }} does not answer",
    runbook="Nothing of what it tells is known now, and no alert on it can fire. See whether the node is up, its "
    "unit runs (`systemctl status`, `kubectl get pods`), and its security group lets Prometheus in.",
    source="Prometheus: up is 0 after a scrape that failed",
    dashboard="health",
    labels='job="seatrial", instance="n1:9109"',
    says="seatrial of n1:9109 does not answer",
    fires='up{job="seatrial", instance="n1:9109"}  0x90 1x119',
    quiet='up{job="seatrial", instance="n1:9109"}  0x3 1x206',
)

GONE = Alert(
    name="ExporterGone",
    expr="max by (cluster, job) (last_over_time(up[6h])) unless on (cluster, job) up",
    hold="5m",
    severity="critical",
    summary="there is no {{ $labels.job }} left to ask",
    runbook="Service discovery finds none any more, so that even ExporterDown is silent: the file of targets is empty, a "
    "label or a tag was changed, or Prometheus may not list them. The alert ends by itself 6 hours after the last one.",
    source="arithmetic: there was one within the last 6 hours, and there is none now",
    dashboard="health",
    labels='job="dcgm"',
    says="there is no dcgm left to ask",
    fires="""
up{job="dcgm", instance="n1:9400"}  1x60 _x30 1x119
up{job="node", instance="n1:9100"}  1x210
""",
    quiet="""
up{job="dcgm", instance="n1:9400"}  1x60
up{job="dcgm", instance="n2:9400"}  _x50 1x160
""",
)

COLLECTOR = Alert(
    name="CollectorFailing",
    expr="max by (cluster, node, instance, collector) (seatrial_collector_success) == 0",
    hold="10m",
    severity="warning",
    summary="collector {{ $labels.collector }} of {{ $labels.instance }} cannot read all that it looks at",
    runbook="What it serves is incomplete, or as old as seatrial_collector_timestamp_seconds says. The log of "
    "`seatrial observe export` names each thing that it lacks.",
    source="docs/observe.md: what a collector says of itself",
    dashboard="health",
    labels='node="n1", instance="n1:9109", collector="efa"',
    says="collector efa of n1:9109 cannot read all that it looks at",
    fires='seatrial_collector_success{node="n1", instance="n1:9109", collector="efa"}  0x90 1x119',
    quiet='seatrial_collector_success{node="n1", instance="n1:9109", collector="efa"}  0x5 1x204',
)

TEXTFILE = Alert(
    name="TextfileStale",
    expr="time() - max by (cluster, node, file) (node_textfile_mtime_seconds) > $seconds",
    values={"seconds": 3600},
    hold="5m",
    severity="info",
    summary="{{ $labels.file }} of {{ $labels.node }} was written {{ $value | humanizeDuration }} ago",
    runbook="node_exporter serves old values for new ones. Its writer does not run any more; of NCCL Inspector a file that "
    "stays behind after a job is to be removed by the epilog.",
    source="our judgement: an hour",
    dashboard="health",
    labels='node="n1", file="/run/textfile/seatrial.prom"',
    says="/run/textfile/seatrial.prom of n1 was written 1h 20m 0s ago",
    fires='node_textfile_mtime_seconds{node="n1", file="/run/textfile/seatrial.prom"}  0x90 5460+60x119',
    quiet='node_textfile_mtime_seconds{node="n1", file="/run/textfile/seatrial.prom"}  0+60x210',
)

RULES = Alert(
    name="PrometheusRulesFail",
    expr="sum by (cluster, instance, rule_group) (increase(prometheus_rule_evaluation_failures_total[15m])) > 0",
    hold="0s",
    severity="critical",
    summary="rules of {{ $labels.rule_group }} cannot be evaluated",
    runbook="Alerts of that group cannot fire. Prometheus' log has the error; most often two exporters tell the same series.",
    source="Prometheus: what it counts about itself",
    dashboard="health",
    labels='instance="p:9090", rule_group="seatrial.yml;seatrial-gpu"',
    says="rules of seatrial.yml;seatrial-gpu cannot be evaluated",
    fires='prometheus_rule_evaluation_failures_total{instance="p:9090", rule_group="seatrial.yml;seatrial-gpu"}  0x70 0+1x20 20x119',
    quiet='prometheus_rule_evaluation_failures_total{instance="p:9090", rule_group="seatrial.yml;seatrial-gpu"}  7x210',
)

NOTIFICATIONS = Alert(
    name="AlertsNotDelivered",
    expr="sum by (cluster, instance) (increase(prometheus_notifications_dropped_total[15m])) > 0"
    " or sum by (cluster, instance) (increase(alertmanager_notifications_failed_total[15m])) > 0",
    hold="5m",
    severity="critical",
    summary="alerts of {{ $labels.instance }} reach nobody",
    runbook="Alertmanager is out of reach of Prometheus, or a receiver refuses what it gets: their logs say which.",
    source="Prometheus and Alertmanager: what they count about themselves",
    dashboard="health",
    labels='instance="a:9093"',
    says="alerts of a:9093 reach nobody",
    fires='alertmanager_notifications_failed_total{instance="a:9093", integration="webhook"}  0+1x90 90x119',
    quiet='alertmanager_notifications_failed_total{instance="a:9093", integration="webhook"}  7x210',
)

REMOTE = Alert(
    name="RemoteWriteFailing",
    expr="sum by (cluster, instance, remote_name) (rate(prometheus_remote_storage_samples_failed_total[5m])) > 0",
    hold="10m",
    severity="critical",
    summary="samples of {{ $labels.instance }} do not reach {{ $labels.remote_name }}",
    runbook="They are lost there. Credentials that ran out, a quota of the workspace, or labels that it does not take: the "
    "log has the answer of the other side.",
    source="Prometheus: what it counts about itself",
    dashboard="health",
    labels='instance="p:9090", remote_name="amp"',
    says="samples of p:9090 do not reach amp",
    fires='prometheus_remote_storage_samples_failed_total{instance="p:9090", remote_name="amp"}  0+60x90 5400x119',
    quiet='prometheus_remote_storage_samples_failed_total{instance="p:9090", remote_name="amp"}  7x210',
)


def absent(jobs: Sequence[str]) -> Alert:
    """That nothing of a job of the scrape configuration has ever been there, which `ExporterGone` cannot know."""
    others = "".join(f'\nup{{job="{job}", instance="n1:9000"}}  1x210' for job in jobs[1:])
    return Alert(
        name="ExporterAbsent",
        expr=" or ".join(f'absent(up{{job="{job}"}})' for job in jobs),
        hold="15m",
        severity="critical",
        summary="there is no {{ $labels.job }} to ask",
        runbook="The scrape configuration has a job of which service discovery finds nothing: no exporter was installed, or "
        "targets, tags and selectors name others.",
        source="the scrape configuration that was rendered with these rules",
        dashboard="health",
        labels=f'job="{jobs[0]}"',
        says=f"there is no {jobs[0]} to ask",
        fires=f'up{{job="{jobs[0]}", instance="n1:9000"}}  _x90 1x119{others}',
        quiet=f'up{{job="{jobs[0]}", instance="n1:9000"}}  1x210{others}',
    )


TOPIC = Topic(
    title="Exporters and Prometheus",
    alerts=(GONE, DOWN, COLLECTOR, RULES, NOTIFICATIONS, REMOTE, TEXTFILE),
)
