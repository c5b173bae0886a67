"""cpu-ddp as a user stops it, and goes on."""

from __future__ import annotations

import signal

from seatrial.events import CheckpointLoaded
from tests.command import losses, settings, wait_for_step

DIGITS = ("run", "cpu-ddp", *settings("steps=600", "checkpoint_every=400", "log_every=20"))


def test_it_resumes_to_the_last_bit(command):
    """Stopped in the middle by Ctrl-C and resumed, against undisturbed."""
    command(*DIGITS, "--name", "digits")
    process, run = command.begin(*DIGITS, name="halves")
    wait_for_step(run, 100)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 75
    command("run", "cpu-ddp", "--resume", "halves")
    assert 100 <= run.events().last(CheckpointLoaded).step < 600
    whole, halves = losses(command.find("digits")), losses(run)
    assert {step: halves[step] for step in whole} == whole
