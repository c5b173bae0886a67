"""What comes back of a run's folder: logs go on where they ended, a dump is another file each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.launchers.slurm.logs import collect
from seatrial.standing import Submission
from tests.launchers.slurm.test_render import CPU
from tests.stories import write_run


def test_dumps_come_whole_and_logs_go_on(tmp_path: Path) -> None:
    there, run = tmp_path / "shared" / "run", write_run(tmp_path, [], name="run")
    for folder in (there, run.path):
        (folder / "logs").mkdir(parents=True)
        (folder / "stacks").mkdir()
    where = replace(CPU, shared=str(tmp_path / "shared"))
    submission = Submission(name="run", cluster={})
    for log, dump in [
        ("a\n", b"\x80first"),
        ("a\nb\n", b"\x80second, longer\n"),
        ("a\nb\n", b"\x80third"),
        ("a\nb\n", b""),
    ]:
        (there / "logs" / "rank-0.log").write_text(log)
        (there / "stacks" / "rank-0.txt").write_text(log)
        (there / "stacks" / "gloo-rank-0").write_bytes(dump)
        for _ in range(2):
            collect(run, submission, where, logs=True)
            assert (run.path / "logs" / "rank-0.log").read_text() == log
            assert (run.path / "stacks" / "rank-0.txt").read_text() == log
            assert (run.path / "stacks" / "gloo-rank-0").read_bytes() == dump or not dump
