"""Submit, find, watch and stop jobs, against moto's AWS Batch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from seatrial.errors import CutOff, UserError
from seatrial.extras import installing
from seatrial.launchers import batch
from seatrial.plan import Plan
from seatrial.standing import Phase, Standing, Submission
from tests.launchers.batch import aws
from tests.launchers.batch.aws import REGION, SECRETS, Account, cluster, gpu_job

CLUSTER = cluster(options=SECRETS)
NAME = "Llama 3: prüfen (1)"
LOST_HOST = Standing(phase=Phase.ENDED, detail="FAILED: Host EC2 (i-0) gone", failed=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that AWS was asked for, in order."""
    made: list[str] = []
    client = boto3.Session.client

    def watched(self: boto3.Session, *args: Any, **kwargs: Any) -> Any:
        found = client(self, *args, **kwargs)
        found.meta.events.register("before-call", lambda model, **_: made.append(model.name))
        return found

    monkeypatch.setattr(boto3.Session, "client", watched)
    return made


def plan(**changes: Any) -> Plan:
    return batch.render(gpu_job(**changes), CLUSTER, NAME)


def submission(job_id: str | None, name: str = NAME) -> Submission:
    return Submission(name=name, cluster={}, job_id=job_id)


class TestSubmit:
    def test_batch_describes_what_was_rendered(self, account: Account) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        (described,) = account.client("batch").describe_jobs(jobs=[job_id])["jobs"]
        definition = json.loads(plan().files["job-definition.json"])
        assert described["nodeProperties"] == definition["nodeProperties"]
        assert described["jobName"] == json.loads(plan().files["submit-job.json"])["jobName"]
        assert described["jobDefinition"].endswith(f"/{definition['jobDefinitionName']}:1")

    def test_twice_is_once(self, account: Account) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"):
            account.set_standing(job_id, status)
            assert batch.submit(plan(), NAME, CLUSTER) == job_id

    def test_a_resumed_run_is_a_new_job_of_the_old_name(self, account: Account) -> None:
        first = batch.submit(plan(), NAME, CLUSTER)
        account.set_standing(first, "FAILED")
        second = batch.submit(plan(), NAME, CLUSTER)
        assert second != first
        assert batch.lookup(NAME, CLUSTER) == second

    def test_equal_jobs_use_one_definition(self, account: Account, calls: list[str]) -> None:
        batch.submit(plan(), NAME, CLUSTER)
        batch.submit(batch.render(gpu_job(), CLUSTER, "other"), "other", CLUSTER)
        assert calls.count("RegisterJobDefinition") == 1
        batch.submit(batch.render(gpu_job(nodes=4), CLUSTER, "third"), "third", CLUSTER)
        assert calls.count("RegisterJobDefinition") == 2
        assert {d["revision"] for d in account.client("batch").describe_job_definitions()["jobDefinitions"]} == {1}

    def test_a_submission_whose_answer_is_lost_is_sent_once_and_found_again(
        self, account: Account, calls: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from botocore.exceptions import ReadTimeoutError
        from botocore.httpsession import URLLib3Session

        send, sent = URLLib3Session.send, []

        def lose(self: URLLib3Session, request: Any) -> Any:
            answer = send(self, request)
            if request.url.endswith("/v1/submitjob"):
                sent.append(answer)
                raise ReadTimeoutError(endpoint_url=request.url)
            return answer

        monkeypatch.setattr(URLLib3Session, "send", lose)
        with pytest.raises(CutOff, match="AWS cannot be reached"):
            batch.submit(plan(), NAME, CLUSTER)
        assert len(sent) == 1
        assert batch.lookup(NAME, CLUSTER) is not None

    def test_an_error_of_the_server_leaves_open_what_it_did(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        aws.refuse(monkeypatch, "ServerException", "no", status=500, only="SubmitJob")
        with pytest.raises(CutOff, match="SubmitJob: no"):
            batch.submit(plan(), NAME, CLUSTER)

    def test_lookup_tells_names_apart_that_batch_does_not(self, account: Account) -> None:
        assert batch.lookup("run-a", CLUSTER) is None
        lower = batch.submit(batch.render(gpu_job(), CLUSTER, "run-a"), "run-a", CLUSTER)
        assert batch.lookup("run-a", CLUSTER) == lower
        for other in ("RUN-A", "run-", "run-a1", "run a"):
            assert batch.lookup(other, CLUSTER) is None
        request = json.loads(plan().files["submit-job.json"])
        account.client("batch").submit_job(**request | {"jobName": "RUN-A"})  # somebody else's
        assert batch.lookup("run-a", CLUSTER) == lower


class TestStandings:
    @pytest.mark.parametrize(
        ("status", "reason", "expected"),
        [
            ("SUBMITTED", None, Standing(phase=Phase.QUEUED, detail="SUBMITTED")),
            ("PENDING", None, Standing(phase=Phase.QUEUED, detail="PENDING")),
            ("STARTING", None, Standing(phase=Phase.RUNNING, detail="STARTING")),
            ("RUNNING", None, Standing(phase=Phase.RUNNING, detail="RUNNING")),
            ("SUCCEEDED", "done", Standing(phase=Phase.ENDED, detail="SUCCEEDED: done")),
            ("FAILED", "Host EC2 (i-0) gone", LOST_HOST),
            (
                "RUNNABLE",
                "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
                Standing(phase=Phase.QUEUED, detail="RUNNABLE: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"),
            ),
            ("RUNNABLE", None, Standing(phase=Phase.QUEUED, detail="RUNNABLE: Batch names no reason")),
        ],
    )
    def test_each_status(self, account: Account, status: str, reason: str | None, expected: Standing) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        account.set_standing(job_id, status, reason)
        assert batch.standings([submission(job_id)], CLUSTER) == {NAME: expected}

    def test_a_failed_job_says_what_its_container_said(self, account: Account) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        account.set_standing(job_id, "FAILED", "Essential container in task exited")
        container = {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}
        account.set_attempts(job_id, [{"container": {"exitCode": 1}}, {"container": container}])
        (standing,) = batch.standings([submission(job_id)], CLUSTER).values()
        assert standing.detail == (
            "FAILED: Essential container in task exited; "
            "OutOfMemoryError: Container killed due to memory usage; exit code 137"
        )

    def test_a_job_that_waits_is_told_what_stands_in_its_way(self, account: Account) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        account.set_standing(job_id, "RUNNABLE")
        account.client("batch").update_compute_environment(computeEnvironment="training-nodes", state="DISABLED")
        (standing,) = batch.standings([submission(job_id)], CLUSTER).values()
        assert standing.detail == "RUNNABLE: compute environment training-nodes is DISABLED"

    def test_what_batch_does_not_know_is_missing(self, account: Account) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        gone = submission("00000000-0000-0000-0000-000000000000", "gone")
        found = batch.standings([submission(job_id), gone, submission(None, "never")], CLUSTER)
        assert set(found) == {NAME}

    def test_a_submission_without_an_id_is_found_by_its_name(self, account: Account) -> None:
        batch.submit(plan(), NAME, CLUSTER)
        assert batch.standings([submission(None)], CLUSTER)[NAME].phase is Phase.ENDED

    def test_101_jobs_take_two_calls(self, account: Account, calls: list[str]) -> None:
        first = batch.submit(plan(), NAME, CLUSTER)
        request = json.loads(plan().files["submit-job.json"])
        ids = [first, *(account.client("batch").submit_job(**request)["jobId"] for _ in range(100))]
        calls.clear()
        found = batch.standings([submission(job_id, f"run-{i}") for i, job_id in enumerate(ids)], CLUSTER)
        assert len(found) == 101  # Batch describes 100 at a time
        assert calls == ["DescribeJobs", "DescribeJobs"]


class TestCancel:
    @pytest.mark.parametrize("known", [True, False], ids=["by-id", "by-name"])
    def test_it_terminates(self, account: Account, calls: list[str], known: bool) -> None:
        job_id = batch.submit(plan(), NAME, CLUSTER)
        account.set_standing(job_id, "RUNNING")
        batch.cancel(submission(job_id if known else None), CLUSTER)
        assert calls[-1] == "TerminateJob"
        (job,) = account.client("batch").describe_jobs(jobs=[job_id])["jobs"]
        assert job["statusReason"] == "cancelled with seatrial"

    def test_what_was_never_submitted_needs_no_end(self, account: Account, calls: list[str]) -> None:
        batch.cancel(submission(None), CLUSTER)
        assert calls[-1] == "ListJobs"


class TestTrouble:
    """Each is one UserError that says what to do."""

    def test_a_definition_that_does_not_fit_awss_schema_is_a_bug_of_ours(self, account: Account) -> None:
        from botocore.exceptions import ParamValidationError

        wrong = json.loads(plan().files["job-definition.json"]) | {"jobdefinition": "x"}
        files = dict(plan().files) | {"job-definition.json": json.dumps(wrong)}
        with pytest.raises(ParamValidationError):
            batch.submit(Plan(files=files), NAME, CLUSTER)

    def problem(self, where: Any = CLUSTER) -> str:
        with pytest.raises(UserError) as caught:
            batch.submit(plan(), NAME, where)
        assert not isinstance(caught.value, CutOff)  # nothing can have been submitted
        (problem,) = caught.value.problems
        return f"{problem.where}: {problem.what} -> {problem.remedy}"

    def test_a_queue_that_does_not_exist(self, account: Account) -> None:
        expected = "clusters.p5.options.queue: no job queue in us-east-1 is called 'trainin' -> did you mean training?"
        assert self.problem(cluster(options=SECRETS | {"queue": "trainin"})) == expected

    def test_a_queue_that_takes_no_jobs(self, account: Account) -> None:
        account.client("batch").update_job_queue(jobQueue="training", state="DISABLED")
        assert self.problem() == (
            "clusters.p5.options.queue: the job queue is disabled"
            " -> aws batch update-job-queue --state ENABLED --job-queue training"
        )

    def test_a_profile_that_does_not_exist(self, account: Account, tmp_path: Path) -> None:
        (tmp_path / "config").write_text("[profile research]\nregion = us-east-1\n")
        assert self.problem(cluster(options=SECRETS | {"profile": "reserch"})) == (
            "clusters.p5.options.profile: no AWS profile is called 'reserch' -> did you mean research?"
        )

    def test_no_credentials(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert self.problem() == (
            "clusters.p5: AWS cannot be used: Unable to locate credentials -> "
            "aws sso login, or aws configure; then try: aws sts get-caller-identity"
        )

    def test_no_region(self, account: Account) -> None:
        found = self.problem(cluster(options=SECRETS | {"region": None}))
        assert found.startswith("clusters.p5.options.region: You must specify a region. -> name the region")

    def test_a_text_that_is_no_region(self, account: Account) -> None:
        assert "clusters.p5.options.region: " in self.problem(cluster(options=SECRETS | {"region": "us east"}))

    def test_no_network(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        assert "clusters.p5.options.region: AWS cannot be reached: " in self.problem()

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("ExpiredTokenException", "AWS does not accept the credentials: no -> aws sso login --profile 'a team',"),
            (
                "ThrottlingException",
                "AWS takes no more requests for the moment: DescribeJobQueues: no -> wait a minute;",
            ),
            ("AccessDeniedException", "DescribeJobQueues: no -> ask for an IAM policy that allows DescribeJobQueues"),
            ("ClientException", "DescribeJobQueues: no -> try: aws batch describe-job-queues --job-queues training"),
        ],
    )
    def test_what_aws_refuses(
        self, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, expected: str
    ) -> None:
        aws.refuse(monkeypatch, code, "no")
        (tmp_path / "config").write_text("[profile a team]\n")
        (tmp_path / "credentials").write_text("[a team]\naws_access_key_id = a\naws_secret_access_key = b\n")
        assert f"clusters.p5: {expected}" in self.problem(cluster(options=SECRETS | {"profile": "a team"}))

    def test_without_boto3(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)
        assert self.problem() == f"clusters.p5: boto3 is not installed -> {installing('boto3')}"


def test_the_region_can_come_from_the_environment(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    assert batch.submit(plan(), NAME, cluster(options=SECRETS | {"region": None}))
