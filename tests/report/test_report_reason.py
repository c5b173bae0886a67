"""The reason of a run that failed: the first rank that failed, not the last, and what it said."""

import json

import pytest

from seatrial.events import Restart, RunEnd
from seatrial.findings import Finding, Verdict
from seatrial.report import FORMATS, render

BOOM = """\
step 3 loads its batch
Traceback (most recent call last):
  File "/opt/train.py", line 12, in <module>
    main()
  File "/opt/train.py", line 8, in main
    raise ValueError("shard 7 is torn")
ValueError: shard 7 is torn
"""
CLOSED = """\
Traceback (most recent call last):
  File "/opt/train.py", line 14, in <module>
    dist.all_reduce(loss)
RuntimeError: [../gloo/transport/tcp/pair.cc:544] Connection closed by peer [127.0.0.1]:41235
"""
CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 1, in f
    d["x"]
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise RuntimeError("no x")
RuntimeError: no x
"""
FATAL = """\
Fatal Python error: Segmentation fault

Current thread 0x00007f925781cb80 (most recent call first):
  File "/opt/train.py", line 13 in request

Thread 0x00007f925781cb81 (most recent call first):
  <no Python frame>

Extension modules: numpy.linalg, torch._C (total: 2)
"""


def died(what: str, rank: int) -> Finding:
    """What the local launcher notes when a rank dies."""
    log = f"logs/rank-{rank}.log"
    return Finding(check="run.rank-died", verdict=Verdict.FAIL, observed=f"rank {rank} {what}", evidence=log)


@pytest.fixture
def failed(make_run, story):
    """A run that failed after 5 steps: failed(logs, what happened at the end)."""

    def make(logs: dict[str, str], *last, **job):
        events = story.steps_only([0.1] * 5, end=False)
        last = last if any(isinstance(event, RunEnd) for event in last) else (*last, RunEnd(outcome="failed", step=5))
        run = make_run([*events, *((1.0, event) for event in last)], **job)
        (run.path / "logs").mkdir()
        for name, text in logs.items():
            (run.path / "logs" / name).write_text(text)
        return run

    return make


def reason(run):
    return json.loads(render(run, [], "json"))["reason"]


def test_the_first_rank_that_failed_is_the_reason_and_not_the_one_that_lost_it(failed):
    """Rank 0 dies of the lost connection, is seen first, and says so in the run's last event."""
    end = RunEnd(outcome="failed", step=5, reason="RuntimeError: Connection closed by peer [127.0.0.1]:41235")
    found = reason(failed({"rank-0.log": CLOSED, "rank-1.log": BOOM}, end, died("ended with exit code 1", 0)))
    assert (found["rank"], found["error"], found["log"]) == (1, "ValueError: shard 7 is torn", "logs/rank-1.log")
    assert found["what"] == "rank 1 failed: ValueError: shard 7 is torn"
    assert found["traceback"].startswith("Traceback") and "raise ValueError" in found["traceback"]
    assert found["last_lines"] == ["step 3 loads its batch"]
    assert (found["step"], found["memory_bytes"]) == (5, 412_005_000)


def test_a_rank_that_was_killed_is_the_reason_whatever_the_others_say(failed):
    found = reason(failed({"rank-0.log": BOOM, "rank-1.log": "step 4\nstep 5\n"}, died("was killed by SIGKILL", 1)))
    assert (found["rank"], found["ending"], found["what"]) == (1, "SIGKILL", "rank 1 was killed by SIGKILL")
    assert found["traceback"] == "" and found["last_lines"] == ["step 4", "step 5"]
    assert "memory runs out" in found["note"]


def test_what_faulthandler_writes_is_a_traceback(failed):
    found = reason(failed({"rank-0.log": CLOSED, "rank-1.log": f"step 5\n{FATAL}"}, died("was killed by SIGSEGV", 1)))
    assert found["what"] == "rank 1 was killed by SIGSEGV: Fatal Python error: Segmentation fault"
    assert "line 13 in request" in found["traceback"] and "Extension modules" not in found["traceback"]
    assert found["last_lines"] == ["step 5"]


def test_a_killed_rank_that_had_said_nothing_is_not_given_another_s_words(failed):
    found = reason(failed({"rank-0.log": CLOSED, "rank-1.log": ""}, died("was killed by SIGKILL", 1)))
    assert (found["log"], found["last_lines"], found["traceback"]) == ("logs/rank-1.log", [], "")
    assert found["note"].endswith("logs/rank-1.log is empty.")


def test_where_every_traceback_is_of_a_lost_peer_the_silent_log_is_named(failed):
    logs = {"rank-0.log": CLOSED, "rank-1.log": "step 5", "rank-2.log": CLOSED}
    found = reason(failed(logs, died("ended with exit code 1", 0)))
    assert found["rank"] == 0 and found["note"].endswith("another rank: there is no traceback in logs/rank-1.log.")


def test_a_log_that_cannot_be_read_says_so(failed):
    run = failed({}, died("ended with exit code 1", 0))
    (run.path / "logs" / "rank-0.log").mkdir()  # root may read every file
    assert reason(run)["last_lines"] == ["it cannot be read: Is a directory"]


def test_the_exit_code_of_the_rank_that_raised(failed):
    found = reason(failed({"rank-1.log": BOOM}, died("ended with exit code 1", 1)))
    assert found["what"] == "rank 1 ended with exit code 1: ValueError: shard 7 is torn"
    assert found["ending"] == "exit code 1"


def test_exceptions_that_led_to_the_last_one_stay_with_it(failed):
    found = reason(failed({"rank-0.log": f"begin\n{CHAINED}bye\n"}))
    assert found["error"] == "RuntimeError: no x" and "KeyError: 'x'" in found["traceback"]
    assert found["last_lines"] == ["begin", "bye"]


def test_the_last_traceback_of_a_rank_counts(failed):
    """The others were survived: by a retry, or by an attempt that was restarted."""
    restart = Restart(attempt=1, reason="rank 0 ended with exit code 1", rank=0)
    found = reason(failed({"rank-0.log": f"begin\n{CHAINED}again\n{BOOM}"}, restart))
    assert found["error"] == "ValueError: shard 7 is torn"
    assert found["last_lines"] == ["begin", "again", "step 3 loads its batch"]


def test_ranks_that_share_a_node_s_log_are_told_apart_by_torchrun_s_prefix(failed):
    lines = [f"[default1]:{line}" for line in BOOM.splitlines()]
    late = [f"[default0]:{line}" for line in CLOSED.splitlines()]
    mixed = [lines[0], *late[:2], *lines[1:4], *late[2:], *lines[4:]]
    found = reason(failed({"node-0.log": "", "node-1.log": "\n".join(mixed)}, nodes=2))
    assert (found["rank"], found["error"], found["log"]) == (3, "ValueError: shard 7 is torn", "logs/node-1.log")
    assert found["last_lines"] == ["step 3 loads its batch"]


TORCHRUN = """\
============================================================
train FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-28_10:00:0{second}
  host      : n{node}
  rank      : {rank} (local_rank: 1)
  exitcode  : {code} (pid: 4242)
  error_file: <N/A>
  traceback : {told}
============================================================
"""


def test_torchrun_s_own_root_cause_of_the_node_that_failed_first(failed):
    first = TORCHRUN.format(second=1, node=1, rank=3, code=-9, told="Signal 9 (SIGKILL) received by PID 4242")
    later = TORCHRUN.format(second=2, node=0, rank=1, code=1, told="To enable traceback see: docs")
    found = reason(failed({"node-0.log": CLOSED + later, "node-1.log": "step 5\n" + first}, nodes=2))
    assert (found["rank"], found["ending"], found["log"]) == (3, "SIGKILL", "logs/node-1.log")
    assert found["what"] == "rank 3 was killed by SIGKILL"


def test_without_any_prefix_the_first_traceback_of_more_than_a_lost_peer_counts(failed):
    found = reason(failed({"node-0.log": f"{CLOSED}\n{BOOM}\n{CHAINED}"}))
    assert (found["error"], found["rank"]) == ("ValueError: shard 7 is torn", None)


def test_what_the_run_itself_says_where_no_log_says_more(failed):
    run = failed({}, RunEnd(outcome="failed", step=5, reason="the loss of step 5 is not a finite number", final=True))
    assert reason(run)["what"] == "the loss of step 5 is not a finite number"


def test_a_run_that_did_not_fail_has_no_reason(make_run, story):
    assert reason(make_run(story.whole_run())) is None


def test_secrets_of_a_log_are_shown_in_no_format(failed):
    """Neither those with a form of their own, nor those that only their name tells."""
    secret = "hf_abcdefghijklmnopqrstuvwxyz0123456789"
    text = BOOM.replace("step 3", f"HF_TOKEN={secret} AKIAIOSFODNN7EXAMPLE password=opensesame")
    text = text.replace("shard 7", f"{secret} api_key=opensesame")
    end = RunEnd(outcome="failed", step=5, reason=f"ValueError: {secret} is torn")
    run = failed({"rank-0.log": text}, end, died("ended with exit code 1", 0))
    for format in FORMATS:
        shown = render(run, [], format)
        assert secret not in shown and "AKIAIOSFODNN7EXAMPLE" not in shown and "opensesame" not in shown
        assert "hf_***" in shown.replace("\\", "")


@pytest.mark.parametrize("format", ["text", "md", "html"])
def test_the_reason_comes_first(failed, format):
    run = failed({"rank-1.log": BOOM}, died("ended with exit code 1", 1))
    page = render(run, [], format).partition("<body>")[2] or render(run, [], format)
    places = [page.index(words) for words in ("Reason", "shard 7 is torn", "main()", "Trained on CPU", "Key figures")]
    assert places == sorted(places)


def test_a_log_of_any_size_is_read_from_its_end(failed, monkeypatch):
    monkeypatch.setattr("seatrial.diagnose.tracebacks.TAIL_BYTES", 2000)
    found = reason(failed({"rank-0.log": "begin\n" + "x\n" * 10_000 + BOOM}))
    assert found["error"] == "ValueError: shard 7 is torn" and set(found["last_lines"][:-1]) == {"x"}
