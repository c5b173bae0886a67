"""The objects that we write ourselves: strict against the schemas, and right for the jobs that come."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.architectures._kubernetes import Group
from seatrial.architectures._kubernetes.inside import AGENTS, NAMESPACE
from seatrial.architectures._kubernetes.plugins import PLUGINS
from seatrial.hardware import instances
from seatrial.launchers.kubernetes.checks import quantity
from seatrial.launchers.kubernetes.resources import DAEMONS_MIB, DAEMONS_MILLICPU
from tests.architectures.kubernetes.samples import TYPES, VERSIONS, documents, inside, of_kind
from tests.launchers.kubernetes import samples, schemas

GROUPS = st.lists(
    st.builds(Group, name=st.just("a"), instance_type=st.sampled_from(TYPES), at_most=st.integers(1, 1000)),
    min_size=1,
    max_size=6,
).map(tuple)
EVERYTHING = inside(
    "p5.48xlarge", "trn1.32xlarge", "m5.4xlarge", topology=True, agent="example.com/seatrial@sha256:" + 64 * "0"
)


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_fit_the_schemas(version):
    found = documents(EVERYTHING)
    assert {one["kind"] for one in found} >= {"Namespace", "DaemonSet", "PersistentVolumeClaim", "ClusterQueue"}
    for document in found:
        schemas.validate(document, version)


def test_a_misspelt_field_would_be_found():
    for document in documents(EVERYTHING):
        if "spec" in document:
            changed = copy.deepcopy(document)
            changed["spec"]["misspelt"] = "x"
            with pytest.raises(jsonschema.ValidationError):
                schemas.validate(changed, VERSIONS[-1])


@given(GROUPS, st.sampled_from(samples.KINDS), st.booleans(), st.booleans())
@settings(max_examples=8, deadline=None)
def test_any_groups_give_objects_that_fit_each_other(groups, kind, hyperpod, topology):
    what = inside(groups=groups, kind=kind, hyperpod=hyperpod, topology=topology)
    found = documents(what)
    for document in found:
        schemas.validate(document, VERSIONS[0])
    keys = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found]
    assert len(set(keys)) == len(keys)
    [group] = of_kind(what, "ClusterQueue")["seatrial"]["spec"]["resourceGroups"]
    assert {flavour["name"] for flavour in group["flavors"]} == set(of_kind(what, "ResourceFlavor"))
    for flavour in group["flavors"]:
        assert [one["name"] for one in flavour["resources"]] == group["coveredResources"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("p5.48xlarge", ["nvidia-device-plugin-daemonset", "aws-efa-k8s-device-plugin"]),
        ("g5.xlarge", ["nvidia-device-plugin-daemonset"]),
        ("trn1.32xlarge", ["aws-efa-k8s-device-plugin", "neuron-device-plugin"]),
        ("trn1.2xlarge", ["neuron-device-plugin"]),
        ("hpc6a.48xlarge", ["aws-efa-k8s-device-plugin"]),
        ("m5.4xlarge", []),
    ],
)
def test_a_plugin_for_each_kind_of_device(name, wanted):
    assert list(of_kind(inside(name), "DaemonSet")) == wanted


def test_plugins_run_where_their_devices_are():
    found = of_kind(inside("p5.48xlarge", "g5.xlarge", "trn1.2xlarge"), "DaemonSet")
    types = {name: node_types(one) for name, one in found.items()}
    assert types["nvidia-device-plugin-daemonset"] == ["p5.48xlarge", "g5.xlarge"]
    assert types["aws-efa-k8s-device-plugin"] == ["p5.48xlarge"]
    assert types["neuron-device-plugin"] == ["trn1.2xlarge"]
    hyperpod = of_kind(inside("ml.p5.48xlarge", hyperpod=True), "DaemonSet")
    assert node_types(hyperpod["aws-efa-k8s-device-plugin"]) == ["ml.p5.48xlarge"]


def node_types(daemon: dict[str, Any]) -> list[str]:
    required = daemon["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    [term] = required["nodeSelectorTerms"]
    [expression] = term["matchExpressions"]
    assert expression["key"] == "node.kubernetes.io/instance-type" and expression["operator"] == "In"
    return list(expression["values"])


def test_plugins_have_no_privileges_and_an_exact_image():
    for name, daemon in of_kind(EVERYTHING, "DaemonSet").items():
        pod = daemon["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert container["securityContext"].get("privileged") is None
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert {"operator": "Exists"} in pod["tolerations"]
        image = container["image"].partition("@")[0].rpartition(":")[2]
        assert name == "seatrial-agent" or (image[:1] + image[-1:]).strip("v").isdigit(), image
    plugins = {one["metadata"]["name"]: one for one in documents(EVERYTHING) if one["kind"] == "DaemonSet"}
    for plugin in PLUGINS:
        [container] = plugins[plugin.name]["spec"]["template"]["spec"]["containers"]
        mounts = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
        assert mounts == {"/var/lib/kubelet/device-plugins", *plugin.writes}


def test_what_daemons_ask_for_is_what_the_launcher_leaves_them():
    asked = [
        one["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
        for one in of_kind(EVERYTHING, "DaemonSet").values()
    ]
    assert len(asked) == 4
    assert sum(quantity(one["cpu"]) for one in asked) * 1000 <= DAEMONS_MILLICPU / 4
    assert sum(quantity(one["memory"]) for one in asked) / 2**20 <= DAEMONS_MIB / 4


def test_what_has_been_brought_is_not_installed_twice():
    what = inside("p5.48xlarge", brought=frozenset({"nvidia", "efa", "fsx", "kueue"}))
    kinds = [one["kind"] for one in documents(what)]
    assert not {"DaemonSet", "PersistentVolume"} & set(kinds)
    assert "ClusterQueue" in kinds  # whoever brings Kueue, the queue is ours


def test_the_claim_is_bound_to_the_file_system_that_is_there():
    [volume] = of_kind(inside(), "PersistentVolume").values()
    claim = of_kind(inside(), "PersistentVolumeClaim")["fsx"]
    csi = volume["spec"]["csi"]
    assert csi["driver"] == "fsx.csi.aws.com" and csi["volumeHandle"] == "fs-0123456789abcdef0"
    assert csi["volumeAttributes"] == {"dnsname": "fs-0.fsx.us-west-2.amazonaws.com", "mountname": "abcdefgh"}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert claim["metadata"]["namespace"] == NAMESPACE == volume["spec"]["claimRef"]["namespace"]
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert claim["spec"]["storageClassName"] == volume["spec"]["storageClassName"] == ""
    assert claim["spec"]["resources"]["requests"] == volume["spec"]["capacity"]
    assert not of_kind(inside(lustre=None), "PersistentVolume")


ALLOWED = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
"""Capabilities that the standard "baseline" lets a container add:
https://kubernetes.io/docs/concepts/security/pod-security-standards/"""


def above_baseline(pod: dict[str, Any]) -> list[str]:
    """What the standard "baseline" forbids, among what our pods could have."""
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    found += [f"hostPath {one['name']}" for one in pod.get("volumes", []) if "hostPath" in one]
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        context = container.get("securityContext", {})
        added = set(context.get("capabilities", {}).get("add", [])) - ALLOWED
        found += [*sorted(added), *(["privileged"] if context.get("privileged") else [])]
        found += [f"host port of {container['name']}" for port in container.get("ports", []) if "hostPort" in port]
    return found


@pytest.mark.parametrize("kind", samples.KINDS)
def test_a_namespace_takes_the_pods_that_come(kind):
    levels = {
        name: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for name, one in of_kind(EVERYTHING, "Namespace").items()
    }
    assert levels == {NAMESPACE: "baseline", AGENTS: "privileged"}
    where = samples.for_kind(kind, gpu=True)
    claims = tuple(mount for mount in where.mounts if not mount.source.startswith("/"))
    pods = samples.pods(samples.documents(replace(where, mounts=claims)))
    assert pods and [above_baseline(pod) for pod in pods] == [[] for _ in pods]
    assert any(above_baseline(pod) for pod in samples.pods(samples.documents(where)))  # a folder of the node is none


def test_the_agent_lives_where_it_may():
    [agent] = (one for one in documents(EVERYTHING) if one["metadata"]["name"] == "seatrial-agent" and "spec" in one)
    assert agent["metadata"]["namespace"] == AGENTS
    assert "hostPID" in above_baseline(agent["spec"]["template"]["spec"])
    assert "nodeSelector" not in agent["spec"]["template"]["spec"]  # on every node, whatever its type


def test_every_type_of_the_hardware_table_has_a_quota():
    what = inside(*TYPES)
    [group] = of_kind(what, "ClusterQueue")["seatrial"]["spec"]["resourceGroups"]
    assert {one["name"] for one in group["flavors"]} == {instance.name for instance in instances.INSTANCES}
