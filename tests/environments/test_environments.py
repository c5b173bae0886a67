"""Environments are made once, completely, from what their lock names and nothing else."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import re
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import seatrial
from seatrial import environments, versions
from seatrial.binding import bind
from seatrial.environments import _shared, _uv
from seatrial.errors import UserError
from seatrial.history import History
from seatrial.launchers import local
from tests.environments.small import Small, driver, small, wheel
from tests.test_binding import CASE, LOCAL, TINY

__all__ = ["small"]

TORCH_BRINGS = {
    *("filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "setuptools", "sympy", "typing-extensions")
}

ENSURE = "print(environments.ensure('small', print))"


def news_of(name: str) -> list[str]:
    """What is told while an environment is made."""
    news: list[str] = []
    environments.ensure(name, news.append)
    return news


# --- made


def test_it_is_made_once_and_holds_what_the_lock_names(small: Small) -> None:
    news = news_of("small")
    assert news[0] == "environment small: is made on first use, 2 packages"
    assert any(line.startswith("environment small: Installed 2 packages") for line in news)
    assert small.python("import seatrial_two; result = seatrial_two.value") == 2
    assert news_of("small") == []
    assert len(small.left()) == 1


def test_nothing_of_the_commands_own_environment_is_in_it_but_torch_and_seatrial(small: Small) -> None:
    found = small.python("""
        import importlib.metadata, importlib.util, os, sys
        specs = {name: importlib.util.find_spec(name) for name in ("torch", "seatrial", "click", "pytest", "numpy")}
        result = {name: spec and os.path.realpath(spec.origin) for name, spec in specs.items()}
        result["names"] = sorted(d.name for d in importlib.metadata.distributions())
        result["version"] = sys.version
    """)
    torch = importlib.util.find_spec("torch")
    assert torch and torch.origin and found["torch"] == os.path.realpath(torch.origin)
    assert found["seatrial"] == str(Path(seatrial.__file__).resolve())
    assert [found[name] for name in ("click", "pytest", "numpy")] == [None, None, None]
    mine = {"seatrial-one", "seatrial-two", "torch"}
    names = {name.replace("_", "-").lower() for name in found["names"]}
    assert mine <= names
    # What torch cannot be without comes with it where the lock does not hold it; a CUDA build has more.
    rest = names - mine - TORCH_BRINGS
    assert [name for name in rest if not name.startswith(("nvidia-", "cuda-", "triton"))] == []
    assert found["version"] == sys.version


@pytest.mark.torch
def test_torch_works_in_it(small: Small) -> None:
    code = """
        import warnings
        warnings.simplefilter("ignore")  # there is no numpy
        import torch
        result = [float(torch.zeros(2).sum()), torch.__version__]
    """
    import torch

    assert small.python(code) == [0.0, torch.__version__]


def test_another_lock_is_another_environment(small: Small) -> None:
    first = environments.ensure("small")
    small.lock.write_text(small.lock.read_text() + wheel(small.wheels, "seatrial_three", "3.0", "value = 3\n"))
    second = environments.ensure("small")
    assert first != second and first.is_dir()
    assert small.python("import seatrial_three; result = seatrial_three.value") == 3
    assert environments.standing("small").others == (first,)


def test_another_torch_is_another_environment(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    first = environments.standing("small").path
    mine = _shared.entries({})
    monkeypatch.setattr(_shared, "entries", lambda locked: {**mine, "torch": Path("elsewhere/torch")})
    assert environments.standing("small").path != first


def test_two_commands_at_once_make_it_once(small: Small) -> None:
    folder = environments.standing("small").path
    assert folder is not None
    small.root.mkdir()
    with (small.root / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        both = [driver(small, ENSURE) for _ in range(2)]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "environment small: another command is making it: waiting\n"
    printed = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [lines[-1] for lines in printed] == [str(folder), str(folder)]
    assert sum("Installed 2 packages" in line for lines in printed for line in lines) == 1


def test_one_killed_in_the_middle_leaves_nothing_that_counts(small: Small, tmp_path: Path) -> None:
    """Its uv goes on for a while: until it ends, nobody else begins."""
    slow = tmp_path / "slow-uv"
    os.mkfifo(tmp_path / "never")
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *venv*) exec {_uv._program()} "$@" ;; esac\n'
        f'echo "Resolved as $$"\nexec cat {tmp_path}/never\n'
    )
    slow.chmod(0o755)
    process = driver(small, f"_uv._program = lambda: {str(slow)!r}\n{ENSURE}")
    assert process.stdout is not None
    orphan = int([process.stdout.readline() for _ in range(2)][-1].split()[-1])
    process.kill()
    process.wait()
    process.stdout.close()
    try:
        (unfinished,) = small.left()
        assert unfinished.startswith(".small-") and not environments.standing("small").made
        lock = (small.root / f"{unfinished.rpartition('.')[0]}.lock").open()
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(orphan, signal.SIGKILL)
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # it is free as soon as the orphan is gone
    folder = environments.ensure("small")
    assert small.left() == [folder.name]
    assert small.python("import seatrial_two; result = seatrial_two.value") == 2


def test_an_interrupt_leaves_nothing_behind(small: Small) -> None:
    def interrupted(news: str) -> None:
        if "Resolved" in news:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        environments.ensure("small", interrupted)
    assert small.left() == []


def test_ranks_that_may_not_write_bytecode_find_it(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert list(environments.ensure("small").rglob("seatrial_one*.pyc"))


def test_a_package_of_the_lock_and_shared_libraries_may_have_one_folder(tmp_path: Path) -> None:
    """As `nvidia`, which many distributions fill. What was installed stays; the source gets nothing."""
    source, place = tmp_path / "source", tmp_path / "place"
    for path in (source / "nvidia/cudnn", place / "nvidia/other"):
        path.mkdir(parents=True)
    _shared.link({"nvidia": source / "nvidia"}, place)
    assert sorted(path.name for path in (place / "nvidia").iterdir()) == ["cudnn", "other"]
    assert [path.name for path in (source / "nvidia").iterdir()] == ["cudnn"]


# --- what is shared


def distribution(folder: Path, name: str, *requires: str) -> None:
    """As if it were installed in `folder`."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    module = name.replace("-", "_")
    (info / "RECORD").write_text(f"{module}/__init__.py,,\n{info.name}/METADATA,,\n../../../bin/{name},,\n")


def test_a_cuda_build_brings_its_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f'sys_platform == "{sys.platform}"'
    distribution(
        tmp_path, "torch", f"cuda-kit[runtime]==1.0; {here}", 'triton; sys_platform == "none"', "jinja2", "gone"
    )
    distribution(tmp_path, "cuda-kit", 'nvidia-runtime; extra == "runtime"', 'nvidia-blas; extra == "blas"')
    for name in ("nvidia-runtime", "nvidia-blas", "triton", "jinja2"):
        distribution(tmp_path, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = _shared.entries({"jinja2": ["3"]})
    mine = {"torch", "cuda_kit", "nvidia_runtime"}
    assert set(found) == {"seatrial", *mine, *(f"{name}-1.0.dist-info" for name in mine)}
    assert found["torch"] == tmp_path / "torch"


# --- what cannot be made


def test_a_file_with_another_hash_is_refused_by_name(small: Small) -> None:
    small.lock.write_text(small.lock.read_text().replace("sha256:", "sha256:" + 64 * "0" + " #", 1))
    with pytest.raises(UserError, match=r"environment small: seatrial-one 1\.0 is not the file that was locked"):
        environments.ensure("small")
    assert small.left() == []


def test_a_file_without_a_hash_is_refused_by_name(small: Small) -> None:
    small.lock.write_text(small.lock.read_text().replace(" --hash", " # --hash", 1))
    with pytest.raises(UserError, match=r"must have a hash(?s:.*)seatrial-one==1\.0"):
        environments.ensure("small")
    assert small.left() == []


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"UV_OFFLINE": "1"}, "was not found"),
        ({"PIP_NO_INDEX": "1"}, "was not found in the provided package locations"),
        ({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}, "Connection refused"),
    ],
)
def test_without_network_the_message_says_what_is_missing_and_what_to_do(
    small: Small, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (small.wheels / "seatrial_two-2.0-py3-none-any.whl").unlink()
    with pytest.raises(UserError) as raised:
        environments.ensure("small")
    text = str(raised.value)
    # An index is asked for all packages at once.
    missing = r"seatrial-(one 1|two 2)\.0" if "UV_DEFAULT_INDEX" in variables else r"seatrial-two 2\.0"
    assert re.match(rf"environment small: {missing} could not be had: .*{reason}", text)
    assert "seatrial env create small" in text
    assert f"pip download --no-deps --require-hashes -r {small.lock}" in text
    assert small.left() == []


def test_without_uv_or_torch_the_message_says_how_to_install_it(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "which", lambda *_, **__: None)
        with pytest.raises(UserError, match=r"uv is not installed.*\n.* -m pip install .*"):
            environments.ensure("small")

    def none(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", none)
    with pytest.raises(UserError, match=r"torch is not installed.*\n.* pip install .*torch$"):
        environments.ensure("small")
    assert environments.standing("small").path is None


def test_a_place_that_cannot_be_written_is_told(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_ENVIRONMENTS", str(small.lock / "below a file"))
    with pytest.raises(UserError, match=r"environment small: cannot be made: .*\n.*export SEATRIAL_ENVIRONMENTS="):
        environments.ensure("small")


def test_an_unknown_environment_lists_the_choices(small: Small) -> None:
    with pytest.raises(UserError, match="no environment is called 'smal'\n    did you mean small"):
        environments.ensure("smal")


# --- which interpreter runs a job


def test_a_job_runs_in_its_environment_only_if_this_interpreter_lacks_something(small: Small) -> None:
    job = bind(CASE, TINY, LOCAL)
    assert environments.interpreter(replace(job, requires=("nothing_of_that_name",))) == sys.executable
    mine = replace(job, environment="small", requires=("json", "click.core"))
    assert environments.interpreter(mine) == sys.executable
    assert small.left() == []
    lacking = replace(job, environment="small", requires=("json", "seatrial_one", "no.such"))
    assert environments.missing(lacking) == []
    found = environments.interpreter(lacking)
    assert found == str(environments.python(environments.ensure("small")))


def test_a_job_whose_environment_is_on_request_is_left_out_until_it_is_made(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(bind(CASE, TINY, LOCAL), environment="small", requires=("seatrial_one",))
    assert environments.left_out(job) is None
    monkeypatch.setattr(versions, "ON_REQUEST", {"small": "2 packages"})
    assert environments.left_out(job) == "needs the environment small (2 packages): seatrial env create small"
    assert environments.left_out(replace(job, requires=("json",))) is None
    assert environments.left_out(replace(job, environment=None)) is None
    environments.ensure("small")
    assert environments.left_out(job) is None


def test_the_local_launcher_starts_it(small: Small, tmp_path: Path) -> None:
    job = replace(bind(CASE, TINY, LOCAL), environment="small", requires=("seatrial_one",))
    run = History(tmp_path / "runs").create(job, "one")
    commands = local._programs(local.render(job, LOCAL, "one"), run, 0)
    assert {command.argv[0] for command in commands} == {environments.interpreter(job)} != {sys.executable}


# --- standing and removal


def test_standing_says_what_is_there(small: Small) -> None:
    before = environments.standing("small")
    assert (before.made, before.size, before.packages, before.others) == (False, None, 2, ())
    folder = environments.ensure("small")
    after = environments.standing("small")
    assert (after.made, after.path) == (True, folder)
    assert after.size is not None and 100 < after.size < 1_000_000  # without torch


def test_all_versions_are_removed_and_torch_stays(small: Small) -> None:
    first = environments.ensure("small")
    small.lock.write_text(small.lock.read_text() + "\n")
    second = environments.ensure("small")
    killed = small.root / f".{second.name}.1"
    killed.mkdir()
    assert environments.remove("small") == sorted([first, second])
    assert small.left() == []
    torch = importlib.util.find_spec("torch")
    assert torch and torch.origin and Path(torch.origin).is_file() and Path(seatrial.__file__).is_file()
    assert environments.remove("small") == []


def test_what_was_not_made_here_is_neither_used_nor_removed(small: Small) -> None:
    folder = environments.standing("small").path
    assert folder is not None
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    for verb in (environments.ensure, environments.remove):
        with pytest.raises(UserError, match="was not made by Seatrial"):
            verb("small")
    assert (folder / "mine.txt").read_text() == "mine"
    assert not environments.standing("small").made


def test_the_stamp_names_what_is_shared(small: Small) -> None:
    stamp = json.loads((environments.ensure("small") / environments.STAMP).read_text())
    assert stamp["shared"]["seatrial"] == str(Path(seatrial.__file__).parent.resolve())


def test_what_uv_says_of_no_package_is_shown_whole(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(small.lock))
    with pytest.raises(
        UserError, match=r"environment small: uv failed: Failed to init(?s:.*)then: seatrial env create small"
    ):
        environments.ensure("small")
