"""Manifests as values that know their lines, and their containers."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lint import manifest, values

SCALARS = st.one_of(st.text("abcXYZ 019$-_/.", max_size=12), st.integers(-5, 999), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=5), VALUES, min_size=1, max_size=5))
def test_every_scalar_is_where_its_line_says(value):
    text = yaml.safe_dump(value)
    [loaded] = manifest.load(text)
    lines = text.split("\n")
    for mapping in values.walk(loaded):
        for key, item in mapping.items():
            assert lines[mapping.line_of(key) - 1].find(key) >= 0
            if isinstance(item, manifest.Text) and item and " " not in item:
                assert str(item)[:5].strip("'") in lines[item.line - 1] + lines[min(item.line, len(lines) - 1)]


def test_scalars_stay_as_they_are_written():
    [loaded] = manifest.load("a: 08\nb: yes\nc: ~\nd:\ne: ''\nf: 1.20\n")
    assert dict(loaded) == {"a": "08", "b": "yes", "c": None, "d": None, "e": "", "f": "1.20"}


@settings(deadline=None, max_examples=30)
@given(st.lists(VALUES, max_size=3), st.booleans())
def test_values_are_those_of_the_composer_of_pyyaml(values, flow):
    text = yaml.safe_dump_all([{"a": value, "b": values} for value in values], default_flow_style=flow)  # with aliases
    assert manifest.load(text) == list(yaml.load_all(text, Loader=Written))


class Written(yaml.SafeLoader):
    """Every scalar but a null as it is written."""


Written.add_constructor(None, lambda loader, node: loader.construct_scalar(node))
for tag in ("bool", "int", "float", "timestamp"):
    Written.add_constructor(f"tag:yaml.org,2002:{tag}", lambda loader, node: loader.construct_scalar(node))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nUll", "nUll"),
        ("'null'", "null"),
        ("! null", None),
        ("!!null x", None),
        ("!!str", ""),
        ("!!str null", "null"),
    ],
)
def test_what_is_a_null(written, value):
    [loaded] = manifest.load(f"a: {written}\n")
    assert loaded == {"a": value}


def test_an_alias_is_the_value_itself():
    [first, second] = manifest.load("a: &x {n: &y 1}\nb: *x\nc: [*x, *y]\n---\na: &x 2\nb: *x\n")
    assert first["b"] is first["a"] and first["c"][0] is first["a"] and first["c"][1] == "1"
    assert second == {"a": "2", "b": "2"}


@pytest.mark.parametrize(
    ("text", "problem"), [("a: *x\n", "undefined alias"), ("a: &x 1\n---\nb: *x\n", "undefined alias")]
)
def test_an_alias_of_nothing_is_no_yaml(text, problem):
    with pytest.raises(ValueError, match=problem):
        manifest.load(text)


def test_only_so_many_levels_are_read():
    deep = values.DEEPEST - 1
    [loaded] = manifest.load(f"a: {'[' * deep}{']' * deep}\n")
    assert len(str(loaded["a"])) == 2 * deep
    with pytest.raises(ValueError, match="too deeply") as error:
        manifest.load(f"b: 1\na: {'[' * (deep + 1)}{']' * (deep + 1)}\n")
    assert error.value.args[1] == 2


def test_the_path_to_a_mapping_may_not_exist():
    [loaded] = manifest.load("a:\n  b: {c: 1}\n  d: [x, {e: 2}]\n")
    assert loaded.map("a", "b").text("c") == "1"
    assert loaded.map("a", "x", "y") == {} and loaded.map("a").text("b") is None
    assert [item["e"] for item in loaded.map("a").items_of("d")] == ["2"] and loaded.items_of("a") == []


def pod(selector: str = "", affinity: str = "") -> manifest.Map:
    [loaded] = manifest.load(f"spec:\n  {selector or 'x: y'}\n  {affinity or 'z: w'}\n  containers: [{{name: a}}]\n")
    return loaded.map("spec")


AFFINITY = (
    "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
    "[{matchExpressions: [{key: node.kubernetes.io/instance-type, operator: In, values: [%s]}]}]}}}"
)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (pod(), None),
        (pod("nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}"), "p5.48xlarge"),
        (pod("nodeSelector: {node.kubernetes.io/instance-type: ml.p5.48xlarge}"), "p5.48xlarge"),
        (pod("nodeSelector: {node.kubernetes.io/instance-type: $TYPE}"), None),
        (pod(affinity=AFFINITY % "g5.8xlarge"), "g5.8xlarge"),
        (pod(affinity=AFFINITY % "g5.8xlarge, g5.12xlarge"), None),
    ],
)
def test_the_instance_type_of_a_pod(spec, name):
    found = manifest.instance_type(spec)
    assert (found.name if found else None) == name


def test_a_container_says_what_it_runs_and_gets():
    text = """kind: Pod
spec:
  initContainers: [{name: first}]
  containers:
    - name: second
      env: [{name: N, value: "8"}]
      command: [torchrun]
      args: ["--nproc_per_node=$(N)", "--rank=$(R)"]
      resources: {limits: {nvidia.com/gpu: 8, vpc.amazonaws.com/efa: $EFA}}
"""
    first, second = manifest.containers(manifest.load(text)[0])
    assert first.script is None and first.resource("nvidia.com/gpu") is None
    words = second.script.commands[0].words
    assert [(w.text, w.known) for w in words[1:]] == [("--nproc_per_node=8", True), ("--rank=$(R)", False)]
    assert second.resource("nvidia.com/gpu") == 8 and second.resource("vpc.amazonaws.com/efa") is None


@pytest.mark.parametrize(
    ("text", "number"), [("8", 8), ("08", 8), ("8Gi", None), ("$N", None), ("", None), (None, None)]
)
def test_numbers(text, number):
    assert manifest.integer(text) == number
