"""seatrial image: what it shows of every image, and which words reach a builder. tests/trials/images really builds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seatrial import catalog
from seatrial.cli import cli
from seatrial.cli.completing import complete_image
from seatrial.errors import UserError
from seatrial.images import machines, records
from seatrial.images.building import builders, building
from seatrial.images.building.builders import Builder
from seatrial.images.containers import FURTHER
from seatrial.images.records import Record


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # no builder is there
    return tmp_path


def call(*args: str) -> Result:
    result = CliRunner().invoke(cli, ["image", *args])
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def told(*args: str) -> str:
    with pytest.raises(UserError) as caught:
        call(*args)
    return str(caught.value)


class Built:
    """A builder that builds at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.images: dict[str, str] = {}
        monkeypatch.setattr(Builder, "missing", lambda builder: "" if builder.name == "podman" else "is not on PATH")
        monkeypatch.setattr(Builder, "find", lambda builder, reference: self.images.get(reference))
        monkeypatch.setattr(Builder, "tag", lambda builder, image, reference: self.images.update({reference: image}))
        monkeypatch.setattr(building, "follow", self.follow)

    def follow(self, command: Any, log: Path, tell: Any, what: str) -> None:
        self.commands.append(command.argv)
        Path(command.argv[command.argv.index("--iidfile") + 1]).write_text(f"sha256:{len(self.commands)}")
        tell("STEP 1/1: FROM base", "done")


def test_list_has_every_case_and_machine_with_what_was_made(home, monkeypatch):
    Built(monkeypatch)
    call("build", "cpu-ddp")
    record = records.read("cpu-ddp")[0]
    records.write(replace(record, kind="imported", reference="/nowhere/cpu-ddp.sqsh"))
    rows = {row["image"]: row for row in json.loads(call("list", "--json").output)}
    assert list(rows) == [*catalog.case_names(), *FURTHER, *machines.names()]
    assert {(made["kind"], made["state"]) for made in rows["cpu-ddp"]["made"]} == {
        ("built", "here"),
        ("imported", "not seen from here"),
    }
    assert rows["ami-eks-gpu"]["kind"] == "machine" and not rows["fsdp"]["made"]
    lines = {line.split()[0]: line for line in call("list").output.splitlines()}
    assert lines["fsdp"].endswith("not built")
    assert f"built {record.tag} by podman, here; " in lines["cpu-ddp"]
    assert "digest unknown" in lines["nccom-tests"]


def test_what_would_be_another_one_today_is_stale(home):
    record = Record(
        kind="built", name="cpu-ddp", tag="cpu-0", stack="cpu", architecture="x86_64", by="buildah",
        reference="seatrial/cpu-ddp:cpu-0",
    )  # fmt: skip
    records.write(record)
    records.write(replace(record, name="fsdp", settings={"gone": "1"}))
    lines = {line.split()[0]: line for line in call("list").output.splitlines()}
    assert lines["cpu-ddp"].endswith("built cpu-0 by buildah, not looked at, stale")
    assert lines["fsdp"].endswith(", not looked at, stale"), "what was chosen then can no longer be"


@pytest.mark.parametrize("name", [*catalog.case_names(), *machines.names()])
def test_show_says_what_is_in_it_or_what_has_to_be_chosen_first(name):
    shown = json.loads(call("show", name, "--json").output)
    assert shown["name"] == name and name in call("show", name).output
    if name in catalog.case_names():
        assert bool(shown["contains"]) is not bool(shown["unknown"])
        assert any(line.endswith(f'image = "{name}"') for line in shown["seatrial.toml"])


def test_show_says_what_to_write_into_the_file():
    lines = json.loads(call("show", "nemo-run", "--json").output)["seatrial.toml"]
    assert lines[0] == 'software.nemo-run.image = "nemo-run"' and lines[1].startswith("software.nemo-run.python = ")
    assert 'stack.nccl = "2.29.7"' in json.loads(call("show", "fsdp", "--json").output)["seatrial.toml"]
    assert "stack." not in "".join(json.loads(call("show", "cpu-ddp", "--json").output)["seatrial.toml"])


def test_render_shows_the_dockerfile_and_writes_all_that_a_builder_needs(home):
    result = call("render", "cpu-ddp")
    assert "# --- Dockerfile" in result.output and "RENDERED cpu-ddp: nothing was built" in result.output
    assert "# --- seatrial/" not in result.output
    written = json.loads(call("render", "cpu-ddp", "-o", "out", "--json").output)["written"]
    assert (home / "out/Dockerfile").is_file() and (home / "out/seatrial/__init__.py").is_file()
    assert {str(path) for path in Path("out").rglob("*") if path.is_file()} == set(written)


def test_build_gives_the_builder_what_was_said_and_says_what_is_next(home, monkeypatch):
    built = Built(monkeypatch)
    base = f"debian@sha256:{'0' * 64}"
    result = call(
        "build", "cpu-ddp", "--arch", "arm64", "--build-arg", f"BASE={base}", "--", "--secret", "id=pip,src=x"
    )
    (command,) = built.commands
    assert command[:2] == ("podman", "build") and command[-3:-1] == ("--secret", "id=pip,src=x")
    words = " ".join(command)
    assert "--platform linux/arm64" in words and f"--build-arg BASE={base}" in words
    (record,) = records.read()
    assert record.architecture == "arm64" and record.arguments == {"BASE": base}
    assert f"built seatrial/cpu-ddp:{record.tag}    seatrial image push cpu-ddp" in result.output
    assert "STEP 1/1: FROM base" in result.output
    again = json.loads(call("build", "cpu-ddp", "--arch", "arm64", "--build-arg", f"BASE={base}", "--json").output)
    assert again["tag"] == record.tag and len(built.commands) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "fdsp"], "no image is called 'fdsp'\n    did you mean fsdp"),
        (["build", "ami-eks-gpx"], "did you mean ami-eks-gpu"),
        (["build", "cpu-ddp"], "nothing here can build an image: docker is not on PATH; buildah"),
        (["build", "cpu-ddp", "--builder", "docker"], "--builder: docker is not on PATH"),
        (["build", "cpu-ddp", "--build-arg", "BASE"], "--build-arg: 'BASE' is not NAME=VALUE"),
        (["build", "cpu-ddp", "--build-arg", "A_TOKEN=x"], "looks like a secret"),
        (["build", "cpu-ddp", "--set", "efa"], "--set: 'efa' is not KEY=VALUE"),
        (["build", "fsdp", "--set", "nonsense=1"], "--set nonsense"),
        (["build", "cpu-ddp", "--builder", "codebuild"], "--role: CodeBuild needs a role"),
        (["build", "cpu-ddp", "--builder", "codebuild", "--role", "r"], "--bucket: no bucket is known"),
        (["build", "cpu-ddp", "--system", "ubuntu2404"], "--system"),
        (["build", "ami-eks-cpu", "--build-arg", "A=b"], "--build-arg: an AMI has none"),
        (["build", "ami-eks-cpu", "--builder", "docker"], "--builder: no builder of AMIs is called 'docker'"),
        (["push", "cpu-ddp"], "cpu-ddp was not built here for x86_64\n    seatrial image build cpu-ddp"),
        (["push", "cpu-ddp", "--arch", "arm64"], "seatrial image build cpu-ddp --architecture arm64"),
        (["push", "ami-eks-cpu"], "ami-eks-cpu is a machine image"),
        (["import", "cpu-ddp"], "was not built here"),
        (["import", "cpu-ddp", "--pushed"], "--pushed: cpu-ddp was not pushed from here"),
    ],
)
def test_what_cannot_be_says_what_to_do(words, said, monkeypatch, tmp_path):
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    assert said in told(*words)


def test_a_builder_that_is_gone_is_not_taken_for_another(monkeypatch):
    Built(monkeypatch)
    call("build", "cpu-ddp")
    records.write(replace(records.read()[0], by="docker"))
    assert "docker is not on PATH" in told("push", "cpu-ddp")


def test_a_shell_completes_names():
    ctx: Any = None
    assert {item.value for item in complete_image(ctx, ctx, "ami-eks")} == {
        "ami-eks-gpu",
        "ami-eks-neuron",
        "ami-eks-cpu",
    }
    assert [item.value for item in complete_image(ctx, ctx, "fsd")] == ["fsdp"]
    assert builders.BUILDERS[0].name == "docker"
