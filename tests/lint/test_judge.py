"""Which findings come out: excused, selected, mapped to lines; and what could not be read is never a pass."""

from __future__ import annotations

import pytest

from seatrial.errors import UserError
from seatrial.findings import Verdict
from seatrial.hardware.instances import instance
from seatrial.lint import judge as judging
from seatrial.lint.judge import headers, lint
from seatrial.network import lint as network_rules
from tests.lint.test_rules import hits, lint_text

TOLD = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)
CLONE = "git clone https://github.com/pytorch/torchtitan.git"
ID = "pins.unpinned-clone"
EXCUSED = [
    f"# seatrial: ignore[{ID}] the branch is under test\n{CLONE}\n",
    f"{CLONE} # seatrial: ignore[{ID}] the branch is under test\n",
    f"# seatrial: ignore[launch.secret, {ID}] the branch is under test\n{CLONE}\n",
    f"# seatrial: ignore[{ID}] the branch is under test\nsrun --label \\\n  -n 1 \\\n  true \\\n  && {CLONE}\n",
]
NOT_EXCUSED = [
    f"# seatrial: ignore[{ID}] too far away\n\n{CLONE}\n",
    f"true # seatrial: ignore[{ID}] another line\n{CLONE}\n",
    f"# seatrial: ignore[launch.secret] another rule\n{CLONE}\n",
    f"{CLONE}\n# seatrial: ignore[{ID}] afterwards\n",
]


@pytest.mark.parametrize("text", EXCUSED)
def test_a_comment_with_a_reason_excuses(text):
    assert hits("#!/bin/bash\n" + text) == []


@pytest.mark.parametrize("text", NOT_EXCUSED)
def test_a_comment_excuses_nothing_else(text):
    assert [check for check, _ in hits("#!/bin/bash\n" + text)] == [ID]


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_comment_without_a_reason_excuses_nothing(reason):
    found = hits(f"#!/bin/bash\n# seatrial: ignore[{ID}]{reason}\n{CLONE}\n")
    assert found == [("lint.ignored-without-reason", 2), (ID, 3)]


def test_the_environment_is_judged_where_it_is_set():
    found = lint_text(
        "#!/bin/bash\nexport NCCL_DEBUG=WARN\nexport NCCL_DEBUG=INFO\nNCCL_SOKET_IFNAME=en python train.py\n"
    )
    assert [(f.check.partition(".")[0], f.scope["line"], f.scope["variable"]) for f in found] == [
        ("network", 3, "NCCL_DEBUG"),
        ("network", 4, "NCCL_SOKET_IFNAME"),
    ]


def test_versions_that_the_file_states_decide_about_its_environment():
    text = "FROM x:1\nARG AWS_OFI_NCCL_VERSION=v{}\nENV FI_PROVIDER=efa INSTANCE_TYPE=p5.48xlarge\n"
    old = {f.verdict for f in lint_text(text.format("1.5.0")) if f.scope.get("variable") == "FI_PROVIDER"}
    new = {f.verdict for f in lint_text(text.format("1.14.2")) if f.scope.get("variable") == "FI_PROVIDER"}
    assert old == set() and new == {Verdict.WARN}


def test_the_instance_type_decides_about_files_that_name_none(tmp_path):
    path = tmp_path / "job.sh"
    path.write_text("#!/bin/bash\n#SBATCH --gpus-per-node=8\nexport FI_EFA_USE_DEVICE_RDMA=0 FI_PROVIDER=efa\nsrun x\n")
    assert {f.verdict for f in lint([path]).findings} == {Verdict.UNKNOWN}
    path.write_text(path.read_text().replace("RDMA=0", "RDMA=1"))
    assert lint([path]).findings == ()
    assert lint([path], instance=instance("p5.48xlarge")).findings == ()
    small = {f.check for f in lint([path], instance=instance("g5.12xlarge")).findings}
    assert "slurm.more-processes-than-gpus" in small


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bad.sh").write_text(f"#!/bin/bash\n{CLONE}\ncd a b\n")
    (tmp_path / "broken.sh").write_text("#!/bin/bash\nif true; then\n")
    (tmp_path / "good.sh").write_text("#!/bin/bash\necho fine\n")
    return tmp_path


def test_only_what_was_read_whole_passes(folder):
    report = lint([folder])
    verdicts = {path.name: verdict for path, verdict in report.verdicts().items()}
    assert verdicts == {"bad.sh": Verdict.FAIL, "broken.sh": Verdict.UNKNOWN, "good.sh": Verdict.PASS}


@pytest.mark.parametrize("options", [{"ignore": ["lint.*"]}, {"select": ["pins.*"]}])
def test_a_file_that_nobody_read_never_passes(tmp_path, options):
    (tmp_path / "job.sh").write_text("#!/usr/bin/env fish\nset -x A 1\n")
    report = lint([tmp_path], **options)
    assert report.findings == () and report.unread == 1
    assert list(report.verdicts().values()) == [Verdict.UNKNOWN]


def test_a_file_that_is_given_twice_is_judged_once(folder):
    assert len(lint([folder / "bad.sh", folder, folder / "bad.sh"]).files) == 3


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {ID, "shell.cd-words", "lint.unreadable"}),
        ({"select": [ID]}, {ID}),
        ({"select": ["shell.*"]}, {"shell.cd-words"}),
        ({"ignore": ["pins.*"]}, {"shell.cd-words", "lint.unreadable"}),
        ({"ignore": ["lint.unreadable"]}, {ID, "shell.cd-words"}),
        ({"select": ["shell.*", ID], "ignore": [ID]}, {"shell.cd-words"}),
    ],
)
def test_rules_can_be_chosen(folder, options, found):
    assert {finding.check for finding in lint([folder], **options).findings} == found


def test_what_costs_most_comes_first(folder):
    (folder / "a.sh").write_text(f"#!/bin/bash\n{CLONE}\ncd a b\n")
    found = [(f.verdict, f.check, f.scope["path"].rpartition("/")[2]) for f in lint([folder]).findings]
    assert found == [
        (Verdict.FAIL, "shell.cd-words", "a.sh"),
        (Verdict.FAIL, "shell.cd-words", "bad.sh"),
        (Verdict.WARN, ID, "a.sh"),
        (Verdict.WARN, ID, "bad.sh"),
        (Verdict.UNKNOWN, "lint.unreadable", "broken.sh"),
    ]


def examples() -> dict[str, str]:
    """Every rule that can tell something, with a text in which it does."""
    network = {rule.id: f"#!/bin/bash\nexport {rule.bad}\n" for rule in network_rules.HEADERS}
    return {rule.id: rule.bad for rule in headers()} | network


@pytest.mark.parametrize("name", examples())
def test_every_rule_can_be_selected_and_ignored(name, tmp_path, monkeypatch):
    rule = next(rule for rule in headers() if rule.id == name)
    (tmp_path / "job.sh").write_text("#!/bin/bash\ntrue\n")
    place = {"path": (tmp_path / "job.sh").as_posix(), "line": 2}
    found = [rule.finding(verdict, "x", scope=place) for verdict in rule.verdicts if verdict in (*TOLD,)]
    assert found, "it tells nothing"
    monkeypatch.setattr(judging, "judge", lambda _: list(found))
    assert [f.check for f in lint([tmp_path], select=[name]).findings] == [name] * len(found)
    assert lint([tmp_path], ignore=[name]).findings == ()
    assert lint([tmp_path], ignore=[name.partition(".")[0] + ".*"]).findings == ()
    others = next(rule.id for rule in headers() if rule.id != name)
    assert lint([tmp_path], select=[others]).findings == ()


@pytest.mark.parametrize("name", examples())
def test_nothing_is_told_by_a_rule_without_a_header(name):
    known = {rule.id for rule in headers()}
    assert {finding.check for finding in lint_text(examples()[name])} <= known


def test_a_rule_that_does_not_exist(folder):
    with pytest.raises(UserError, match=r"did you mean .*pins\.unpinned-clone"):
        lint([folder], select=["pins.unpined-clone"])


def test_nothing_to_lint(tmp_path):
    with pytest.raises(UserError, match="no launch file"):
        lint([tmp_path])


def test_every_problem_is_told(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("x")
    with pytest.raises(UserError) as error:
        lint([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert len(error.value.problems) == 2


DEVICE_RDMA = "export FI_EFA_USE_DEVICE_RDMA=1\n"


@pytest.mark.parametrize(
    ("site", "found"),
    [
        ("", []),
        ("# seatrial: site[instance=trn1.32xlarge]\n", []),
        ("# seatrial: site[instance=p4d.24xlarge]\n", []),
        ("# seatrial: site[instance=p4d.24xlarge, libfabric=1.17.3, aws_ofi_nccl=1.5.0]\n", []),
        (
            "# seatrial: site[instance=p4d.24xlarge efa_installer=1.50.0]\n",
            [("network.needless.device-rdma", Verdict.WARN)],
        ),
        ("# seatrial: site[instance=g5.48xlarge nccl=latest]\n", [("network.harmful.rdma-abort", Verdict.FAIL)]),
    ],
)
def test_a_comment_says_where_a_file_runs(site, found):
    findings = lint_text("#!/bin/bash\n" + site + DEVICE_RDMA)
    assert [(finding.check, finding.verdict) for finding in findings] == found


def test_what_another_language_is_written_in_is_not_opened(folder):
    (folder / "tool.py").write_text(f"#!/bin/bash\n{CLONE}\n")
    (folder / "tool.cmd").write_text(f"#!/bin/bash\n{CLONE}\n")
    assert {file.path.name for file in lint([folder]).files} == {"bad.sh", "broken.sh", "good.sh", "tool.cmd"}
