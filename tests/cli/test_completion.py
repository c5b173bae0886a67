"""What a shell is offered, by a command that imports no more than it must; and what a real bash makes of it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ZshComplete

from seatrial.cli.shells import Zsh

HEAVY = {"seatrial.launchers.slurm", "seatrial.flow", "seatrial.plan", "seatrial.cases.fsdp", "pydantic", "rich"}


def complete(words: str, folder: Path, *, shell: str = "bash", index: bool = False) -> list[str]:
    """What a shell is told of a line."""
    code = "import sys\nfrom seatrial.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    env = {**os.environ, "_SEATRIAL_COMPLETE": f"{shell}_complete", "COMP_WORDS": words}
    env["COMP_CWORD"] = words.split(" ")[-1] if shell == "fish" else str(words.count(" "))
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=folder, capture_output=True, text=True, check=True)
    *found, modules = done.stdout.splitlines()
    assert index or HEAVY & set(modules.split()) == set()
    return [line.removeprefix("plain,") for line in found if line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody works, once everything is in the index."""
    path = tmp_path_factory.mktemp("home")
    (path / "else where" / "fsdp-1").mkdir(parents=True)
    (path / "else where" / "fsdp-1" / "job.json").touch()
    (path / "mine").mkdir()
    for name in ("mine/case.py", "my_case.py", "notes.txt"):
        (path / name).touch()
    (path / "seatrial.toml").write_text('[clusters.p5]\nlauncher = "slurm"\nnodes = 1\ncpus_per_node = 8\n')
    for line in ("run fs", "run fsdp --set ", "run fsdp --option ", "run fsdp --on p"):
        complete(f"seatrial {line}", path, index=True)
    return path


def offered(line: str, folder: Path) -> list[str]:
    return complete(f"seatrial {line}", folder)


def test_a_case_and_then_its_recipes(folder: Path) -> None:
    assert offered("run fs", folder) == ["nospace,fsdp/"]
    assert offered("render fsdp/llama3.2", folder) == ["fsdp/llama3.2-1b", "fsdp/llama3.2-3b"]
    assert offered("list fs", folder) == ["fsdp"]


def test_a_target_or_a_verb_and_the_options_of_either(folder: Path) -> None:
    assert offered("forecast fs", folder) == ["nospace,fsdp/"]
    assert offered("forecast sim", folder) == ["simulate"]
    assert offered("forecast fsdp/llama3.2", folder) == ["fsdp/llama3.2-1b", "fsdp/llama3.2-3b"]
    assert offered("forecast fsdp --sea", folder) == ["--search"]
    assert offered("forecast simulate --acc", folder) == ["--accelerators"]
    assert offered("forecast fsdp --instance p5e", folder) == ["p5e.48xlarge", "p5en.48xlarge"]
    assert "--search" not in offered("forecast --", folder)


def test_a_recipe_of_any_case(folder: Path) -> None:
    found = offered("run --all tiny", folder)
    assert found[0] == "tiny" and "tiny-tp2" in found and found == sorted(set(found))


def test_files_and_the_folders_on_the_way(folder: Path) -> None:
    assert offered("run my", folder) == ["my_case.py"]
    assert offered("run mi", folder) == ["nospace,mine/"]
    assert offered("run ./mi", folder) == ["nospace,./mine/"]
    assert offered("run mine/", folder) == ["mine/case.py"]
    assert "notes.txt" not in offered("run n", folder)


def test_runs_clusters_and_instance_types(folder: Path) -> None:
    assert offered("run fsdp --on p", folder) == ["p5"]
    assert offered("history fsdp --on p", folder) == ["p5"]
    assert offered("lint x --instance p5e", folder) == ["p5e.48xlarge", "p5en.48xlarge"]
    assert offered("list --fits p5", folder)[:2] == ["p5", "p5.4xlarge"]
    for verb in ("status --runs-dir 'else where'", "runs --runs-dir 'else where' rm"):
        assert complete(f"seatrial {verb} f", folder, index=True) == ["fsdp-1"]


def test_settings_with_their_values(folder: Path) -> None:
    assert offered("run fsdp --set sched", folder) == ["nospace,schedule="]
    # bash replaces only what stands behind the last =
    assert offered("run fsdp/tiny --set schedule=co", folder) == ["cosine", "constant"]
    assert offered("run --set schedule= fsdp --set compile=", folder) == ["true", "false"]
    assert offered("read fsdp --set schedule=l", folder) == ["linear"]
    assert offered("run ./mine.py --set st", folder) == []


def test_options_of_the_clusters_launcher(folder: Path) -> None:
    assert offered("run fsdp --option max_", folder) == ["nospace,max_restarts="]
    assert offered("run fsdp --on p5 --option gpu", folder) == ["nospace,gpus=", "nospace,gpu_type="]
    assert offered("render fsdp --on=p5 --option gpus=g", folder) == ["gpus-per-node", "gres"]


def test_the_other_shells_get_whole_words(folder: Path) -> None:
    line = "seatrial run fsdp --set schedule=co"
    assert complete(line, folder, shell="fish") == ["schedule=cosine", "schedule=constant"]
    assert complete("seatrial run fs", folder, shell="fish") == ["fsdp/"]
    assert complete(line, folder, shell="zsh") == ["plain", "schedule=cosine", "_", "plain", "schedule=constant", "_"]
    assert complete("seatrial run fs", folder, shell="zsh") == ["nospace", "fsdp/", "_"]


def test_zsh_puts_no_blank_behind_what_goes_on() -> None:
    assert Zsh.source_template != ZshComplete.source_template
    assert "nospace" in Zsh.source_template


class Bash:
    """An interactive bash with our completion, on a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.terminal, other = pty.openpty()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=other,
            stdout=other,
            stderr=other,
            cwd=folder,
            env={**os.environ, "PATH": path, "PS1": "ready> ", "TERM": "dumb", "INPUTRC": "/dev/null"},
            start_new_session=True,
        )
        os.close(other)
        self.type('eval "$(seatrial completion bash)"; echo do""ne\r', "done")

    def type(self, keys: str, expected: str) -> None:
        """Fails unless the terminal then shows that."""
        os.write(self.terminal, keys.encode())
        shown, until = "", time.monotonic() + 30
        while expected not in shown.replace("\r", "").replace("\x07", ""):
            ready, _, _ = select.select([self.terminal], [], [], max(0, until - time.monotonic()))
            assert ready, f"not {expected!r} but {shown!r}"
            shown += os.read(self.terminal, 4096).decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture
def bash(folder: Path) -> Iterator[Bash]:
    if not shutil.which("bash"):
        pytest.skip("there is no bash")
    shell = Bash(folder)
    yield shell
    shell.close()


def test_bash_puts_a_blank_behind_what_is_whole_and_only_there(bash: Bash) -> None:
    # What is typed after the Tab shows whether there is a blank.
    bash.type("seatrial run fsd\t|", "run fsdp/|")
    bash.type("\x15seatrial run fsdp/ti\t|", "run fsdp/tiny |")
    bash.type("\x15seatrial run fsdp --set sched\t|", "--set schedule=|")
    bash.type("\x15seatrial run fsdp --set schedule=lin\t|", "--set schedule=linear |")
    bash.type("\x15seatrial run ./mi\tca\t|", "run ./mine/case.py |")
