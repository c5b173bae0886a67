"""seatrial observe export, as it is typed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatrial.checks import last
from seatrial.cli import check, observe
from seatrial.errors import UserError
from tests.observe.exporter import sysfs
from tests.observe.exporter.reading import names, samples, value


def export(*words: object) -> str:
    done = CliRunner().invoke(observe.command, ["export", *map(str, words)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_textfile_is_written_once(tmp_path: Path) -> None:
    sysfs.device(tmp_path / "sys")
    words = ("--collect", "efa,run", "--runs-dir", tmp_path, "--sys", tmp_path / "sys", "--textfile", tmp_path)
    assert export(*words) == f"{tmp_path / 'seatrial.prom'}\n"
    found = samples((tmp_path / "seatrial.prom").read_bytes())
    assert value(found, "node_amazonefa_info", device="rdmap0s0") == 1
    assert value(found, "seatrial_collector_success", collector="run") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--collect efs,slrum,run", "no collector is called 'efs'(.|\n)*did you mean efa(.|\n)*did you mean slurm"),
        ("--collect ,", "names no collector"),
        ("--listen 9109", "'9109' is not ADDRESS:PORT"),
        ("--listen :9109", "':9109' is not ADDRESS:PORT"),
        ("--listen 127.0.0.1:http", "is not ADDRESS:PORT"),
        ("--every 5", "a scrape has its own interval"),
        ("--otlp collector:4318", "'collector:4318' is no URL"),
        ("--otlp http://user:word@collector/", "has a password in it"),
        ("--otlp http://collector/ --textfile .", "metrics leave in one way"),
        ("--tls-cert FILE", "a certificate and its key go together"),
        ("--tls-client-ca FILE", "needs HTTPS"),
        ("--users FILE", "chmod 600"),
        ("--tls-cert FILE --tls-key FILE", "cannot be loaded with its key"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, words: str, said: str) -> None:
    (tmp_path / "file").write_text("a:b")
    (tmp_path / "file").chmod(0o644)
    with pytest.raises(UserError, match=said):
        export("--listen", "127.0.0.1:0", *words.replace("FILE", str(tmp_path / "file")).split())


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "seatrial",
        "observe",
        "export",
        "--listen",
        "127.0.0.1:0",
        "--runs-dir",
        str(tmp_path),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.match(r"http://127\.0\.0\.1:\d+/metrics", process.stdout.readline())
        assert address is not None
        with urllib.request.urlopen(address[0], timeout=10) as answer:
            assert "seatrial_exporter_info" in names(samples(answer.read()))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_what_a_check_found_is_told(tmp_path: Path) -> None:
    CliRunner().invoke(check.command, ["node", "--instance", "p5.48xlarge", "--save", str(tmp_path / "kept")])
    export("--collect", "health", "--findings", tmp_path / "kept", "--textfile", tmp_path)
    found = samples((tmp_path / "seatrial.prom").read_bytes())
    checked = last.read(tmp_path / "kept")
    assert value(found, "seatrial_node_verdict", node=checked.node, verdict="FAIL") == 1
    # What was observed is there, too, and can be judged again.
    assert CliRunner().invoke(check.command, ["node", "--from", str(tmp_path / "kept")]).exit_code != 2


def test_it_pushes_until_it_is_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "seatrial", "observe", "export", "--runs-dir", str(tmp_path)),
            *("--otlp", "http://127.0.0.1:1/v1/metrics"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert "every 15 s" in process.stdout.readline()
        assert "Connection refused" in process.stderr.readline()  # told, and it goes on
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
