"""What the command shows while it waits, where stderr is no terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.cli.progress import Progress
from seatrial.events import Heartbeat
from tests import stories


def test_a_start_says_what_it_waits_for_and_how_long_it_took_last_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("seatrial.cli.progress.PLAIN_SECONDS", 0.0)
    for name, job, seconds in (("like it", "tiny", 12), ("other", "large", 9), ("never began", "tiny", 0)):
        events = stories.steps_only([0.1]) if seconds else []
        file = stories.write_run(tmp_path, events, name=name, recipe=job).path / "job.json"
        os.utime(file, (stories.START - seconds, stories.START - seconds))
    run = stories.write_run(tmp_path, [], name="one")
    with Progress(run) as progress:
        run.events_path.write_bytes(stories.encode(Heartbeat(phase="compile"), stories.START))
        progress.update()
        progress.update()
    assert capsys.readouterr().err.splitlines()[1:] == ["compile: 0 s, last time 12 s"]
