"""What a builder is given, and the tag that tells what that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.errors import UserError
from seatrial.images._image import Choice
from seatrial.images.building.context import Context
from seatrial.plan import Plan


def test_all_files_are_written_and_no_file_tells_when(context, tmp_path):
    context.write(tmp_path / "a")
    files = {str(path.relative_to(tmp_path / "a")): path for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert set(files) == {"Dockerfile", "locks/command.txt", "seatrial/__init__.py"}
    assert {path.stat().st_mtime for path in files.values()} == {315532800.0}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o644}


def test_the_same_content_has_the_same_tag_and_nothing_else_has(context: Context):
    assert context.reference.startswith("seatrial/fsdp:cuda13-") and len(context.tag) == len("cuda13-") + 12
    files = context.plan.files
    others = [
        replace(context, arguments={"BASE": "a:1"}),
        replace(context, arguments={"BASE": "a:2"}),
        replace(context, choice=Choice(architecture="arm64")),
        replace(context, plan=Plan(files={**files, "Dockerfile": "FROM other\n"})),
        replace(context, plan=Plan(files={**files, "seatrial/more.py": ""})),
    ]
    assert len({one.tag for one in (context, *others)}) == len(others) + 1
    assert replace(context, plan=Plan(files=dict(reversed(files.items())))).tag == context.tag
    assert replace(context, choice=Choice(settings={"nccl": "1"})).tag == context.tag  # it stands in the plan


def test_a_secret_and_a_base_that_moves_are_refused_together(context):
    with pytest.raises(UserError) as caught:
        replace(context, arguments={"PIP_TOKEN": "x", "BASE": "ubuntu", "EFA": "y"}).check()
    secret, base = map(str, caught.value.problems)
    assert secret.startswith("--build-arg PIP_TOKEN: looks like a secret") and "-- --secret id=" in secret
    assert base.startswith("--build-arg BASE: ubuntu has no tag, which means latest")
    replace(context, arguments={"BASE": f"ubuntu@sha256:{'0' * 64}"}).check()
