"""Stands for docker, buildah, podman and enroot: does as they do to a list of images, and writes down how it is called."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ.get("STAND_IN_STATE", "/nowhere"))
ID = "sha256:" + "1" * 64
DIGEST = "sha256:" + "d" * 64


def main(name: str, words: list[str]) -> int:
    given = sys.stdin.read() if "--password-stdin" in words else ""
    with (STATE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps([name, *words]) + "\n")
    if (STATE / f"fails-{name}-{words[0]}").exists():
        print((STATE / f"fails-{name}-{words[0]}").read_text(), end="", flush=True)
        return 1
    images = json.loads((STATE / "images.json").read_text())
    verb = "build" if "--iidfile" in words else "inspect" if "inspect" in words else words[0]
    if verb == "build":
        folder = Path(words[-1])
        seen = {str(path.relative_to(folder)): path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}
        (STATE / "context.json").write_text(json.dumps(seen))
        print("STEP 1/2: FROM base\nSTEP 2/2: RUN python self_test.py\nself-test: all is there")
        Path(words[words.index("--iidfile") + 1]).write_text(ID)
    elif verb == "inspect" and "{{json .RepoDigests}}" in words:
        print(json.dumps([f"{words[-1].rpartition(':')[0]}@{DIGEST}"]))
    elif verb == "inspect" and words[0] != "context":
        if words[-1] not in images:
            return 1
        print(json.dumps({"OCIv1": {"config": {}}}) if "--format" not in words else images[words[-1]])
    elif verb == "tag":
        images[words[2]] = words[1]
        (STATE / "images.json").write_text(json.dumps(images))
    elif verb == "login":
        Path(os.environ["DOCKER_CONFIG"], "config.json").write_text(given)
    elif verb == "push":
        login = Path(os.environ.get("DOCKER_CONFIG", "/nowhere"), "config.json")
        (STATE / "login").write_text(login.read_text() if login.exists() else "")
        if "--digestfile" in words:
            Path(words[words.index("--digestfile") + 1]).write_text(DIGEST)
    elif verb == "import":
        Path(words[words.index("--output") + 1]).write_text("squash")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[0]).name, sys.argv[1:]))
