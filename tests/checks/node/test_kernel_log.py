"""Reading a kernel's log: every form of a line, windows, boots, what was told before, and how far back it reaches."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.catalogue import all_checks
from seatrial.checks.collecting import look
from seatrial.checks.judging import judge
from seatrial.checks.node import kernel_log
from seatrial.checks.node.kernel_cursor import boot_id, once, recall, remember
from seatrial.checks.node.kernel_log import ALL, KERNEL_LOG, parse
from seatrial.checks.node.kernel_times import message, stamp
from seatrial.checks.observations import Lines, Observation, Unreadable
from seatrial.checks.profile import NOT_KNOWN
from seatrial.findings import Severity, Verdict
from tests.checks.node.kernel_forms import BOOT, FORMS, HOUR, at, iso, judged, log

RECORDED = Path(__file__).parents[1] / "recorded" / "kernel-log"
FALLEN = "NVRM: Xid (PCI:0000:0f:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
RESET = "NVRM: Xid (PCI:0000:0f:00): 95, pid=2503421, name=python3, Ch 00000008"
CHECKS = [check for check in all_checks() if check.source is KERNEL_LOG]


def read(text: str, **fields: object):
    return parse(Lines(Observation(kind="kernel-log", origin="here", text=text, **fields)))


@pytest.mark.parametrize("form", FORMS)
def test_the_time_of_a_line_is_found_in_every_form(form):
    seen = stamp(FORMS[form](3661.0, "nvidia: x"), BOOT.timestamp())
    assert seen.kernel
    if form.startswith("kubectl"):  # the time at which it was printed, before the kernel's own
        return
    expected = 3661.0 if seen.clock == "boot" else at(3661.0).timestamp()
    assert seen.time == pytest.approx(expected, abs=1.0)
    assert message(FORMS[form](3661.0, "nvidia: x")) == "nvidia: x" or "caller" in form or "\x1b" in FORMS[form](0, "")


def test_the_fabric_manager_tells_the_year_last_and_is_no_kernel():
    seen = stamp("[Jul 23 2024 07:53:55] [ERROR] [tid 841] detected NVSwitch fatal error 20034 on fid 0")
    assert seen.time == 1721721235.0 and not seen.kernel


def test_a_year_that_is_not_told_is_the_nearest_and_not_in_the_future():
    new_year = at(0).replace(month=12, day=31, hour=23, minute=59)
    later = stamp("Jan  1 00:01:00 n kernel: x", new_year.timestamp())
    assert later.time is not None and later.time - new_year.timestamp() == 120.0
    past = stamp("Feb  3 00:00:00 n kernel: x", BOOT.timestamp(), BOOT.timestamp())
    assert past.time is not None and past.time < BOOT.timestamp()
    assert stamp("Feb 30 00:00:00 n kernel: x", BOOT.timestamp()).time is None


@pytest.mark.parametrize("path", sorted(RECORDED.glob("healthy-*")), ids=lambda path: path.stem)
def test_a_healthy_log_passes_every_rule(path):
    for foreign in (True, False):
        observation = Observation(kind="kernel-log", origin="log", text=path.read_text(), foreign=foreign)
        findings = judge(CHECKS, [observation], NOT_KNOWN)
        assert {finding.verdict for finding in findings} == {Verdict.PASS}, findings
        assert all("boot" in finding.observed for finding in findings)


@pytest.mark.parametrize("path", sorted(RECORDED.glob("healthy-*")), ids=lambda path: path.stem)
def test_a_healthy_log_that_does_not_reach_back_passes_no_rule(path):
    lines = path.read_text().splitlines(keepends=True)
    for kept in range(0, len(lines), 7):
        observation = Observation(kind="kernel-log", origin="log", text="".join(lines[len(lines) - kept :])[:-1])
        assert Verdict.PASS not in {f.verdict for f in judge(CHECKS, [observation], NOT_KNOWN)}, kept


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n", "Nov 28 12:00:00 n sshd[1]: Accepted publickey\n" * 3])
def test_an_empty_log_or_one_of_no_kernel_is_unknown(text):
    findings = judge(CHECKS, [Observation(kind="kernel-log", origin="log", text=text)], NOT_KNOWN)
    assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}


def test_a_log_of_another_program_with_one_kernel_line_is_judged_by_its_reach():
    text = "Nov 28 12:00:00 n sshd[1]: x\nNov 28 12:00:01 n kernel: nvidia: x\n"
    assert judged("gpu.xid", text)[0].verdict is Verdict.UNKNOWN


def test_how_far_back_a_log_reaches_is_told():
    [finding] = judged("kernel.log-reach", log([]))
    assert finding.verdict is Verdict.PASS and "2026-11-28T08:00:00Z" in finding.observed
    tail = "".join(log([(600.0, "nvidia: x")]).splitlines(keepends=True)[2:])
    [finding] = judged("kernel.log-reach", tail)
    assert finding.verdict is Verdict.WARN and "08:10:00" in finding.observed
    assert judged("gpu.xid", tail)[0].verdict is Verdict.PASS, "the window is all there"
    short = iso(4 * HOUR - 60, "nvidia: x") + "\n" + iso(4 * HOUR, "nvidia: y") + "\n"
    for rule in ("kernel.log-reach", "gpu.xid"):
        [finding] = judged(rule, short)
        assert finding.verdict is Verdict.UNKNOWN and "less than 2 h" in finding.observed


def test_lost_messages_are_unknown_while_they_are_recent():
    lost = "** 12 printk messages dropped **"
    assert judged("kernel.log-reach", log([(3 * HOUR, lost)]))[0].verdict is Verdict.UNKNOWN
    assert judged("kernel.log-reach", log([(1 * HOUR, lost)]))[0].verdict is Verdict.PASS


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith("kubectl")])
def test_an_old_event_does_not_count_in_any_form(form):
    old, recent = log([(HOUR, RESET)], FORMS[form]), log([(3 * HOUR, RESET)], FORMS[form])
    [finding] = judged("gpu.xid", old)
    assert finding.verdict is Verdict.PASS and "before that" in finding.observed
    [finding] = judged("gpu.xid", recent)
    assert (finding.verdict, finding.severity) == (Verdict.FAIL, Severity.RESET)


def test_what_lasts_until_a_reboot_counts_since_boot():
    [finding] = judged("gpu.xid", log([(60.0, FALLEN)], end=200 * HOUR))
    assert (finding.verdict, finding.severity) == (Verdict.FAIL, Severity.REBOOT)
    before = log([(60.0, FALLEN)]) + "".join(
        iso(5 * HOUR + t, m) + "\n" for t, m in ((0, "Linux version 6.8.0"), (9, "nvidia: x"))
    )
    assert [f.verdict for f in judged("gpu.xid", before)] == [Verdict.PASS]


def test_a_clock_that_begins_anew_is_a_boot():
    again = log([(60.0, FALLEN)], FORMS["dmesg"]) + log([], FORMS["dmesg"], end=HOUR)
    assert [f.verdict for f in judged("gpu.xid", again)] == [Verdict.PASS]
    headless = log([(3 * HOUR, FALLEN)], FORMS["dmesg"]) + "[    3.000000] nvidia: x\n[   60.000000] " + RESET + "\n"
    found = {(f.scope["xid"], f.severity) for f in judged("gpu.xid", headless)}
    assert found == {(95, Severity.RESET)}, "recent, although its clock shows less than that of the boot before"


def test_a_log_of_last_week_is_judged_for_its_own_end_and_a_live_one_for_now():
    text = log([(3 * HOUR, RESET)])
    week = at(7 * 24 * HOUR).timestamp()
    [finding] = judged("gpu.xid", text, taken=week)
    assert finding.verdict is Verdict.FAIL
    assert "judged as of its end, 2026-11-28T12:00:00Z" in judged("gpu.xid", log([]), taken=week)[0].observed
    [finding] = judged("gpu.xid", text, taken=week, foreign=False)
    assert finding.verdict is Verdict.PASS, "a quiet node is not blamed for ever"


def test_lines_of_several_clocks_are_each_judged_by_their_own():
    for old, verdict in ((True, Verdict.PASS), (False, Verdict.FAIL)):
        text = log([], FORMS["dmesg"]) + log([(HOUR if old else 3 * HOUR, RESET)], FORMS["syslog"])
        [finding] = judged("gpu.xid", text)
        assert finding.verdict is verdict and (old or "2026-11-28" in finding.observed)


def test_what_has_no_time_counts():
    for line in (RESET, f"kernel: {RESET}"):
        [finding, rest] = judged("gpu.xid", line + "\n")
        assert finding.verdict is Verdict.FAIL and "unknown time" in finding.observed
        assert rest.verdict is Verdict.UNKNOWN
    assert judged("gpu.xid", "node7 kernel: nvidia: x\n" * 9)[0].verdict is Verdict.UNKNOWN


def test_hosts_and_labels_are_kept_apart():
    text = "".join(f" {n}: {line}\n" for n in (0, 1) for line in log([(3 * HOUR, RESET)] * n).splitlines())
    [finding] = judged("gpu.xid", text)
    assert finding.scope == {"gpu": "0000:0f:00", "xid": 95, "node": "1"}
    assert judged("kernel.log-reach", text)[0].verdict is Verdict.PASS
    half = text + " 2: " + iso(4 * HOUR, "nvidia: x") + "\n"
    assert judged("kernel.pcie", half)[0].verdict is Verdict.UNKNOWN, "of node 2 there is nothing but the end"


def test_a_cut_off_log_is_told_and_its_faults_count():
    text = log([(3 * HOUR, RESET)])[:-5]
    assert judged("gpu.xid", text)[0].verdict is Verdict.FAIL
    assert "cut off" in judged("kernel.pcie", text)[0].observed


def test_blocks_lose_no_line(tmp_path):
    text = log([(HOUR + t, f"NVRM: Xid (PCI:0000:0f:00): {31 + t % 2}, pid={t}") for t in range(500)])
    for size in (7, 100, 4096, 1 << 20):
        lines = Lines(Observation(kind="kernel-log", origin="here", text=text))
        assert "".join(lines.blocks(size)) == text
        if size >= 100:
            assert lines.count == text.count("\n")
        assert lines.whole
    (tmp_path / "log").write_text(text)
    from_file = parse(Lines(Observation(kind="kernel-log", origin="x", path=tmp_path / "log")))
    assert sum(trace.total for trace in from_file.traces.values()) == 500
    numbers = {trace.subject[1]: trace.number for trace in from_file.traces.values()}
    lines_of = text.splitlines()
    assert all(f": {code}, pid" in lines_of[number - 1] for code, number in numbers.items())


def test_memory_is_bounded_and_what_was_left_out_is_told(monkeypatch):
    monkeypatch.setattr(kernel_log, "KINDS", 50)
    events = [(3 * HOUR, f"EXT4-fs error (device dm-{n}): x") for n in range(55)]
    seen = read(log(events))
    assert len(seen.traces) == 50 and seen.full
    assert judged("gpu.xid", log(events))[0].verdict is Verdict.UNKNOWN
    many = read(log([(t, RESET) for t in range(10, 60 * 3600, 100)], end=60 * HOUR))
    [trace] = many.traces.values()
    assert trace.total == 2160 and len(trace.incidents) < 600


def test_no_word_hides_another():
    """Those with a capital are looked for together, so that of two which overlap only one would be found."""
    words = [word for signature in ALL for word in {*signature.tokens} if word[0].isupper()]
    for a in words:
        for b in {*words} - {a}:
            assert a not in b and not any(b.startswith(a[-length:]) for length in range(2, len(a))), (a, b)


def test_signatures_have_names_of_their_own():
    assert len({signature.name for signature in ALL}) == len(ALL)


def test_a_line_counts_once_when_it_was_told_of(tmp_path):
    once_told = log([(3 * HOUR, RESET), (3 * HOUR + 1, FALLEN)], end=3 * HOUR + 60)
    remember(tmp_path, "boot-1", read(once_told))
    mark = recall(tmp_path, "boot-1")
    assert mark is not None and recall(tmp_path, "boot-2") is None

    def again(text: str) -> set[object]:
        observation = Observation(kind="kernel-log", origin="x", text=text, taken=at(4 * HOUR).timestamp())
        found = judge(once(CHECKS, mark), [observation], NOT_KNOWN)
        return {f.scope["xid"] for f in found if f.check == "gpu.xid" and f.verdict is Verdict.FAIL}

    assert again(once_told) == {79}, "it lasts until a reboot, so it is told until then"
    new = RESET.replace(" 95,", " 119,")
    assert again(once_told + iso(3 * HOUR + 61, new) + "\n") == {79, 119}
    assert again(once_told + iso(3 * HOUR + 61, RESET) + "\n") == {79, 95}, "the same again is new"
    drifted = once_told.replace(",000000+00:00", ",400000+00:00")
    assert again(drifted) == {79}, "the time of day moves with the clock"
    unmarked = "".join(once_told.splitlines(keepends=True)[:-1])
    assert again(unmarked) == {79, 95}, "no mark: everything counts"
    same_words = iso(3 * HOUR + 90, mark.line) + "\n"
    assert again(unmarked + iso(3 * HOUR + 61, new) + "\n" + same_words) == {79, 95, 119}, "another line of these words"


def test_a_mark_that_cannot_be_read_or_of_no_boot_is_none(tmp_path):
    assert recall(tmp_path, "boot-1") is None
    (tmp_path / "kernel-log.json").write_text("{")
    assert recall(tmp_path, "boot-1") is None
    remember(tmp_path / "none", "", read(log([])))
    assert not (tmp_path / "none").exists()
    assert boot_id(tmp_path) == ""
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("1-2-3\n")
    assert boot_id(tmp_path) == "1-2-3"


def test_the_log_of_this_machine_is_read_or_the_right_that_is_missing_is_named():
    seen = look(KERNEL_LOG)
    if seen.problem:
        assert "not permitted" in seen.problem or "not installed" in seen.problem
        return
    assert parse(Lines(seen)).count > 0


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to give it up")
def test_who_may_not_read_the_log_is_told_so(monkeypatch):
    if Path("/proc/sys/kernel/dmesg_restrict").read_text().strip() != "1":
        pytest.skip("here everybody may")
    command = ("setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", *KERNEL_LOG.command)
    assert subprocess.run(command, capture_output=True).returncode != 0
    monkeypatch.setattr(os, "geteuid", lambda: 65534)  # only the command gave its rights up, not this process
    seen = look(replace(KERNEL_LOG, command=command))
    findings = judge(CHECKS, [seen], NOT_KNOWN)
    assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}
    assert all("not permitted" in f.observed and "run it as root" in f.remedy for f in findings)


def test_garbage_names_its_first_line():
    with pytest.raises(Unreadable, match="kernel's log"):
        read("garbage\n" * 3)
