"""What is put into clusters of Kubernetes: operators, charts, device plugins. Each by the content of what is fetched.

Digests of charts are of the archive, as somebody who fetched it wrote them down in public. What EKS itself offers
stands in seatrial.versions.eks.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.versions.nodes import NEURON_SDK
from seatrial.versions.pins import Base, Chart, Checkout

CHARTS: Mapping[str, Chart] = {
    "kueue": Chart(
        version="0.17.8",
        url="oci://registry.k8s.io/kueue/charts/kueue",
        sha256="409de6260d2b7834fece5044502822bcb4e74ed8a03b8ea22bb78bcdfa1627db",
        oldest="1.29",
        tested=("1.33", "1.34", "1.35"),
        source="kueue.sigs.k8s.io/docs/installation and the README of v0.17.8; the archive as a public Terraform "
        "module pinned it on 2026-09-03, with the registry's "
        "sha256:e5f000fcf0604e5dea0025e0ffdd20e6712de432bcca0ec254d71d97f012a354",
        seen="2026-11",
    ),
    "jobset": Chart(
        version="0.12.0",
        url="oci://registry.k8s.io/jobset/charts/jobset",
        sha256="bd3503757561d93aa14f35fccab76ca417d17e14984aed9f69c9ab068d40980a",
        oldest="1.27",
        tested=("1.32", "1.33", "1.34"),
        source="jobset.sigs.k8s.io/docs/installation and the README of v0.12.0; the archive as a public Terraform "
        "module pinned it on 2026-09-03, when it ran it on Kubernetes 1.35 with Kueue 0.17.8, with the registry's "
        "sha256:02808a890a0b0e03a1d3bf5959e2f562b3b47c15e446bbba358c1d24e1f81b24",
        seen="2026-11",
    ),
    "kubeflow-trainer": Chart(
        version="2.2.0",
        url="oci://ghcr.io/kubeflow/charts/kubeflow-trainer",
        sha256="34191da2886a91d9effb0543087ef0ad19b870b094c336c2ca34f474cba0030e",
        oldest="1.31",
        tested=(),
        source="kubeflow.org/docs/components/trainer/operator-guides/installation; the archive as a public catalogue "
        "of charts fetched it on 2026-10-08 with the registry's "
        "sha256:332c2e6a31e7497af6bafa5aa44b07f17709d5555e9ee9a16a1b95e1c389d478; which Kubernetes it is tested with: "
        "unknown",
        seen="2026-11",
    ),
    "cert-manager": Chart(
        version="v1.19.5",
        url="oci://quay.io/jetstack/charts/cert-manager",
        sha256=None,
        oldest="1.31",
        tested=("1.31", "1.32", "1.33", "1.34", "1.35"),
        source="cert-manager.io/docs/releases, 2026-03; the registry's digest, which is not the archive's, was "
        "sha256:a28d06d429263fd1a547aa3239fe7d22f17ebf7e8dbdb14726e9433925ba2396 on 2026-05-04",
        seen="2026-11",
    ),
}

MANIFESTS: Mapping[str, Checkout] = {
    "training-operator": Checkout(
        version="1.9.2",
        repository="https://github.com/kubeflow/manifests",
        commit="85a0bed2de2960f9c7c433244564a65566fa0165",
        source="its kustomization names the image v1-3f15cb8, that of v1.9.2: github.com/kubeflow/trainer/pull/2634",
        seen="2026-11",
    ),
    "mpi-operator": Checkout(
        version="0.7.0",
        repository="https://github.com/kubeflow/mpi-operator",
        commit="07a32d9a8cb5e667d754a107cfb0629712811619",
        source="its kustomization names the image 0.7.0",
        seen="2026-11",
    ),
    # AWS has these charts in a git repository alone, and releases of them are unknown
    "hyperpod-charts": Checkout(
        version="067d658b2d5c",
        repository="https://github.com/aws/sagemaker-hyperpod-cli",
        commit="067d658b2d5c3d347afbadd75e1425214e965dcb",
        source="a commit of 2026, whose HyperPodHelmChart names all parts that are installed",
        seen="2026-11",
    ),
}

PLUGINS: Mapping[str, Base] = {
    "nvidia": Base(
        name="nvcr.io/nvidia/k8s-device-plugin",
        version="v0.18.2",
        digest="sha256:b5788e29e7ae5272de8de863ebe386d6611e608421a6ecc5b4e7d5952aba637f",
        source="deployments/static of github.com/NVIDIA/k8s-device-plugin; the digest as two public repositories pin "
        "it, 2026-11",
        seen="2026-11",
    ),
    "efa": Base(
        # AWS's chart takes it from this region everywhere; other partitions have registries of their own.
        name="602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/aws-efa-k8s-device-plugin",
        version="v0.5.20",
        digest=None,
        source="stable/aws-efa-k8s-device-plugin of github.com/aws/eks-charts, 2026-11; the version as NVIDIA's AICR "
        "takes it",
        seen="2026-11",
    ),
    "neuron": Base(
        name="public.ecr.aws/neuron/neuron-device-plugin",
        version="2.28.27.0",
        digest=None,
        source="charts/neuron-helm-chart of github.com/aws-neuron/neuron-helm-charts, 2026-11",
        seen="2026-11",
        newest=f"what Neuron SDK {NEURON_SDK} lists is aws-neuronx-k8-plugin 2.29.71.0; no image of it was seen",
    ),
}
"""Device plugin -> its image."""
