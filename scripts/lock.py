"""Makes the locks of environments anew: python scripts/lock.py NAME... [--upgrade]

What is asked for stands in src/seatrial/versions.py. Versions that a lock has already stay as long as they fit;
--upgrade takes the newest. Run it with the Python of a development environment (make test makes one).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from seatrial import environments, versions
from seatrial.environments import _lock, _uv
from seatrial.errors import UserError

HEADER = """\
# Environment {name}, for Linux and macOS with Python {python} or newer: files by their hashes, without torch.
# Made by: python scripts/lock.py {name}
# Inputs: sha256:{digest}
"""

PARTIAL = ("UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL")
"""Not to be asked for a lock: such places often hold the files of one platform only, and so would the lock."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", metavar="NAME", choices=environments.names())
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions, not those of the old lock")
    arguments = parser.parse_args()
    for name in arguments.names:
        try:
            text = resolve(name, _lock.path(name), upgrade=arguments.upgrade)
        except _uv.Failed as failed:
            print(f"error: environment {name} cannot be resolved\n{failed.said}", file=sys.stderr)
            print(f"our pins in it: {', '.join(taking_part(name, failed.said)) or 'none'}", file=sys.stderr)
            return 1
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        _lock.path(name).write_text(text, encoding="utf-8")
        print(f"{_lock.path(name)}: {len(_lock.packages(text))} packages")
    return 0


def resolve(name: str, old: Path, *, upgrade: bool) -> str:
    """A lock's text. Raises _uv.Failed if the requirements do not fit together."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "requested.in").write_text("\n".join(_lock.requested(name)) + "\n", encoding="utf-8")
        (folder / "left-out.txt").write_text("\n".join(versions.LEFT_OUT) + "\n", encoding="utf-8")
        if old.exists() and not upgrade:
            shutil.copy(old, folder / "lock.txt")
        options = ["--universal", "--python-version", versions.PYTHON, "--generate-hashes", "--no-header"]
        options += ["--excludes", "left-out.txt", "--output-file", "lock.txt", *_uv.pip_options()]
        _uv.run(["pip", "compile", "--quiet", *options, "requested.in"], folder=folder, without=PARTIAL)
        header = HEADER.format(name=name, python=versions.PYTHON, digest=_lock.digest(name))
        return header + (folder / "lock.txt").read_text(encoding="utf-8")


def taking_part(name: str, said: str) -> list[str]:
    """Those of our requirements whose package uv names."""
    words = set(said.replace("=", " ").replace("<", " ").replace(">", " ").replace("`", " ").split())
    return [pin for pin in _lock.requested(name) if next(iter(_lock.packages(pin)), pin.partition(">=")[0]) in words]


if __name__ == "__main__":
    sys.exit(main())
