"""Templates: what is filled in is unknown, what stands there is read, on its own line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lint import documents, layout, templates
from seatrial.lint.judge import lint
from seatrial.lint.templates import FILLED

YAML = Path("pod.yaml.j2")


def laid_out(text: str) -> str:
    filled = templates.fill(YAML, text, shell=False)
    assert filled
    return layout.laid_out(filled, filled.texts[0])


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("a: {{ x }}\n", f"a: {FILLED}\n"),
        ('a: "{{ x }}-{{ y | default("z") }}"\n', f'a: "{FILLED}-{FILLED}"\n'),
        ("a:\n  {{- toYaml .x | nindent 4 }}\nb: 1\n", f"a:\n  {FILLED}\nb: 1\n"),
        ("a:\n{{ x | to_yaml }}\nb: 1\n", f"a:\n  {FILLED}\nb: 1\n"),
        ("a:\n  {{- x | nindent 2 }}\n  c: 1\n", f"a:\n  {FILLED}: {FILLED}\n  c: 1\n"),
        ("a:\n  c: 1\n  {{- x | nindent 2 }}\nb: 1\n", f"a:\n  c: 1\n  {FILLED}: {FILLED}\nb: 1\n"),
        ("a:\n  {{ x }}\n  - c\n", f"a:\n  - {FILLED}\n  - c\n"),
        ("a:\n  - c\n  {{ x }}\nb: 1\n", f"a:\n  - c\n  - {FILLED}\nb: 1\n"),
        ('a:\n  b:\n    c: 1\n{{ include "x" . | indent 2 }}\n', f"a:\n  b:\n    c: 1\n  {FILLED}: {FILLED}\n"),
        ("a:\n  b: 1\n{{ x | indent(2, true) }}\n", f"a:\n  b: 1\n  {FILLED}: {FILLED}\n"),
        ("a: |\n  one\n  {{ x }}\nb: 1\n", f"a: |\n  one\n  {FILLED}\nb: 1\n"),
        ("a: 1\n{{ x }}\nb: 1\n", f"a: 1\n{FILLED}: {FILLED}\nb: 1\n"),
        ("{% if x %}\na: 1\n{% else %}\na: 2\n{% endif %}\nb: {{ y }}\n", f"\na: 1\n\n\n\nb: {FILLED}\n"),
        ("{{- if and .x (eq .y 1) }}\na: 1\n{{- end }}\nb: {{ .y }}\n", f"\na: 1\n\nb: {FILLED}\n"),
        ("{{/* says\nnothing */}}\na: {{ y }}\n", f"\n\na: {FILLED}\n"),
        ("{# says\nnothing #}\na: {{ y }}\n", f"\n\na: {FILLED}\n"),
        ("{{ $y := .x }}\na: {{ $y }}\n", f"\na: {FILLED}\n"),
    ],
)
def test_a_manifest_that_is_filled_in_is_yaml(text, becomes):
    assert laid_out(text) == becomes
    assert documents.manifest.load(laid_out(text))


def test_each_branch_of_a_condition_is_read_once():
    text = "{% if x %}\na: 1\n{% elif y %}\na: 2\n{% else %}\na: {{ z }}\n{% endif %}\n"
    filled = templates.fill(YAML, text, shell=False)
    assert filled and filled.texts == ("\na: 1\n\n\n\n\n\n", f"\n\n\n\n\na: {FILLED}\n\n")


def test_lines_that_are_left_out_do_not_end_a_command():
    text = "run \\\n{% if x %}\n  --x={{ x }} \\\n{% endif %}\n  --y\n"
    filled = templates.fill(Path("run.sh.j2"), text, shell=True)
    assert filled and filled.texts[0] == f"run \\\n\\\n  --x={FILLED} \\\n\\\n  --y\n"


@pytest.mark.parametrize(
    ("name", "text", "becomes"),
    [
        ("a.sh.tftpl", 'X="${x}"\necho $X $${Y}\n', f'X="{FILLED}"\necho $X ${{Y}}\n'),
        ("a.sh.tftpl", "%{ if x ~}\nset -x\n%{ endif ~}\necho ${x}\n", f"\nset -x\n\necho {FILLED}\n"),
        ("a.sh.tpl", "A=1\nfor b in 1 2; do\n  run $A $b $C ${D}\ndone\n", None),
        ("a.sbatch.in", "#SBATCH -N @NODES@\n", f"#SBATCH -N {FILLED}\n"),
        ("a.sbatch.template", "#SBATCH -N {nodes}\necho $X\n", f"#SBATCH -N {FILLED}\necho $X\n"),
        ("a_template.sh", "srun -n $N a $SLURM_PROCID \\$HOME\n", f"srun -n {FILLED} a $SLURM_PROCID \\$HOME\n"),
        ("a.sh.j2", 'n="${#list[@]}"\nrun {{ n }} # {#x}\n', f'n="${{#list[@]}}"\nrun {FILLED} # {{#x}}\n'),
    ],
)
def test_a_script_that_is_filled_in(name, text, becomes):
    filled = templates.fill(Path(name), text, shell=True)
    assert filled and filled.texts[0] == (becomes or text.replace("$C", FILLED).replace("${D}", FILLED))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.sh", "run {{ x }} {NODES} $X\n"),
        ("run.sh.j2", "run\n"),
        ("pod.yaml-template", "image: ${IMAGE}:{TAG}\n"),
        ("count.sh.template", "awk '{print}' x\n"),
    ],
)
def test_what_is_no_template_or_fills_nothing_in(name, text):
    assert templates.fill(Path(name), text, shell=name.endswith(("sh", "sh.j2", "sh.template"))) is None


def test_how_much_was_not_seen_is_told():
    [document] = documents.parse(YAML, "yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ x }}\n")
    assert document.problem == "is a template: 1 of its lines (25%) are filled in, and not seen"
    assert (document.problem_line, document.filled_in) == (4, {3})


CHOICE = "apiVersion: v1\n{% if x %}\na: 1\n{% elif y %}\nb: 2\nc: 3\n{% else %}\nd: 4\n{% endif %}\ne: {{ z }}\n"


@pytest.mark.parametrize(
    ("text", "unseen", "problem"),
    [
        # several documents are one file
        ("apiVersion: v1\na: {{ x }}\n---\napiVersion: v1\nb: 1\n", 1, ""),
        # a branch that is neither the first nor the last
        (CHOICE, 3, "; left out: 2"),
        # what is no YAML without what is filled in
        ("apiVersion: v1\na: {{ x }}\nb: 1\n  c: 1\nd: 1\n", 2, "; left out: 1"),
        # nothing is left
        ("{{ x }}\n", 1, ""),
    ],
)
def test_lines_that_were_not_seen_are_counted_once(text, unseen, problem, tmp_path):
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "x.yaml.j2").write_text(text)
    report = lint([tmp_path])
    assert [file.unread_lines for file in report.files if file.path.suffix == ".j2"] == [unseen]
    [told] = [finding.observed for finding in report.findings if finding.check == "lint.unreadable"]
    assert told.endswith(f"are filled in, and not seen{problem}")


PIECES = st.sampled_from(
    ["a: 1", "  - b", "{{ x }}", "{% if x %}", "{% else %}", "{% endif %}", "{{- end }}", "{{", "c: |", "  {{ y }}", ""]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12), st.sampled_from(["yaml", "shell"]))
def test_no_line_is_lost(pieces, kind):
    text = "\n".join(pieces)
    filled = templates.fill(YAML, text, shell=kind == "shell")
    for one in filled.texts if filled else ():
        assert one.count("\n") == layout.laid_out(filled, one).count("\n") == text.count("\n")
    documents.parse(YAML, kind, text)
