"""An environment of two small packages, made of wheels that stand in a folder: no network, a second to make."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seatrial import environments, versions
from seatrial.environments import _lock

VARIABLES = ("UV_", "PIP_", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Small:
    """The environment `small`, and where its parts are."""

    root: Path
    """Folder of environments."""
    wheels: Path
    lock: Path

    def python(self, code: str) -> Any:
        """What `code` leaves in `result`, run by the environment's Python."""
        code = f"import json\n{textwrap.dedent(code)}\nprint(json.dumps(result))"
        interpreter = environments.python(environments.ensure("small"))
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        run = subprocess.run([interpreter, "-c", code], env=variables, capture_output=True, text=True, check=True)
        return json.loads(run.stdout)

    def left(self) -> list[str]:
        """What lies in the folder of environments, without locks."""
        return sorted(path.name for path in self.root.glob("*") if not path.name.endswith(".lock"))


def driver(small: Small, code: str) -> subprocess.Popen[str]:
    """Another process that knows the environment `small` and runs `code`; all that it prints comes in one pipe."""
    before = f"""
        from pathlib import Path
        from seatrial import environments, versions
        from seatrial.environments import _lock, _uv
        versions.ENVIRONMENTS = {{"small": ()}}
        _lock.FOLDER = Path({str(small.lock.parent)!r})
    """
    return subprocess.Popen(
        [sys.executable, "-u", "-c", textwrap.dedent(before) + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wheel(folder: Path, name: str, version: str, text: str) -> str:
    """A wheel of one module. Returns the line of a lock for it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": text,
        # What it requires does not exist: only the lock counts.
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: no-such-thing\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(inside), content)
    return f"{name.replace('_', '-')}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """The environment `small`, not made yet."""
    for name in [name for name in os.environ if name.startswith(VARIABLES)]:
        monkeypatch.delenv(name)
    found = Small(tmp_path / "environments", tmp_path / "wheels", tmp_path / "locks/small.txt")
    found.wheels.mkdir()
    found.lock.parent.mkdir()
    found.lock.write_text(
        wheel(found.wheels, "seatrial_one", "1.0", "value = 1\n")
        + wheel(found.wheels, "seatrial_two", "2.0", "import seatrial_one\nvalue = seatrial_one.value + 1\n")
    )
    monkeypatch.setenv("SEATRIAL_ENVIRONMENTS", str(found.root))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(found.wheels))
    monkeypatch.setattr(versions, "ENVIRONMENTS", {"small": ()})
    monkeypatch.setattr(_lock, "FOLDER", found.lock.parent)
    return found
