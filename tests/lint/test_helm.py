"""Charts: rendered where there is a helm, which here is a script that prints what it should; otherwise filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.lint import helm
from seatrial.lint.judge import lint

TEMPLATE = """{{- if .Values.enabled }}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
spec:
  containers:
    - name: train
      image: "{{ .Values.image }}"
      command: [serve]
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
  volumes:
    - name: shm
      hostPath: {path: /dev/shm}
{{- end }}
"""
OUTPUT = """---
# Source: train/templates/pod.yaml
apiVersion: v1
kind: Pod
metadata:
  name: seatrial
spec:
  containers:
    - name: train
      image: "registry.example.com/train:latest"
      command: [serve]
      resources:
        limits:
          nvidia.com/gpu: 8
  volumes:
    - name: shm
      hostPath: {path: /dev/shm}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    chart = tmp_path / "train"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: train\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("enabled: true\n")
    (chart / "templates/pod.yaml").write_text(TEMPLATE)
    (chart / "templates/off.yaml").write_text("apiVersion: v1\nkind: {{ .Values.kind }}\n")
    return chart


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "bin/helm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def found(chart: Path) -> list[tuple[str, str, int, str]]:
    return [(Path(f.scope["path"]).name, f.check, f.scope["line"], f.observed) for f in lint([chart]).findings]


def test_a_chart_that_helm_renders_is_read_whole(chart, tmp_path, monkeypatch):
    (tmp_path / "output").write_text(OUTPUT)
    install(tmp_path, monkeypatch, f'[ "$1 $2" = "template seatrial" ] && cat {tmp_path / "output"}')
    hits = sorted((name, check, line) for name, check, line, _ in found(chart))
    assert hits == [
        ("off.yaml", "lint.unreadable", 2),  # it came to nothing, and may come to something
        ("pod.yaml", "kubernetes.host-shm", 15),
        ("pod.yaml", "kubernetes.mutable-image", 9),
        ("pod.yaml", "kubernetes.small-shm", 12),
    ]


def test_a_chart_that_helm_does_not_render_is_filled_in(chart, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "echo 'Error: missing in charts/ directory: etcd' >&2; exit 1")
    hits = found(chart)
    assert ("pod.yaml", "kubernetes.host-shm", 15) in [hit[:3] for hit in hits]
    [(*_, observed)] = [hit for hit in hits if hit[:2] == ("pod.yaml", "lint.unreadable")]
    assert "helm template: Error: missing in charts/ directory: etcd" in observed


def test_a_helm_that_does_not_end_is_stopped(chart, tmp_path, monkeypatch):
    monkeypatch.setattr(helm, "TIMEOUT", 0.1)
    install(tmp_path, monkeypatch, "exec sleep 60")
    assert [hit[3] for hit in found(chart) if "took too long" in hit[3]]


def test_without_a_helm_or_values_nothing_is_rendered(chart, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert helm.render(chart) is None
    install(tmp_path, monkeypatch, "true")
    assert helm.render(chart) is not None
    (chart / "values.yaml").unlink()
    assert helm.render(chart) is None


def test_lines_of_what_was_rendered_are_those_of_the_template():
    assert helm.places(TEMPLATE, OUTPUT)[2:] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15, 15]


def test_a_line_that_stands_twice_is_the_next_one():
    assert helm.places("- a: 1\n  b: {{ x }}\n- a: 1\n  b: {{ y }}", "- a: 1\n  b: 3\n- a: 1\n  b: 4") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "values"),
    [("values.yaml", True), ("p5-values.yml", True), ("values-prod.yaml", True), ("evaluesx.yaml", False)],
)
def test_names_of_values(name, values):
    assert helm.is_values(Path(name)) == values
