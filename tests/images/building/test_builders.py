"""Which builder is taken, how each is called, and that a tag stands for an image that passed its test."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.images import records
from seatrial.images._image import Choice
from seatrial.images.building import builders
from seatrial.images.building.building import build
from tests.images.building.program import ID

NO_DAEMON = "Cannot connect to the Docker daemon"


def test_the_first_that_can_build_is_taken(programs):
    programs.install("docker", "buildah", "podman")
    assert builders.choose().name == "docker"
    programs.fail("docker", "version", NO_DAEMON)
    assert builders.choose().name == "buildah"
    (programs.folder / "buildah").unlink()
    assert builders.choose().name == "podman"


def test_with_none_there_is_one_message_with_the_remedy(programs):
    programs.install("docker")
    programs.fail("docker", "buildx", "unknown command")
    with pytest.raises(UserError) as caught:
        builders.choose()
    (problem,) = caught.value.problems
    assert "docker has no Buildx; buildah is not on PATH; podman is not on PATH" in problem.what
    assert "https://" in problem.remedy and "--builder codebuild" in problem.remedy


@pytest.mark.parametrize(
    ("name", "told"), [("podman", "podman is not on PATH"), ("bildah", "no builder is called 'bildah'")]
)
def test_one_that_is_named_and_cannot_build_is_refused(programs, name, told):
    programs.install("buildah")
    with pytest.raises(UserError, match=f"--builder: {told}\n.*buildah"):
        builders.find(name)


@pytest.mark.parametrize("name", [builder.name for builder in builders.BUILDERS])
def test_an_image_is_built_without_a_tag_then_named_and_recorded(programs, context, told, name, state):
    programs.install(name)
    context = replace(context, arguments={"BASE": "local:1"}, choice=Choice(architecture="arm64", settings={"a": "b"}))
    record = build(context, builders.find(name), told, ["--network=host"])
    (call,) = [call for call in programs.calls if "--iidfile" in call]
    assert "--tag" not in call and "-t" not in call
    words = " ".join(call)
    assert "--platform linux/arm64" in words and "--build-arg BASE=local:1 --network=host /" in words
    order = [call[1] for call in programs.calls if call[1] in ("build", "buildx", "tag")]
    assert order[-2:] == [call[1], "tag"]
    assert programs.images == {context.reference: ID}
    assert (record.reference, record.digest, record.by, record.architecture) == (context.reference, ID, name, "arm64")
    assert records.read("fsdp") == [record] and record.arguments == {"BASE": "local:1"}
    assert ("STEP 2/2: RUN python self_test.py", "self-test: all is there") in told
    log = state / f"logs/fsdp-{context.tag}.log"
    assert "self-test" in log.read_text() and log.stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_not_built_again(programs, context, told):
    programs.install("buildah")
    first = build(context, builders.choose(), told)
    again = build(context, builders.choose(), told)
    assert len(programs.called("buildah", "build")) == 1
    assert replace(again, made=first.made) == first and len(records.read()) == 1


def test_a_failed_build_says_its_step_keeps_its_log_and_leaves_no_tag(programs, context, told, state):
    programs.install("buildah")
    programs.fail("buildah", "build", "STEP 1/2: FROM base\nSTEP 2/2: RUN python self_test.py\nno NCCL\nError: 1\n")
    with pytest.raises(UserError) as caught:
        build(context, builders.choose(), told)
    log = state / f"logs/fsdp-{context.tag}.log"
    (problem,) = caught.value.problems
    assert str(problem) == (
        f"fsdp was not built at STEP 2/2: RUN python self_test.py\n    Error: 1\n    its log: {log}"
    )
    assert log.read_text().endswith("no NCCL\nError: 1\n")
    assert programs.images == {} and records.read() == []


INTERRUPTED = """
import sys
from pathlib import Path
from seatrial.images.building.building import follow
from seatrial.plan import Command

def tell(step, line):
    print(line, flush=True)

follow(Command(argv=("sh", "-c", "echo $$; exec sleep 600")), Path(sys.argv[1]), tell, "it was not built")
"""


def test_ctrl_c_ends_the_builder_too(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    builder = int(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert not Path(f"/proc/{builder}").exists()


def test_the_context_is_whole_when_the_builder_sees_it(programs, context, told):
    programs.install("podman")
    build(context, builders.choose(), told)
    seen = json.loads((programs.state / "context.json").read_text())
    assert set(seen) == {"Dockerfile", "locks/command.txt", "seatrial/__init__.py"}
