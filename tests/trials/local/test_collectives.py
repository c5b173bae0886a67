"""The pairwise search on four real ranks of gloo, one of which is slow in the collective, or wrong, or none."""

from __future__ import annotations

import pytest

from seatrial.verdict import judge
from tests.command import settings
from tests.faulty_collectives import FAULTY

# So that cores that are busy with something else are no fault: a second is hundreds of times the usual.
SEARCH = settings("search=true", "search_bytes=65536", "slow_factor=60", "warmup=1", "iterations=5")


@pytest.mark.parametrize(
    ("fault", "code", "named"),
    [
        ("slow 2", 1, "rank 2 on "),
        ("link 0 3", 1, "the link between rank 0 on "),
        ("wrong 1", 1, "rank 1 on "),
        ("none", 0, "nothing stands out"),
    ],
)
def test_the_search_names_what_is_bad(command, tmp_path, fault, code, named):
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    name = fault.replace(" ", "-")
    command("run", str(path), "--name", name, "--processes", "4", *SEARCH, expect=code, TEST_FAULT=fault)
    [found] = [finding for finding in judge(command.find(name)) if finding.check == "collectives.search"]
    assert found.observed.startswith(named), found
    if code:
        bad = found.scope["links"][0] if fault.startswith("link") else found.scope["nodes"]
        assert len(bad) == len(found.scope["nodes"]) + 2 * len(found.scope["links"])
        assert [label.split()[1] for label in bad] == [word for word in fault.split() if word.isdigit()], found
