"""Commands really run: killed in time, missing, refused; files are read below any root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from seatrial.checks.collecting import collect, look
from seatrial.checks.evidence import keep
from seatrial.checks.observations import Source
from seatrial.checks.profile import NOT_KNOWN, Profile, detect

SOURCE = Source(kind="words", title="", part="gpu", level="quick", parse=list, package="words-tools", timeout=20)


def python(code: str, **fields: object) -> Source:
    return replace(SOURCE, command=(sys.executable, "-c", code), **fields)


def test_a_command_is_told_with_its_status_and_its_last_word():
    seen = look(python("import sys; print('all'); print('a', 'b', sep='\\n', file=sys.stderr); sys.exit(3)"))
    assert (seen.text, seen.status, seen.error, seen.problem) == ("all\n", 3, "b", "")
    assert seen.taken == pytest.approx(time.time(), abs=60) and seen.seconds > 0


def test_a_command_speaks_english_and_finds_its_tools_without_a_path(monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "LC_ALL=C\n" in look(replace(SOURCE, command=("env",))).text


def test_a_missing_command_names_its_package():
    seen = look(replace(SOURCE, command=("no-such-tool", "-x")))
    assert (seen.origin, seen.problem) == ("no-such-tool -x", "no-such-tool is not installed")
    assert seen.remedy == "install words-tools"


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path):
    note = tmp_path / "pid"
    code = (
        f"import subprocess, sys; p = subprocess.Popen(['sleep', '1000']); open({str(note)!r}, 'w').write(str(p.pid))"
    )
    begin = time.monotonic()
    seen = look(python(f"{code}; p.wait()", timeout=2))
    assert "no answer within 2 s" in seen.problem
    assert time.monotonic() - begin < 15
    state = subprocess.run(["ps", "-o", "stat=", "-p", note.read_text()], capture_output=True, text=True).stdout
    assert state.strip()[:1] in ("", "Z")


def test_a_command_that_says_nothing_is_a_problem():
    seen = look(python("import sys; sys.exit('Operation not permitted')"))
    assert seen.problem == "said nothing: Operation not permitted"


def test_what_it_says_on_standard_error_is_the_answer_of_some():
    code = "import sys; sys.exit('fi_getinfo: -61')"
    assert look(python(code, errors=True)).text == "fi_getinfo: -61\n"
    assert look(python(f"print('all'); {code}", errors=True)).text == "all\n"


def test_the_tool_is_what_a_shell_would_start():
    seen = look(replace(SOURCE, command=("sh", "-c", "no-such-tool"), tool="no-such-tool"))
    assert (seen.problem, seen.remedy) == ("no-such-tool is not installed", "install words-tools")


def test_files_are_read_with_their_places(tmp_path):
    folder = tmp_path / "sys/class/x"
    for name, text in (("a", "1\n"), ("b", ""), ("c", "2\n3\n")):
        (folder / name).mkdir(parents=True)
        (folder / name / "count").write_text(text)
    seen = look(replace(SOURCE, files=("/sys/class/x/*/count",)), tmp_path)
    places = [f"/sys/class/x/{name}/count:{value}\n" for name, value in (("a", 1), ("b", ""), ("c", 2), ("c", 3))]
    assert seen.text == "".join(places)
    twice = look(replace(SOURCE, files=("/sys/class/x/a/count",), looks=2, apart=0.0), tmp_path)
    assert [line[0] for line in twice.text.splitlines()] == ["@", "/", "@", "/"]
    assert look(replace(SOURCE, files=("/no/such",)), tmp_path).problem == "there are no such files"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0)
    seen = look(replace(SOURCE, files=("/secret",)), tmp_path)
    assert "secret" in seen.problem and "root" in seen.remedy


def test_what_a_node_does_not_have_is_not_asked():
    source = python("print('asked')")
    assert [seen.text for seen in collect([source], Profile.of("c5.2xlarge"))] == []
    assert [seen.text for seen in collect([source], NOT_KNOWN)] == ["asked\n"]


def test_evidence_is_kept_beside_what_is_known_of_it(tmp_path):
    [kept] = keep([look(python("print('all')"))], tmp_path / "evidence")
    assert (tmp_path / "evidence/words.txt").read_text() == "all\n"
    assert '"status": 0' in (tmp_path / "evidence/words.json").read_text()
    assert str(tmp_path / "evidence/words.txt") in kept.origin


def test_an_instance_is_known_by_its_firmware(tmp_path):
    assert detect(tmp_path) is NOT_KNOWN
    folder = tmp_path / "sys/devices/virtual/dmi/id"
    folder.mkdir(parents=True)
    (folder / "sys_vendor").write_text("Amazon EC2\n")
    (folder / "product_name").write_text("p5.48xlarge\n")
    assert detect(tmp_path) == Profile.of("p5.48xlarge")
    (folder / "sys_vendor").write_text("QEMU\n")
    assert detect(tmp_path) is NOT_KNOWN
    (folder / "sys_vendor").write_text("Amazon EC2\n")
    (folder / "product_name").write_text("x99.metal\n")
    assert detect(tmp_path) is NOT_KNOWN


def test_a_profile_knows_the_parts_of_a_node():
    trainium, gpus, small, cpus = map(Profile.of, ("trn1.32xlarge", "p5.48xlarge", "g5.xlarge", "c5.2xlarge"))
    assert [p.has("gpu") for p in (trainium, gpus, small, cpus, NOT_KNOWN)] == [False, True, True, False, None]
    assert [p.has("neuron") for p in (trainium, gpus, small, cpus, NOT_KNOWN)] == [True, False, False, False, None]
    assert [p.has("nvswitch") for p in (trainium, gpus, small, cpus, NOT_KNOWN)] == [False, True, False, False, None]
    assert [p.has("efa") for p in (trainium, gpus, small, cpus, NOT_KNOWN)] == [True, True, False, False, None]
