"""Why a build failed. Buildah's lines were printed by Buildah 1.28; Docker's were made after its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.images.building.failing import failed_step, failure, last_words

LOG = Path("a.log")
BUILDAH = """\
[1/2] STEP 1/2: FROM localhost/base:1 AS one
[1/2] STEP 2/2: RUN --mount=type=cache,target=/var/cache true
[2/2] STEP 1/2: FROM b140989de0d00ee738c3fe4acbc199fc81fe22fc07d5cca311982ce45c2f7a6b
[2/2] STEP 2/2: RUN echo hello; echo fails >&2; exit 3
hello
fails
subprocess exited with status 3
Error: building at STEP "RUN echo hello; echo fails >&2; exit 3": exit status 3
"""
DOCKER = """\
#1 [internal] load build definition from Dockerfile
#6 [base 1/3] FROM docker.io/library/ubuntu:24.04@sha256:0
#7 [base 2/3] RUN false
#8 [nccl 1/2] RUN make
#7 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1
#8 CANCELED
ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1
"""
GONE = """\
[1/2] STEP 1/2: FROM 127.0.0.1:5000/base@sha256:00 AS base
Trying to pull 127.0.0.1:5000/base@sha256:00...
Error: creating build container: initializing source docker://127.0.0.1:5000/base@sha256:00: reading manifest \
sha256:00 in 127.0.0.1:5000/base: manifest unknown: manifest unknown
"""
OFFLINE = """\
STEP 1/2: FROM docker.io/library/ubuntu@sha256:00
Error: creating build container: initializing source docker://ubuntu@sha256:00: pinging container registry \
registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host
"""


def test_the_step_is_the_one_that_failed():
    assert failed_step(BUILDAH.splitlines()) == "[2/2] STEP 2/2: RUN echo hello; echo fails >&2; exit 3"
    assert failed_step(DOCKER.splitlines()) == "#7 [base 2/3] RUN false"
    assert (
        failed_step(["STEP 1/1: RUN --mount=type=cache,target=/a  --mount=b  make   all"]) == "STEP 1/1: RUN make all"
    )
    assert failed_step([]) == "" and last_words([]) == ""


def test_what_was_said_last_is_what_the_step_said():
    assert last_words(BUILDAH.splitlines()) == "fails"
    assert last_words(DOCKER.splitlines()).startswith("#7 ERROR: process")
    assert last_words(["Error: building at STEP"]) == "Error: building at STEP"


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        (BUILDAH, "", ""),
        (DOCKER, "", ""),
        (GONE, "a base is no longer what it was", "--set base.digest=sha256:"),
        (OFFLINE, "cannot be reached", "--build-arg"),
        ("STEP 1/1: RUN x\nexec /bin/sh: exec format error\n", "another kind of processor", "emulation"),
        (
            "#9 [a 1/2] RUN y\nsha256sum: WARNING: 1 computed checksum did NOT match\n",
            "not the one that was pinned",
            "",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n", "not the one that was", ""),
        ("denied: requested access to the resource is denied\n", "who you are", "log in"),
        ("#9 12.3 write /opt/x: no space left on device\n", "the disk is full", "prune"),
        ("Error: no image found in manifest list for architecture arm64\n", "does not exist for that kind", "--arch"),
    ],
)
def test_what_the_user_can_repair_is_said(text, cause, remedy):
    found = failure("a was not built", text.splitlines(), 1, LOG)
    assert cause in found.what and remedy in found.remedy and found.remedy.endswith("its log: a.log")
    assert found.what.startswith("a was not built: ") is bool(cause)


def test_of_what_cannot_be_explained_step_and_last_words_are_told():
    found = failure("a was not built", BUILDAH.splitlines(), 3, LOG)
    step = "[2/2] STEP 2/2: RUN echo hello; echo fails >&2; exit 3"
    assert (found.what, found.remedy) == (f"a was not built at {step}\n    fails", "its log: a.log")
    assert failure("a was not built", [], 3, LOG).what == "a was not built\n    exit status 3"


def test_what_failed_long_before_and_was_tried_again_is_no_cause():
    lines = ["WARNING: Retrying: connection refused", *["built"] * 100, "Error: exit status 1"]
    assert failure("a was not built", lines, 1, LOG).what == "a was not built\n    Error: exit status 1"
    assert "cannot be reached" in failure("a was not built", lines[:50], 1, LOG).what
