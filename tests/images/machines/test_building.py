"""Making a machine image, with programs in the place of Packer and ParallelCluster's command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatrial.cli import image_build
from seatrial.errors import UserError
from seatrial.images import machines, records
from seatrial.images._image import Choice
from seatrial.images.machines.building import PROGRAMS
from tests.images.machines.choices import AMI, choice
from tests.waiting import poll

PARALLELCLUSTER, EKS = machines.find("ami-parallelcluster-gpu"), machines.find("ami-eks-gpu")
PACKER = """
import json, os, sys
from pathlib import Path
print(f"2026-11-29T20:00:00Z: ==> amazon-ebs.image: {sys.argv[1]} {' '.join(sys.argv[2:])}", flush=True)
Path(os.environ["CALLS"]).open("a").write(sys.argv[1] + "\\n")
if sys.argv[1] == os.environ.get("FAILS_AT"):
    print(os.environ["SAYS"])
    sys.exit(1)
if sys.argv[1] == "build":
    assert Path("image.pkr.hcl").exists() and Path("ansible/playbook.yml").exists()
    old = {"artifact_id": "us-west-2:ami-00000000", "packer_run_uuid": "old"}
    new = {"artifact_id": os.environ.get("MAKES", "us-west-2:ami-0123456789abcdef0"), "packer_run_uuid": "new"}
    Path("manifest.json").write_text(json.dumps({"builds": [old, new], "last_run_uuid": "new"}))
"""


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that are all there is on PATH, and a state of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        program(tmp_path / "bin" / name, PACKER)
    return tmp_path / "bin"


def program(path: Path, text: str) -> None:
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(text)}")
    path.chmod(0o755)


def problems(machine, chosen: Choice, **more) -> list[str]:
    with pytest.raises(UserError) as caught:
        machines.build(machine, chosen, lambda *_: None, **more)
    return [str(problem) for problem in caught.value.problems]


def test_it_is_made_and_recorded(told, tmp_path):
    made = machines.build(PARALLELCLUSTER, choice(), lambda *words: told.append(words), ["-on-error=abort"])
    assert (tmp_path / "calls").read_text().split() == ["init", "validate", "build"]
    assert (made.kind, made.reference, made.region, made.by) == ("ami", AMI, "us-west-2", "packer")
    assert (made.system, made.stack, made.arguments) == ("ubuntu2404", "cuda13", {"parallelcluster": "3.16.1"})
    assert records.read(PARALLELCLUSTER.name) == [made]
    assert told[-1][0] == "build -color=false -timestamp-ui -on-error=abort ."
    (log,) = (records.folder() / "logs").glob("*.log")
    assert log.read_text().count("==>") == 3 and log.stat().st_mode & 0o777 == 0o600


def test_the_command_takes_region_and_profile(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "another")
    words = ["ami-eks-cpu", "--region", "us-west-2", "--profile", "ours", "--json"]
    done = CliRunner().invoke(image_build.command, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["reference"] == AMI and os.environ["AWS_PROFILE"] == "ours"


def test_each_region_that_it_is_copied_to_has_a_record(monkeypatch):
    monkeypatch.setenv("MAKES", "us-east-1:ami-0aaaaaaaaaaaaaaaa,us-west-2:ami-0bbbbbbbbbbbbbbbb")
    made = machines.build(EKS, choice(ami_regions="us-east-1", kubernetes="1.34"), lambda *_: None)
    assert made.reference == "ami-0bbbbbbbbbbbbbbbb" and made.arguments == {"eks": "1.34"}
    assert {one.region for one in records.read(EKS.name)} == {"us-east-1", "us-west-2"}


def test_the_region_may_be_that_of_the_environment(monkeypatch):
    (found,) = problems(EKS, Choice())
    assert found.startswith("the region is not known")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert machines.build(EKS, Choice(), lambda *_: None).region == "us-west-2"


def test_all_programs_that_are_missing_are_told(programs):
    for path in programs.iterdir():
        path.unlink()
    told = [f"image build: {name} is not on PATH, and makes the image" for name in PROGRAMS]
    assert [one.splitlines()[0] for one in problems(EKS, choice())] == told


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Error: no valid credential sources for Packer found", "AWS does not know who you are"),
        ("UnauthorizedOperation: You are not authorized to perform this operation", "AWS does not let you do that"),
        ("Error querying AMI: No AMI was found matching filters", "its parent is not there"),
        ("self test: NCCL: 2.29.7 should be there, and was not found", "what was installed is not what should be"),
        ('Blocks of type "packer": Unsupported block type', "this Packer is too old"),
        ("the sky is blue", "was not made\n    the sky is blue"),
    ],
)
def test_a_build_that_fails_is_explained_and_leaves_no_record(monkeypatch, says, told):
    monkeypatch.setenv("FAILS_AT", "build")
    monkeypatch.setenv("SAYS", says)
    (found,) = problems(EKS, choice())
    (log,) = (records.folder() / "logs").glob("*.log")
    assert told in found and says in found and str(log) in found and says in log.read_text()
    assert records.read() == []


def test_nothing_is_started_behind_what_failed(monkeypatch, tmp_path):
    monkeypatch.setenv("FAILS_AT", "validate")
    monkeypatch.setenv("SAYS", "Error: Unsupported argument")
    assert "Unsupported argument" in problems(EKS, choice())[0]
    assert (tmp_path / "calls").read_text().split() == ["init", "validate"]


@pytest.mark.parametrize("makes", ["", "us-west-2", "us-west-2:i-0123456789abcdef0"])
def test_a_manifest_without_an_ami_is_no_image(monkeypatch, makes):
    monkeypatch.setenv("MAKES", makes)
    assert problems(EKS, choice())[0].startswith("manifest.json: Packer says that it succeeded, and names no AMI")
    assert records.read() == []


WAITS = """
import os, signal, sys, threading
from pathlib import Path
asked = threading.Event()
signal.signal(signal.SIGINT, lambda *_: asked.set())
if sys.argv[1] == "build":
    Path(os.environ["CALLS"]).write_text("waits")
    while not asked.wait(0.1):
        pass
    print("==> amazon-ebs.image: Terminating the source AWS instance...")
    Path(os.environ["CALLS"]).write_text("cleaned up")
    sys.exit(1)
"""
BUILD = """
from seatrial.images import machines
from tests.images.machines.choices import choice
machines.build(machines.find("ami-eks-cpu"), choice(), lambda *words: print(*words, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_packer_is_asked_to_clean_up_and_waited_for(programs, tmp_path, number):
    program(programs / "packer", WAITS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", BUILD], env=environment, stdout=-1, stderr=-1, text=True) as process:
        calls = tmp_path / "calls"
        poll(lambda: calls.exists() and calls.read_text() == "waits", 60, "packer build")
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    assert calls.read_text() == "cleaned up" and "stopping: what was begun is removed" in said
    assert "KeyboardInterrupt" in errors and process.returncode
    assert records.read() == []


PCLUSTER = """
import json, os, sys
from pathlib import Path
calls = Path(os.environ["CALLS"])
calls.open("a").write(" ".join(sys.argv[1:3]) + "\\n")
if sys.argv[1] == "list-official-images":
    print(json.dumps({"images": json.loads(os.environ.get("OFFICIAL", '[{"amiId": "ami-0aaaaaaaaaaaaaaaa"}]'))}))
elif sys.argv[1] == "build-image":
    print(Path("build-image.yaml").read_text())
elif sys.argv[1] == "describe-image":
    asked = calls.read_text().count("describe-image")
    status = "BUILD_IN_PROGRESS" if asked < 3 else os.environ.get("STATUS", "BUILD_COMPLETE")
    print(json.dumps({"imageBuildStatus": status, "ec2AmiInfo": {"amiId": "ami-0123456789abcdef0"}}))
"""


@pytest.fixture
def pcluster(programs, monkeypatch):
    program(programs / "pcluster", PCLUSTER)
    program(programs / "aws", 'import os; open(os.environ["CALLS"], "a").write("aws\\n")')
    monkeypatch.setattr("seatrial.images.machines.pcluster.SECONDS", 0.0)


def test_parallelclusters_own_command_makes_one(pcluster, tmp_path):
    made = machines.build(PARALLELCLUSTER, choice(bucket="ours"), lambda *_: None, by="pcluster")
    assert (tmp_path / "calls").read_text().splitlines() == [
        "list-official-images --region", "aws", "build-image --image-configuration", *["describe-image --image-id"] * 3,
    ]  # fmt: skip
    assert (made.by, made.reference, made.settings["parent_ami"]) == ("pcluster", AMI, "ami-0aaaaaaaaaaaaaaaa")
    (log,) = (records.folder() / "logs").glob("*.log")
    assert "ParentImage: ami-0aaaaaaaaaaaaaaaa" in log.read_text()


def test_it_makes_no_other_images(programs):
    assert "for another service than ParallelCluster" in problems(EKS, choice(), by="pcluster")[0]


def test_what_parallelcluster_did_not_make_is_no_image(pcluster, monkeypatch):
    monkeypatch.setenv("STATUS", "BUILD_FAILED")
    (found,) = problems(PARALLELCLUSTER, choice(bucket="ours"), by="pcluster")
    assert "was not made\n    BUILD_FAILED" in found and "get-image-log-events" in found
    monkeypatch.setenv("OFFICIAL", "[]")
    assert "has no AMI of ubuntu2404" in problems(PARALLELCLUSTER, choice(bucket="ours"), by="pcluster")[0]
    assert records.read() == []
