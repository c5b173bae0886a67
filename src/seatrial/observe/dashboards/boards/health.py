"""What is wrong: alerts, findings about nodes and runs, quarantine, and who does not tell anything."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

DASHBOARD = Dashboard(
    name="health",
    title="Health",
    about="What is wrong, which nodes are kept away from jobs, and what nobody can see.",
    nodes="up",
    panels=(
        Panel(
            "Alerts that fire",
            {"{{alertname}}": 'count by (alertname, severity, cluster, node) (ALERTS{CLUSTER, alertstate="firing"})'},
            "table",
        ),
        Panel("Alerts", {"{{severity}}": 'count by (severity) (ALERTS{CLUSTER, alertstate="firing"})'}),
        Panel("Nodes by verdict", {"{{verdict}}": "count by (verdict) (seatrial_node_verdict{NODE})"}, fill=True),
        Panel(
            "Nodes that are not PASS",
            {"{{node}}": 'max by (cluster, node, verdict) (seatrial_node_verdict{NODE, verdict!="PASS"})'},
            "table",
        ),
        Panel(
            "Findings about nodes that are not PASS",
            {
                "{{node}}": 'sum by (cluster, node, check, verdict, severity) (seatrial_node_findings{NODE, verdict!~"PASS|SKIP"}) > 0'
            },
            "table",
        ),
        Panel(
            "Nodes in quarantine",
            {"{{node}}": "max by (cluster, node, check, level) (seatrial_node_quarantined{NODE})"},
            "table",
        ),
        Panel("In quarantine", {"{{check}}": "count by (check) (seatrial_node_quarantined{NODE})"}),
        Panel(
            "Longest not checked",
            {"{{node}}": "topk(5, time() - max by (node) (seatrial_node_checked_timestamp_seconds{NODE}))"},
        ),
        Panel("Runs by verdict", {"{{verdict}}": "count by (verdict) (train_verdict{CLUSTER})"}),
        Panel(
            "Findings about runs that are not PASS",
            {"{{check}}": 'sum by (check, verdict) (train_findings{CLUSTER, verdict!~"PASS|SKIP"})'},
        ),
        Panel("Xids", {"{{node}}, Xid {{xid}}": "sum by (node, xid) (DCGM_EXP_XID_ERRORS_COUNT{NODE})"}),
        Panel(
            "Exporters that do not answer",
            {"{{node}}": "count by (cluster, node, job) (up{NODE} == 0)"},
            "table",
            about="What they would tell is not known, and no alert about it can fire.",
        ),
        Panel(
            "Collectors that could not read all",
            {"{{collector}}": "count by (node, collector) (seatrial_collector_success{NODE} == 0)"},
            "table",
        ),
        Panel(
            "Age of what collectors tell",
            {"{{collector}}": "max by (collector) (time() - seatrial_collector_timestamp_seconds{NODE})"},
        ),
        Panel(
            "Rules that failed",
            {
                "{{rule_group}}": "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total{CLUSTER}[$__rate_interval]))"
            },
        ),
        Panel(
            "Alerts that got lost",
            {"lost": "sum(increase(prometheus_notifications_dropped_total{CLUSTER}[$__rate_interval]))"},
        ),
    ),
)
