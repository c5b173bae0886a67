"""Dockerfiles of all images hold for hadolint, shellcheck and our own linter, and copy what their context has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import hypothesis
import pytest
from hypothesis import strategies

import seatrial
from seatrial import versions
from seatrial.errors import UserError
from seatrial.images._image import Choice
from seatrial.images.containers import PYTHON, render
from seatrial.lint import dockerfile, judge
from seatrial.lint.docker_stages import stages
from tests.images.containers.everything import COMMIT, DIGEST, choice, containers, rendered

every_image = pytest.mark.parametrize("name", rendered())


def text(name: str) -> str:
    return rendered()[name][1].files["Dockerfile"]


def commands(name: str) -> list[str]:
    """Text of every RUN, in the Dockerfile's order, without its mounts."""
    runs = [item for item in dockerfile.load(text(name)) if item.name == "RUN"]
    return [re.sub(r"^(\s*--mount=\S+)*\s*", "", item.text.removeprefix("RUN").replace("\\\n", " ")) for item in runs]


def test_there_is_an_image_for_every_case_and_processor():
    assert {name.rpartition("-")[0] for name in rendered()} == set(containers())
    assert {"fsdp-arm64", "fsdp-x86_64"} <= rendered().keys() and "bionemo-arm64" not in rendered()


@every_image
def test_the_base_is_pinned_and_nothing_is_called_latest(name):
    instructions = dockerfile.load(text(name))
    (base,) = [stage.image for stage in stages(instructions) if stage.base is None]
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)
    assert not re.search(r"\blatest\b", text(name))


@every_image
def test_what_is_copied_is_in_the_context_or_in_a_stage(name):
    plan, instructions = rendered()[name][1], dockerfile.load(text(name))
    named = {item.value.split()[2] for item in instructions if item.name == "FROM" and " AS " in item.value}
    copied = [item.value.split() for item in instructions if item.name in ("COPY", "ADD")]
    for words in copied:
        if words[0].startswith("--from="):
            assert words[0].removeprefix("--from=") in named
            continue
        for source in words[:-1]:
            paths = [PurePosixPath(path) for path in plan.files]
            assert any(path == PurePosixPath(source) or PurePosixPath(source) in path.parents for path in paths), source
    sources = {source for words in copied for source in words[:-1]}
    locks = {path for path in plan.files if path.startswith("locks/")}
    assert locks <= sources and {"seatrial", "self_test.py", "image.json"} <= sources


@every_image
def test_what_is_fetched_is_compared(name):
    """Packages of Python by hashes of a lock, files by their checksum, git by its commit: nothing else is fetched."""
    for command in commands(name):
        if "/pip install" in command:
            assert command.count("--require-hashes") == command.count("--no-deps") == command.count("pip install")
            assert (
                command.count("--requirement") == command.count("--only-binary :all:") == command.count("pip install")
            )
        if "curl" in command and "apt-get install" not in command:
            assert re.search(r"curl --fail .*sha256sum --check --strict .*tar ", command, re.DOTALL)
        if "git fetch" in command:
            assert re.search(
                r'--depth 1 "\$\{(\w+)_REPOSITORY\}" "\$\{\1_COMMIT\}" .*rev-parse HEAD\)" = "\$\{\1_COMMIT', command
            )
        assert "wget" not in command and "git clone" not in command
    for argument, value in re.findall(r"^ARG (\w+)=(.*)$", text(name), re.MULTILINE):
        if argument.endswith("SHA256"):
            assert re.fullmatch(r"[0-9a-f]{64}", value)
        if argument.endswith("_COMMIT"):
            assert re.fullmatch(r"[0-9a-f]{40}", value)


@every_image
def test_layers_hold_no_caches_and_the_image_no_switch_of_the_build(name):
    for item in dockerfile.load(text(name)):
        if item.name == "RUN" and "apt-get" in item.text:
            assert "--mount=type=cache,target=/var/cache/apt,sharing=locked" in item.text
            assert item.text.count("sharing=locked") == 1, "Buildah 1.28 unlocks one"
            assert item.text.endswith("/var/lib/apt/lists/*")
            assert ("openssh-server" in item.text) == ("rm -f /etc/ssh/ssh_host_*" in item.text), "everybody's keys"
        if item.name == "RUN" and "/pip install" in item.text:
            assert "--mount=type=cache,target=/var/cache/pip" in item.text
        assert item.name != "ENV" or "DEBIAN_FRONTEND" not in item.text
        assert item.name != "ENV" or not re.search(r"\b(LD_LIBRARY_PATH|NCCL_|FI_|OMPI_)", item.text), "docs/efa.md"


@every_image
def test_it_tells_what_it_is_and_ends_with_its_test(name):
    container, plan = rendered()[name]
    instructions = dockerfile.load(text(name))
    (label,) = [item.text for item in instructions if item.name == "LABEL"]
    said = dict(re.findall(r'([\w.]+)="([^"]*)"', label))
    assert said["org.opencontainers.image.title"] == container.name and said["seatrial.stack"] == container.stack
    assert said["org.opencontainers.image.version"] == seatrial.__version__
    assert said["org.opencontainers.image.base.name"] == "${BASE}"
    stage = "".join(item.text for item in instructions).rpartition("FROM framework")[2]
    assert 0 < stage.find("ARG BASE") < stage.find("LABEL"), "it knows the base that was really taken"
    last = instructions[-1]
    assert last.name == "RUN" and last.text.count("self_test.py") >= 2 and "setpriv" in last.text
    assert PYTHON in last.text
    # A vendor's entry point is taken away; ours have none.
    points = [item.value for item in instructions if item.name == "ENTRYPOINT"]
    assert points == ([] if container.lock else ["[]"])
    facts = json.loads(plan.files["image.json"])
    assert facts["modules"] == list(container.requires) and facts["programs"] == list(container.programs)


def test_seatrial_is_in_the_context_as_it_is_here():
    files = rendered()["fsdp-x86_64"][1].files
    root = Path(seatrial.__file__).parent
    for path in ("__init__.py", "cases/fsdp/train.py", "images/containers/Dockerfile.j2", "py.typed"):
        assert files[f"seatrial/{path}"] == (root / path).read_text(encoding="utf-8")
    assert not any("__pycache__" in path for path in files)


def test_another_processor_changes_nothing_but_a_comment():
    for name, container in containers().items():
        codes = {
            "\n".join(line for line in text(f"{name}-{one}").splitlines() if not line.startswith("#"))
            for one in container.architectures
        }
        assert len(codes) == 1


def test_images_of_one_stack_share_their_first_layers():
    """So that a registry and a node hold EFA's software, CUDA and torch once."""
    until = "COPY locks/cuda.txt"
    firsts = set()
    for name, (container, _) in rendered().items():
        if until in text(name) and name.endswith("x86_64"):
            firsts.add(text(name)[text(name).index("ARG BASE") : text(name).index(until)])
            assert container.stack == "cuda13"
    assert len(firsts) == 1


def test_hadolint_finds_nothing(tmp_path):
    hadolint = tool("hadolint")
    for name, container in containers().items():  # for other processors only a comment differs
        (tmp_path / f"{name}.Dockerfile").write_text(text(f"{name}-{container.architectures[0]}"))
    done = subprocess.run([hadolint, "--no-color", *sorted(tmp_path.iterdir())], capture_output=True, text=True)
    assert done.stdout + done.stderr == "" and done.returncode == 0


def test_shellcheck_finds_nothing(tmp_path):
    found = {command for name in rendered() for command in commands(name) if not command.startswith("[")}
    assert len(found) > 20
    for number, command in enumerate(sorted(found)):
        (tmp_path / f"{number}.sh").write_text(f"#!/bin/sh\n{command}\n")
    # 2154: build arguments are assigned by the builder
    checked = [tool("shellcheck"), "--format=gcc", "--exclude=SC2154", *sorted(tmp_path.iterdir())]
    done = subprocess.run(checked, capture_output=True, text=True)
    assert done.stdout == "" and done.returncode == 0


def test_our_own_linter_finds_nothing(tmp_path):
    for name in rendered():
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(text(name))
    report = judge.lint([tmp_path])
    assert [finding for finding in report.findings] == []


def tool(name: str) -> str:
    """A program of the development environment, or of the PATH. In CI it must be there."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is not here")
    assert found, f"{name} is not here"
    return found


SETTINGS = strategies.fixed_dictionaries(
    {},
    optional={
        "base.digest": strategies.sampled_from([DIGEST, f"sha256:{'a' * 64}", "sha256:short"]),
        "efa_installer": strategies.sampled_from([*versions.EFA_INSTALLERS, "1.60.0", "x"]),
        "efa_installer.sha256": strategies.sampled_from(["b" * 64, "b"]),
        "megatron-lm.commit": strategies.sampled_from([COMMIT, "main"]),
        "nccl-tests.commit": strategies.sampled_from([COMMIT, "v2"]),
        "nccl": strategies.just("2.4.2"),
    },
)


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    name=strategies.sampled_from(sorted(containers())),
    settings=SETTINGS,
    architecture=strategies.sampled_from(["x86_64", "arm64"]),
)
def test_a_choice_is_refused_or_rendered_always_the_same(name, settings, architecture):
    container, chosen = containers()[name], Choice(settings=settings, architecture=architecture)
    try:
        plan = render(container, chosen)
    except UserError as error:
        assert all(problem.what and problem.where for problem in error.problems)
        with pytest.raises(UserError) as again:
            render(container, chosen)
        assert str(again.value) == str(error)
        return
    assert plan == render(container, Choice(settings=dict(reversed(settings.items())), architecture=architecture))
    for value in settings.values():
        assert value in plan.files["Dockerfile"]


def test_the_whole_text(golden):
    """One of all: the base, EFA's software, a framework, something that is compiled."""
    name = "nccl-tests"
    golden(f"images/{name}.Dockerfile", render(containers()[name], choice(containers()[name])).files["Dockerfile"])
