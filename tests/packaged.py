"""A package, as good as installed, that offers cases which train nothing: each walks, by a recipe `drill`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

WALK = Path(__file__).with_name("walk.py").read_text(encoding="utf-8")


def walk(name: str, *, steps: int = 30, fall: float = 0.1) -> str:
    """The text of such a case."""
    own = f"ARGS = Args(steps={steps}, fall={fall}, "
    return WALK.replace("ARGS = Args(steps=30, ", own).replace('"walk"', f'"{name}"').replace('"tiny"', '"drill"')


def install(folder: Path, cases: Mapping[str, str]) -> dict[str, str]:
    """Make the package below `folder`: name of each case -> text of its module. Returns the variables that it takes."""
    packages = folder / "site-packages"
    info = packages / "plugged-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[seatrial.cases]\n" + "".join(f"{name} = {name}\n" for name in cases))
    for name, text in cases.items():
        (packages / f"{name}.py").write_text(text)
    return {"PYTHONPATH": str(packages), "XDG_CACHE_HOME": str(folder / "cache")}
