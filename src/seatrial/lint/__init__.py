"""The linter of launch files: sbatch scripts, shell scripts, Kubernetes manifests, Dockerfiles."""

from __future__ import annotations
