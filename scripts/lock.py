"""Makes locks anew: python scripts/lock.py NAME... [--upgrade]

`run` and `develop` are what scripts/setup.sh installs, `command` and those of seatrial.images.containers.locks what
images alone have, the other names are environments. What is asked for stands in pyproject.toml and
src/seatrial/versions/. Versions that a lock has already stay as long as they fit; --upgrade takes the newest. Run it
with the Python of a development environment (make test makes one).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import Requirement

from seatrial import environments, versions
from seatrial.environments import _lock, _uv
from seatrial.errors import UserError
from seatrial.images.containers import locks

HERE = Path(__file__).parent

SETUPS: Mapping[str, tuple[str, ...]] = {
    "develop": (
        *("train", "profile", "hub", "kubernetes", "aws", "architectures"),
        *("observe", "otlp", "tensorboard", "mlflow", "wandb"),
        *("dev", "benchmark"),
    ),
    "run": ("train", "profile"),
    "command": ("train",),
}
"""Argument of scripts/setup.sh, or lock of images -> extras and dependency groups of pyproject.toml that it installs.
The first holds all that the others do, and decides their versions."""

HEADER = """\
# {kind} {name}, for {systems} with Python {python}: files by their hashes{without}.
# Made by: python scripts/lock.py {name}
# Inputs: sha256:{digest}
"""

PARTIAL = ("UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL")
"""Not to be asked for a lock: such places often hold the files of one platform only, and so would the lock."""


def main() -> int:
    names = [*SETUPS, *environments.names(), *locks.LOCKS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", metavar="NAME", choices=names)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions, not those of the old lock")
    arguments = parser.parse_args()
    for name in sorted(arguments.names, key=names.index):
        try:
            text = resolve(name, upgrade=arguments.upgrade)
        except _uv.Failed as failed:
            print(f"error: {name} cannot be resolved\n{failed.said}", file=sys.stderr)
            print(f"our pins in it: {', '.join(taking_part(name, failed.said)) or 'none'}", file=sys.stderr)
            return 1
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        path(name).write_text(text, encoding="utf-8")
        print(f"{path(name)}: {len(_lock.packages(text))} packages")
    return 0


def path(name: str) -> Path:
    """Where a lock stands. Those that scripts/setup.sh installs are no part of the package."""
    return HERE / "locks" / f"{name}.txt" if name in ("develop", "run") else locks.path(name)


def requested(name: str) -> list[str]:
    """The requirements that a lock is made from."""
    if name in locks.LOCKS:
        return list(locks.LOCKS[name].requested)
    return _set_up(name) if name in SETUPS else _lock.requested(name)


def _set_up(name: str) -> list[str]:
    """What pyproject.toml states, each with its pin, and what torch needs, which is installed beside the lock."""
    pyproject = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    optional = pyproject["project"]["optional-dependencies"] | pyproject["dependency-groups"]
    # An image has Seatrial's files as they are: nothing builds them there.
    stated = [] if name == "command" else [*pyproject["build-system"]["requires"]]
    stated += [*pyproject["project"]["dependencies"], *(text for part in SETUPS[name] for text in optional[part])]
    names = {text: Requirement(text).name for text in stated}
    kept = [text for text in stated if names[text] not in versions.LEFT_OUT]
    return [*kept, *(f"{names[text]}=={versions.DIRECT[names[text]]}" for text in kept), *versions.TORCH_NEEDS]


def oldest_python(name: str) -> str:
    """The Python that a lock is made for."""
    beside = locks.LOCKS[name].beside if name in locks.LOCKS else None
    return _lock.oldest_python(beside or name)


def resolve(name: str, *, upgrade: bool) -> str:
    """A lock's text. Raises _uv.Failed if the requirements do not fit together."""
    whole, *others = SETUPS
    image = locks.LOCKS.get(name)
    within = image.within if image else (whole,) if name in others else ()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "requested.in").write_text("\n".join(requested(name)) + "\n", encoding="utf-8")
        (folder / "left-out.txt").write_text("\n".join(versions.LEFT_OUT) + "\n", encoding="utf-8")
        if path(name).exists() and not upgrade:
            shutil.copy(path(name), folder / "lock.txt")
        python = oldest_python(name)
        options = ["--universal", "--python-version", python, "--generate-hashes", "--no-header"]
        options += ["--output-file", "lock.txt", *_uv.pip_options()]
        options += [] if image else ["--excludes", "left-out.txt"]
        for other in within:
            shutil.copy(path(other), folder / ("whole.txt" if other == whole else f"{other}.txt"))
            options += ["--constraints", "whole.txt" if other == whole else f"{other}.txt"]
        _uv.run(["pip", "compile", "--quiet", *options, "requested.in"], folder=folder, without=PARTIAL)
        text = (folder / "lock.txt").read_text(encoding="utf-8")
    return header(name) + (without(text, image.beside) if image and image.beside else text)


def header(name: str) -> str:
    """What a lock says of itself."""
    python = oldest_python(name)
    kind = "Image" if name in (*locks.LOCKS, "command") else "Set-up" if name in SETUPS else "Environment"
    image = locks.LOCKS.get(name)
    return HEADER.format(
        kind=kind,
        name=name,
        systems="Linux" if image else "Linux and macOS",
        without=f", without what {image.beside} holds"
        if image and image.beside
        else ""
        if image
        else ", without torch",
        python=python if python != versions.PYTHON else f"{python} or newer",
        digest=digest(name),
    )


def digest(name: str) -> str:
    """Hash of all that decides a lock."""
    return locks.digest(name) if name in locks.LOCKS else _lock.digest(requested(name), oldest_python(name))


def without(text: str, beside: str) -> str:
    """A lock without the packages of another one, which is installed beside it."""
    there = locks.entries(path(beside).read_text(encoding="utf-8"))
    return "".join(lines for package, lines in locks.entries(text).items() if package not in there)


def taking_part(name: str, said: str) -> list[str]:
    """Those of our requirements whose package uv names."""
    words = set(said.replace("=", " ").replace("<", " ").replace(">", " ").replace("`", " ").split())
    return [text for text in requested(name) if Requirement(text).name in words]


if __name__ == "__main__":
    sys.exit(main())
