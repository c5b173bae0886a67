"""PromQL expressions against the catalogue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.observe import catalogue
from seatrial.observe.catalogue import METRICS

RECORDED = {"run:loss:last": frozenset({"run_id"}), "run:any": None}

GOOD = [
    "train_loss",
    'rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval])',
    'sum by (gpu, Hostname) (DCGM_FI_DEV_GPU_TEMP{hpc_job=~"$job"})',
    "train_step_work_seconds / on(run_id) group_left() quantile by(run_id)(0.5, train_step_work_seconds) > 1.2",
    '{__name__=~"node_amazonefa_rx_drops(_total)?", device="rdmap0s1"}',
    "train_loss * on(run_id) group_left(device, recipe) train_run_info",
    'sum by (gpu) (label_replace(up, "gpu", "$1", "instance", "(.*)"))',
    'count by (version) (count_values without (job) ("version", up))',
    'absent(up{job="seatrial"}) and absent_over_time(train_loss[5m])',
    "time() - max by(run_id)(train_last_step_timestamp_seconds) > 10 * run:loss:last",
    "sum by (whatever) (run:any)",
    "max_over_time(train_loss[1h:1m]) unless on(run_id) train_verdict",
    "topk(3, train_step_work_seconds) == bool 1",
    "sum by (rank) (-(train_cpu_seconds or train_step_work_seconds))",
    "vector(1) > 0",
    "sum by (recipe) (train_loss * on(run_id) group_left(recipe) train_run_info)",
    "sum by (handler, le) (rate(prometheus_http_request_duration_seconds_bucket[5m]))",
    "histogram_quantile(0.9, sum by (handler, le) (rate(prometheus_http_request_duration_seconds_bucket[5m])))",
    'ALERTS{alertstate="firing", run_id="a"}',
]

BAD = {
    "train_los": "nobody emits a metric 'train_los'",
    "rate(train_loss": "is no PromQL: unclosed left parenthesis",
    "rate(train_loss)": "expected type matrix",
    'train_loss{banana="1"}': "train_loss has no label 'banana'",
    "sum by (rank) (train_loss)": "sum has no label 'rank'",
    "sum without (rank) (train_loss)": "sum has no label 'rank'",
    "sum by (rank) (sum by (node) (train_cpu_seconds))": "sum has no label 'rank'",
    "sum by (rank) (sum without (rank) (train_cpu_seconds))": "sum has no label 'rank'",
    "train_loss * on(rank) train_cpu_seconds": "the vector matching has no label 'rank'",
    "train_loss * on(run_id) group_left(banana) train_run_info": "takes labels from has no label 'banana'",
    "sum by (case) (train_loss / on(run_id) train_step)": "sum has no label 'case'",
    "sum by (case) (train_loss / ignoring(case) train_step)": "sum has no label 'case'",
    'label_replace(train_loss, "a", "$1", "banana", "(.*)")': "label_replace has no label 'banana'",
    'label_join(train_loss, "a", "", "case", "banana")': "label_join has no label 'banana'",
    '{__name__=~"train_lo.*s_"}': "nobody emits a metric 'train_lo.*s_'",
    'up{a="1" or b="2"}': "up has no label 'a'",
    "sum by (case) (run:loss:last)": "sum has no label 'case'",
    "sum by (le) (histogram_quantile(0.5, prometheus_http_request_duration_seconds_bucket))": "sum has no label 'le'",
    "prometheus_http_request_duration_seconds": "nobody emits a metric",
    "sum by (le) (prometheus_http_request_duration_seconds_sum)": "sum has no label 'le'",
}


@pytest.mark.parametrize("promql", GOOD)
def test_a_good_query_has_no_problems(promql: str) -> None:
    assert catalogue.check_query(promql, RECORDED) == []


@pytest.mark.parametrize(("promql", "said"), BAD.items())
def test_what_cannot_give_data_is_told(promql: str, said: str) -> None:
    problems = catalogue.check_query(promql, RECORDED, "alerts.yml")
    assert said in "\n".join(problem.what for problem in problems)
    assert all(problem.where == "alerts.yml" and problem.remedy for problem in problems)


def test_the_labels_of_a_result_are_known() -> None:
    assert catalogue.labels("sum by (run_id, case) (train_loss)") == {"run_id", "case"}
    assert catalogue.labels("run:any", RECORDED) is None


@given(st.sampled_from(sorted(METRICS)), st.data())
def test_each_metric_may_be_asked_for_by_each_of_its_labels(name: str, data: st.DataObject) -> None:
    metric = METRICS[name]
    series = data.draw(st.sampled_from(metric.series))
    label = data.draw(st.sampled_from(sorted(metric.all_labels(series) or {"anything"})))
    assert catalogue.check_query(f'sum by ({label}) (rate({series}{{{label}="x"}}[5m]))') == []


@given(st.text(max_size=40))
def test_no_text_ends_it(text: str) -> None:
    catalogue.check_query(text)
