"""Prometheus' and Alertmanager's configuration: who is asked, how often, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.observe.rules import dump

WORKSPACE = re.compile(r"https://aps-workspaces\.([a-z0-9-]+)\.amazonaws\.com/workspaces/([\w-]+)/api/v1/remote_write")
"""Where a workspace of Amazon Managed Service for Prometheus takes samples: its region, and its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scrape:
    """A job: exporters of one kind, and how they are found."""

    job: str
    port: int
    discovery: Mapping[str, Any]
    """Kind of discovery -> its configuration, as in prometheus.yml. Targets come without ports."""
    relabel: Sequence[Mapping[str, Any]] = ()
    """What makes `cluster` and `node` of what the discovery tells."""
    path: str = ""
    """Where they are served; empty: /metrics."""
    ours: bool = False
    """Its series about other nodes bring labels of their own, which count."""

    def configuration(self) -> dict[str, Any]:
        """As in prometheus.yml."""
        port = {"source_labels": ["__address__"], "regex": r"([^:]+)(:\d+)?", "target_label": "__address__"}
        return {
            "job_name": self.job,
            **({"metrics_path": self.path} if self.path else {}),
            **({"honor_labels": True} if self.ours else {}),
            **self.discovery,
            "relabel_configs": [*self.relabel, {**port, "replacement": f"${{1}}:{self.port}"}],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Prometheus:
    """A Prometheus, or an agent that only passes on what it scrapes."""

    scrapes: Sequence[Scrape]
    every: str
    """Between two scrapes, and between two looks at the rules: a duration."""
    cluster: str
    rule_files: Sequence[str] = ()
    alertmanager: str = ""
    """Address and port; empty: there is none."""
    remote_write: str = ""
    """URL where samples go as well; empty: they stay here."""
    agent: bool = False
    """Whether it only passes them on: rules are then evaluated where they go."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """On everything that leaves it."""

    def configuration(self) -> str:
        """prometheus.yml."""
        outside = {"external_labels": {"cluster": self.cluster, **self.labels}}
        value: dict[str, Any] = {"global": {"scrape_interval": self.every, **outside}}
        if self.remote_write:
            value["remote_write"] = [_remote(self.remote_write)]
        if not self.agent:
            value["global"]["evaluation_interval"] = self.every
            value["rule_files"] = [*self.rule_files]
            if self.alertmanager:
                value["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]}
        value["scrape_configs"] = [scrape.configuration() for scrape in self.scrapes]
        return dump(value)

    def command(self, program: str, config: str, data: str, listen: str) -> tuple[str, ...]:
        """What starts it."""
        kind = ("--enable-feature=agent", f"--storage.agent.path={data}") if self.agent else ()
        kept = () if self.agent else (f"--storage.tsdb.path={data}",)
        return (program, f"--config.file={config}", f"--web.listen-address={listen}", *kind, *kept)


def _remote(url: str) -> dict[str, Any]:
    """Amazon's workspaces ask for signed requests; who signs is whoever the machine is, by its instance profile."""
    managed = WORKSPACE.fullmatch(url)
    if managed is None:
        return {"url": url, "name": "remote"}
    return {"url": url, "name": "amp", "sigv4": {"region": managed[1]}}


def check_url(url: str, where: str) -> None:
    """Raises UserError for what is no URL, or has a secret in it, which a file would then show."""
    if not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise UserError(Problem(f"{url!r} is no URL", where, "begin with https:// or http://"))
    if "@" in url.split("/")[2]:
        remedy = "let a proxy on this machine add it, or use the instance's role"
        raise UserError(Problem("has a password in it, which would stand in a file", where, remedy))
    if "aps-workspaces" in url and WORKSPACE.fullmatch(url) is None:
        remedy = "https://aps-workspaces.REGION.amazonaws.com/workspaces/ws-ID/api/v1/remote_write"
        raise UserError(Problem(f"{url!r} is not where a workspace takes samples", where, remedy))


def alertmanager(webhook: str = "") -> str:
    """alertmanager.yml: alerts about one thing together, and a warning held back while something critical is told."""
    receiver: dict[str, Any] = {"name": "everybody"}
    if webhook:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    same = ["cluster", "run_id", "node", "gpu"]
    return dump(
        {
            "route": {
                "receiver": "everybody",
                "group_by": ["alertname", "cluster", "run_id"],
                "group_wait": "10s",
                "group_interval": "1m",
                "repeat_interval": "4h",
            },
            "receivers": [receiver],
            "inhibit_rules": [
                {
                    "source_matchers": ['severity="critical"', 'run_id!=""'],
                    "target_matchers": ['severity="info"'],
                    "equal": same,
                }
            ],
        }
    )
