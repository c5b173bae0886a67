"""Which files are launch files, and what is read from them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UserError
from seatrial.lint import documents
from seatrial.lint.judge import judge
from seatrial.lint.manifest import TEMPLATE
from seatrial.lint.rules import Tree, all_rules

KINDS = [
    ("job.sbatch", "#!/bin/bash\n#SBATCH -N 1\n", "sbatch"),
    ("job.sh", "#!/bin/bash\n#SBATCH -N 1\n", "sbatch"),
    ("job", "#SBATCH -N 1\n", "sbatch"),
    ("submit.sh", "#!/bin/bash\nsbatch <<EOF\n#!/bin/bash\n#SBATCH -N 1\nEOF\n", "shell"),
    ("run.sh", "echo\n", "shell"),
    ("run", "#!/usr/bin/env bash\n", "shell"),
    ("run.py", "#!/usr/bin/env python3\n#SBATCH -N 1\n", None),
    ("notes.md", "#SBATCH -N 1\n", None),
    ("pod.yaml", "apiVersion: v1\n", "yaml"),
    ("pod.yaml-template", "apiVersion: v1\n", "yaml"),
    ("pod.yml", "# x\napiVersion: v1\n", "yaml"),
    ("ci.yaml", "jobs: {}\n", None),
    ("Dockerfile", "FROM x\n", "dockerfile"),
    ("gpu.Dockerfile", "ARG X\nFROM x\n", "dockerfile"),
    ("Dockerfile.md", "A page.\n", None),
    ("Dockerfile.gpu", "FROM x\n", "dockerfile"),
    ("dockerfile", "FROM x\n", "dockerfile"),
    ("Dockerfile_gpu", "FROM x\n", "dockerfile"),
    ("Containerfile", "FROM x\n", "dockerfile"),
    ("train_Dockerfile", "FROM x\n", "dockerfile"),
    ("Dockerfile.gpu.template", "FROM x\n", "dockerfile"),
    ("Dockerfile_utils.py", "FROM x\n", None),
    ("gpu.sh.template", "echo\n", "shell"),
    ("pod.yaml.template", "apiVersion: v1\n", "yaml"),
    ("pod.template", "apiVersion: v1\n", "yaml"),
    ("values.template", "a: 1\n", None),
    ("job.sbatch.j2", "#SBATCH -N {{ n }}\n", "sbatch"),
    ("job.sbatch.tmpl", "#!/bin/bash\n#SBATCH -N 1\n", "sbatch"),
    ("job.slurm", "#SBATCH -N 1\n", "sbatch"),
    ("job.sub", "#!/bin/sh\n#SBATCH -N 1\n", "sbatch"),
    ("condor.sub", "universe = docker\nqueue 4\n", None),
    ("job.job", "#!/bin/bash\necho\n", "shell"),
    ("Kustomization", "images: []\n", "yaml"),
    ("kustomization.yml", "images: []\n", "yaml"),
    ("values-p5.yaml", "image: x\n", "yaml"),
    ("dockerfile.py", "FROM x\n", None),
]


@pytest.mark.parametrize(("name", "text", "kind"), KINDS, ids=[name for name, _, _ in KINDS])
def test_the_kind_of_a_file(name, text, kind):
    assert documents.kind_of(Path(name), text) == kind


def test_a_folder_gives_its_launch_files_in_order(tmp_path):
    for name, text, _ in KINDS:
        (tmp_path / name).write_text(text)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "hook.sh").write_text("echo\n")
    (tmp_path / "data.bin").write_bytes(b"\0" * 100)
    found = [path.name for path in documents.find([tmp_path])]
    assert found == sorted(name for name, _, kind in KINDS if kind)


def test_links_devices_and_large_files_do_no_harm(tmp_path):
    (tmp_path / "run.sh").write_text("echo\n")
    (tmp_path / "again.sh").symlink_to("run.sh")
    (tmp_path / "loop.sh").symlink_to("loop.sh")
    (tmp_path / "gone.sh").symlink_to("nowhere.sh")
    (tmp_path / "round").symlink_to(".")
    (tmp_path / "large.sh").write_text("#" * (documents.LARGEST + 1))
    (tmp_path / "binary.sh").write_bytes(b"#!/bin/sh\n\0")
    (tmp_path / "secret.sh").write_text("echo\n")
    os.mkfifo(tmp_path / "pipe.sh")
    assert [path.name for path in documents.find([tmp_path])] == ["run.sh", "secret.sh"]
    [document] = documents.read(tmp_path / "large.sh")
    assert document.problem == "is larger than 1 MiB"
    for name in ("pipe.sh", "binary.sh"):
        with pytest.raises(UserError, match="is no launch file"):
            documents.read(tmp_path / name)


def test_a_link_to_a_file_elsewhere_is_read(tmp_path):
    (tmp_path / "elsewhere.sh").write_text("echo\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/run.sh").symlink_to(tmp_path / "elsewhere.sh")
    assert len(documents.find([tmp_path / "folder"])) == 1


def test_what_describes_a_type_is_no_manifest():
    text = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    text += "schema: {containers: [{name: x, image: 'x:latest', resources: {limits: {gpu: }}}]}\n"
    assert documents.parse(Path("crd.yaml"), "yaml", text) == []


def test_paths_that_do_not_exist_are_told_together(tmp_path):
    with pytest.raises(UserError) as error:
        documents.find([tmp_path / "a", tmp_path, tmp_path / "b"])
    assert len(error.value.problems) == 2


def test_a_file_that_is_no_launch_file(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("# notes\n")
    with pytest.raises(UserError, match="is no launch file"):
        documents.read(path)


def test_several_documents_of_a_manifest_keep_their_lines(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text("apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n")
    first, second = documents.read(path)
    assert (first.manifest["kind"], second.manifest["kind"]) == ("A", "Pod")
    assert second.manifest.line_of("spec") == 6 and second.containers[0].spec.line == 8


def test_here_documents_are_documents():
    text = "#!/bin/bash\nsbatch <<'EOF'\n#!/bin/bash\n#SBATCH -N 2\nexport A=1\nEOF\nkubectl apply -f - <<END\n"
    text += "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      env: [{name: B, value: '2'}]\nEND\n"
    found = documents.parse(Path("run.sh"), "shell", text)
    assert [(d.kind, d.line) for d in found] == [("shell", 1), ("sbatch", 3), ("yaml", 8)]
    assert [d.embedded for d in found] == [False, True, True]
    assert [(a.name, a.line) for d in found[1:] for a in d.assignments()] == [("A", 5), ("B", 13)]


def test_assignments_of_a_container_and_its_script():
    text = """apiVersion: v1
kind: Pod
spec:
  containers:
    - name: a
      env:
        - name: A
          value: "1"
        - name: B
          value: $B
        - name: C
          valueFrom: {secretKeyRef: {name: x, key: y}}
      command: [bash, -c]
      args:
        - |
          export D=4
          torchrun --rank=$(A) train.py
"""
    [document] = documents.parse(Path("pod.yaml"), "yaml", text)
    found = [(a.name, a.value, a.line) for a in document.assignments()]
    assert found == [("A", "1", 8), ("B", None, 10), ("C", None, 11), ("D", "4", 16)]
    assert [c.line for c in document.commands()] == [13, 17]


def test_assignments_of_a_dockerfile():
    text = "FROM x\nARG V=1\nENV A=$V B='b c'\nENV C d e\nRUN E=5 make \\\n  # comment\n\n  && export F=6\n"
    [document] = documents.parse(Path("Dockerfile"), "dockerfile", text)
    found = [(a.name, a.value, a.line) for a in document.assignments()]
    assert found == [("A", "1", 3), ("B", "b c", 3), ("C", "d e", 4), ("E", "5", 5), ("F", "6", 8)]


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("shell", "export INSTANCE_TYPE=p5.48xlarge\n", "p5.48xlarge"),
        ("shell", "export INSTANCE_TYPE=ml.p5.48xlarge\n", "p5.48xlarge"),
        ("shell", "export INSTANCE_TYPE=p99.huge\n", None),
        ("shell", "export INSTANCE_TYPE=$X\n", None),
        ("shell", "A_INSTANCE_TYPE=p5.48xlarge\nB_INSTANCE_TYPE=g5.8xlarge\n", None),
        ("shell", "# seatrial: site[instance=ml.p5.48xlarge nccl=2.28.3]\n", "p5.48xlarge"),
        ("yaml", "# seatrial: site[instance=p5.48xlarge]\napiVersion: v1\n", "p5.48xlarge"),
        ("shell", "# seatrial: site[instance=p99.huge]\n", None),
        ("shell", "# seatrial: site[instance=p5.48xlarge]\nINSTANCE_TYPE=g5.8xlarge\n", None),
    ],
)
def test_the_instance_type_that_a_file_names(kind, text, name):
    [document] = documents.parse(Path("x.sh"), kind, text)
    assert (document.instance().name if document.instance() else None) == name


UNREADABLE = [
    ("yaml", "apiVersion: v1\nkind: [\n", 3, "is not YAML"),
    ("yaml", "apiVersion: v1\nname: {{ .Values.name }}\n", 2, "is a template: 1 of its lines (50%)"),
    ("yaml", 'apiVersion: v1\nname: "a-{{ name }}"\n', 2, "is a template: 1 of its lines (50%)"),
    ("yaml", "apiVersion: v1\nname: {{ .Values.name\n" + "x: [\n" * 20, 2, TEMPLATE),
    ("yaml", "apiVersion: v1\nx: " + "[" * 200_000, 2, "nested too deeply"),
    ("yaml", "apiVersion: v1\nx: " + "{a: " * 50_000, 2, "nested too deeply"),
    ("shell", "#!/bin/bash\nif true; then\n", None, "no shell code"),
    ("sbatch", "#!/bin/csh\n#SBATCH -N 1\n", 1, "csh"),
    ("dockerfile", "FROM x\nINSTALL y\n", 2, "'INSTALL' is no instruction"),
    ("dockerfile", "FROM\n", 1, "FROM names no image"),
]


@pytest.mark.parametrize(("kind", "text", "line", "problem"), UNREADABLE, ids=[row[1][:30] for row in UNREADABLE])
def test_what_cannot_be_read_is_said(kind, text, line, problem):
    [document] = documents.parse(Path("x"), kind, text)
    assert problem in document.problem
    assert line in (None, document.problem_line)


def test_a_template_of_a_shell_script_is_read_but_for_what_is_filled_in():
    text = "#!/bin/bash\nrun {{ name }}\n"
    [document] = documents.parse(Path("run.sh.j2"), "shell", text)
    assert document.problem.startswith("is a template: 1 of its lines") and document.problem_line == 2
    assert [[word.known for word in command.words] for command in document.commands()] == [[True, False]]
    assert documents.parse(Path("run.sh"), "shell", text)[0].problem == ""
    template = documents.parse(Path("job.sbatch.j2"), "sbatch", "{% if x %}\n#SBATCH {{ y }}\n{% endif %}\n")
    assert [finding.check for finding in judge(Tree(tuple(template)))] == ["lint.unreadable"]


def test_what_is_only_controlled_by_a_template_is_seen_whole():
    text = "apiVersion: v1\n{{- if .Values.x }}\nname: x\n{{- end }}\n"
    [document] = documents.parse(Path("x.yaml"), "yaml", text)
    assert document.manifest == {"apiVersion": "v1", "name": "x"}
    assert "0 of its lines (0%)" in document.problem


def test_text_in_a_config_map_is_not_mistaken_for_a_template():
    text = "apiVersion: v1\ndata:\n  page: |\n    {{ .Title }}\nsummary: 'on {{ $labels.node }}'\n"
    assert documents.parse(Path("x.yaml"), "yaml", text)[0].problem == ""


def test_a_file_that_is_not_utf_8(tmp_path):
    path = tmp_path / "run.sh"
    path.write_bytes(b"#!/bin/bash\necho \xff\n")
    assert documents.read(path)[0].problem == "is not UTF-8 text"


def test_aliases_end():
    text = "apiVersion: v1\na: &a [1, 1, *a]\n" + "".join(f"b{i}: &b{i} [{', '.join(['*a'] * 9)}]\n" for i in range(9))
    [document] = documents.parse(Path("x.yaml"), "yaml", text)
    assert document.problem == "" and judge(Tree((document,))) == []


EXAMPLES = st.sampled_from([text for rule in all_rules() for text in (rule.bad, rule.good)])
KIND = st.sampled_from(["sbatch", "shell", "yaml", "dockerfile"])


@settings(deadline=None)
@given(KIND, st.one_of(st.text(max_size=80), EXAMPLES), st.integers(0, 200), st.integers(0, 30), st.text(max_size=5))
def test_no_text_crashes_the_linter(kind, text, at, length, replacement):
    text = text[:at] + replacement + text[at + length :]
    found = documents.parse(Path("x"), kind, text)
    findings = judge(Tree(tuple(found)))
    lines = 1 + text.count("\n") + 1
    assert all(1 <= finding.scope["line"] <= lines for finding in findings)
    assert all(finding.observed for finding in findings)
    unread = [document for document in found if document.problem]
    assert bool(unread) == any(finding.check == "lint.unreadable" for finding in findings)


def test_characters_of_far_planes_end_no_process():
    """In a process of its own, since what was wrong ended it. Where it was read from differs from start to start."""
    code = "from pathlib import Path\nfrom seatrial.lint import documents\n"
    code += (
        "for code in range(0x10000, 0x110000, 1021):\n    documents.parse(Path('x'), 'shell', '{' + chr(code) * 2)\n"
    )
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0
