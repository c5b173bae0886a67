"""Rules about Kubernetes manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from seatrial.findings import Verdict
from seatrial.lint import helm, kustomize
from seatrial.lint.documents import Document
from seatrial.lint.kinds import KUSTOMIZATIONS
from seatrial.lint.manifest import Container, Map, Text
from seatrial.lint.rules import Hit, Tree, rule
from seatrial.lint.rules_docker import mutable_tag
from seatrial.lint.templates import named

UPSTREAM = "awslabs/awsome-distributed-ai"
KUBERNETES = "https://kubernetes.io/docs"
_POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: train\nspec:\n  containers:\n    - name: train\n      image: {}\n"
_IMAGE = "registry.example.com/train:1.4.0"
_TRAIN = _POD.format(_IMAGE)
_STANDS_IN = re.compile(r"^controller:latest$|^<|(?i:\b(dummy|placeholder)\b|(dummy|placeholder)_)")
"""Another program replaces it: kubebuilder's Makefile the first one."""
_FREE = {"command", "args", "data", "stringData", "binaryData", "description", "message", "summary", "expr", "query"}
_FREE |= {"pattern", "regex", "match", "script", "source", "help", "title", "displayName", "commands"}
"""Keys under which stands text for programs and people."""
_SCALARS = {"replicas", "parallelism", "completions", "image", "name", "namespace", "value", "claimName", "serviceName"}
_SCALARS |= {"minReplicas", "maxReplicas", "slotsPerWorker", "nprocPerNode", "nvidia.com/gpu", "vpc.amazonaws.com/efa"}
_BRACES = re.compile(r"\$\{\w*-\w[\w-]*\}|(?<!\$)(?<![\w{])\{[A-Z][A-Z0-9_]*\}")
_ANGLES = re.compile(r"(?:^|(?<=[:/.@=,\"'\s-]))<([A-Za-z][\w.-]*(?: [\w.-]+)*)>")
_ASKS = re.compile(
    r"your|\bmy\b|account|region|bucket|token|password|secret|replace|insert|change|cluster|uri|url|address|host"
    r"|image|namespace|[-_](id|name|key)\b",
    re.IGNORECASE,
)
_PATHS = ("PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PYTHONPATH", "LD_PRELOAD", "MANPATH", "PKG_CONFIG_PATH")
_NAMES = "|".join(_PATHS)
_PATH_USE = re.compile(rf"(?<!\$)\$(?:\((?P<own>{_NAMES})\)|\{{(?:{_NAMES})\}}|(?:{_NAMES})\b)")


@rule(
    "kubernetes.mutable-image",
    Verdict.WARN,
    ("yaml",),
    expected="an image with a version or a digest",
    why="Nodes that pull latest at different times run different images in one job.",
    remedy="name a version, better a digest",
    source=f"{KUBERNETES}/concepts/containers/images; {UPSTREAM}#435",
    bad=_POD.format("registry.example.com/train:latest"),
    at=8,
    good=_TRAIN,
)
def mutable_image(document: Document, tree: Tree) -> Iterator[Hit]:
    for container in document.containers:
        image = container.image
        reason = mutable_tag(image) if image and not _STANDS_IN.search(image) else ""
        if image and reason and not kustomize.sets(image, document, tree):
            always = container.spec.get("imagePullPolicy") == "Always"
            yield image.line, f"{image} {reason}" + (" and is pulled anew each time" if always else "")


@rule(
    "kubernetes.placeholder",
    Verdict.FAIL,
    ("yaml",),
    expected="values, or $NAME and ${NAME}, which envsubst fills in",
    why="envsubst knows names of letters, digits and _ behind a $: everything else reaches the cluster as it is.",
    remedy="write the value; or ${NAME}, with _ instead of -, where envsubst is to fill it in",
    source=f"GNU gettext, envsubst; {UPSTREAM}, nemo-launcher and stable-diffusion manifests",
    bad=_POD.format("registry.example.com/train:{TAG}"),
    at=8,
    good=_POD.format("registry.example.com/train:${TAG}"),
)
def placeholder(document: Document, _: Tree) -> Iterator[Hit]:
    manifest, path = document.manifest, document.path
    default = helm.is_values(path) and (path.parent / "Chart.yaml").is_file()
    if manifest is None or default or manifest.get("kind") == "Kustomization" or path.name in KUSTOMIZATIONS:
        return  # it reaches no cluster as it is
    for key, line, value in _values(manifest):
        if isinstance(value, Text):
            found = _BRACES.search(value) or (None if named(path) else _angle(key, value))
            if found and "\n" not in value:
                yield value.line, f"{found[0]} is not filled in"
        elif len(value) == 1 and [*value.values()] == [None] and value.line == line:
            [name] = value
            if name.isupper() or key in _SCALARS:
                yield line, f"{{{name}}} is not filled in"


def _values(manifest: Map) -> Iterator[tuple[str, int, Text | Map]]:
    """Every scalar and mapping in a manifest that is no free text, with its key and the line of that."""
    stack: list[tuple[str, int, Any]] = [("", manifest.line, manifest)]
    seen: set[int] = set()
    while stack:
        key, line, value = stack.pop()
        if isinstance(value, Text):
            if key != "annotations" or value.startswith("arn:"):
                yield key, line, value
        elif isinstance(value, (Map, list)) and id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, list):
                stack += [(key, line, inner) for inner in reversed(value)]
                continue
            yield key, line, value
            inside = [(key if key == "annotations" else name, name, inner) for name, inner in value.items()]
            lines = {name: name.line if isinstance(name, Text) else value.line for name in value}
            stack += [(to, lines[name], inner) for to, name, inner in reversed(inside) if name not in _FREE]


def _angle(key: str, value: Text) -> re.Match[str] | None:
    """A placeholder in angle brackets: not ``<unk>`` and other tokens, no markup, no regular expression."""
    found = _ANGLES.search(value)
    if found is None or "</" in value:
        return None
    return found if key != "value" or found[1].isupper() or _ASKS.search(found[1]) else None


@rule(
    "kubernetes.unexpanded-path",
    Verdict.FAIL,
    ("yaml",),
    expected="the whole path, since Kubernetes takes only variables of the same list, as $(NAME)",
    why="No shell reads a value of env: the program gets a folder that is called $PATH, and finds nothing on its path.",
    remedy="write the path out, or extend it in the command: bash -c 'export PATH=/opt/x/bin:$PATH; exec ...'",
    source=f"{KUBERNETES}/tasks/inject-data-application/define-interdependent-environment-variables",
    bad=f"{_TRAIN}      env:\n        - name: LD_LIBRARY_PATH\n          value: /opt/nccl/lib:$LD_LIBRARY_PATH\n",
    at=11,
    good=f"{_TRAIN}      env:\n        - name: LD_LIBRARY_PATH\n          value: /opt/nccl/lib:/usr/local/cuda/lib64\n",
)
def unexpanded_path(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        before: set[str] = set()
        for item in container.spec.items_of("env"):
            name, value = item.text("name") or "", item.text("value") or Text()
            for found in _PATH_USE.finditer(value) if name in _PATHS else ():
                by_kubernetes = found["own"] is not None
                lost = found["own"] not in before and "envFrom" not in container.spec if by_kubernetes else True
                by_shell = document.embedded and not by_kubernetes
                if lost and not by_shell and not (found[0] == value and not by_kubernetes):
                    yield value.line, f"{name} gets {found[0]} as it is written"
                    break
            before.add(str(name))


@rule(
    "kubernetes.empty-resource",
    Verdict.FAIL,
    ("yaml",),
    expected="a number of each resource",
    why="An empty value is null, which counts as none: the pod gets no GPU.",
    remedy="write the number",
    source=f"{UPSTREAM}, stable-diffusion manifest",
    bad=f"{_TRAIN}      resources:\n        limits:\n          nvidia.com/gpu:\n",
    at=11,
    good=f"{_TRAIN}      resources:\n        limits:\n          nvidia.com/gpu: 1\n",
)
def empty_resource(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        for of in ("limits", "requests") if "image" in container.spec else ():  # a patch takes away what it makes null
            resources = container.spec.map("resources", of)
            for name, value in resources.items():
                if value is None or value == "":
                    yield resources.line_of(name), f"{name} is empty"


@rule(
    "kubernetes.secret-in-manifest",
    Verdict.WARN,
    ("yaml",),
    expected="valueFrom.secretKeyRef",
    why="A secret that envsubst writes into the manifest is readable by everyone who may read pods.",
    remedy="kubectl create secret, and refer to it with valueFrom.secretKeyRef",
    source=f"{KUBERNETES}/concepts/configuration/secret; {UPSTREAM}, FSDP manifests",
    bad=f"{_TRAIN}      env:\n        - name: HF_TOKEN\n          value: $HF_TOKEN\n",
    at=11,
    good=f"{_TRAIN}      env:\n        - name: HF_TOKEN\n          valueFrom:\n            secretKeyRef:\n"
    "              name: hugging-face\n              key: token\n",
)
def secret_in_manifest(document: Document, _: Tree) -> Iterator[Hit]:
    for container in document.containers:
        for item in container.spec.items_of("env"):
            value, name = item.text("value"), item.text("name") or ""
            if value and value.startswith("$") and re.search(r"(TOKEN|PASSWORD|SECRET|API_KEY|ACCESS_KEY)$", name):
                yield value.line, f"{name} is written into the manifest"


@rule(
    "kubernetes.privileged",
    Verdict.WARN,
    ("yaml",),
    expected="the capabilities that are needed, such as IPC_LOCK",
    why="A privileged container owns its node. EFA and NCCL need no more than the device plugins give them.",
    remedy="remove privileged; add capabilities: {add: [IPC_LOCK]} if memory has to be locked",
    source=f"{KUBERNETES}/concepts/security/pod-security-standards",
    bad=f"{_TRAIN}      securityContext:\n        privileged: true\n",
    at=10,
    good=f"{_TRAIN}      securityContext:\n        capabilities:\n          add: [IPC_LOCK]\n",
)
def privileged(document: Document, _: Tree) -> Iterator[Hit]:
    manifest = document.manifest or Map()
    if manifest.get("kind") == "DaemonSet" or manifest.map("metadata").get("namespace") == "kube-system":
        return  # agents of the nodes need it
    for container in document.containers:
        context: Any = container.spec.map("securityContext")
        needed = _BUILDS.search(container.image or "") or _serves_kubelet(container)
        if context.get("privileged") == "true" and not needed:
            yield context.line_of("privileged"), f"container {container.spec.get('name')} is privileged"


_BUILDS = re.compile(r"buildkit(?!.*rootless)|binfmt|\bdind\b|-dind\b")
"""Images that build images, or teach the node's kernel to run those of other processors: they mount, and so must be."""


def _serves_kubelet(container: Container) -> bool:
    """It is a driver of volumes or devices, which mounts for other pods."""
    volumes = [one.map("hostPath").text("path") or "" for one in container.pod.items_of("volumes")]
    return any(path.startswith("/var/lib/kubelet") for path in volumes)
