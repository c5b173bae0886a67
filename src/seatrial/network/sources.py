"""Where the facts of this package stand."""

from __future__ import annotations

EFA_CHEATSHEET = (
    "https://github.com/aws-samples/awsome-distributed-training/blob/main/1.architectures/efa-cheatsheet.md"
)
PLUGIN_CHEATSHEET = "https://github.com/aws/aws-ofi-nccl/blob/master/doc/efa-env-var.md"
PLUGIN_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/master/src/platform-aws.cpp"
PLUGIN_PARAMETERS = "https://github.com/aws/aws-ofi-nccl/blob/master/include/nccl_ofi_param.h"
PLUGIN_RELEASES = "https://github.com/aws/aws-ofi-nccl/releases"
PLUGIN_NOTES = "https://github.com/aws/aws-ofi-nccl/blob/master/RELEASENOTES.md"
LIBFABRIC_EFA = "https://github.com/ofiwg/libfabric/blob/main/prov/efa/src/efa_env.c"
LIBFABRIC_RDMA = "https://github.com/ofiwg/libfabric/blob/main/prov/efa/src/rdm/efa_rdm_util.c"
LIBFABRIC_FORK = "https://github.com/ofiwg/libfabric/pull/9112"
LIBFABRIC_MEMOPS = "https://github.com/ofiwg/libfabric/pull/9459"
ISSUE_MEMOPS = "https://github.com/awslabs/awsome-distributed-ai/issues/203"
NCCL_TESTS_REVIEW = "https://github.com/awslabs/awsome-distributed-ai/pull/1077"
NCCL_ENVIRONMENT = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html"
IFNAME_ON_HOSTS = "https://github.com/aws/deep-learning-containers/pull/6469"
GLOO_INTERFACE = "https://github.com/aws-samples/aws-do-eks/pull/51"
NCCL_TUNING = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html#nccl-algo"
NCCL_PARAM = "https://github.com/NVIDIA/nccl/blob/master/src/misc/param.cc"
NCCL_DEBUG = "https://github.com/NVIDIA/nccl/blob/master/src/debug.cc"
NCCL_LEVELS = "https://github.com/NVIDIA/nccl/blob/master/src/graph/paths.cc"
LIBFABRIC_PARAMETERS = "https://github.com/ofiwg/libfabric/blob/main/src/var.c"
LIBFABRIC_LOG = "https://ofiwg.github.io/libfabric/main/man/fabric.7.html"
PLUGIN_PARSER = "https://github.com/aws/aws-ofi-nccl/blob/master/include/nccl_ofi_param_impl.h"
TORCH_PARSER = "https://github.com/pytorch/pytorch/blob/main/torch/csrc/distributed/c10d/Utils.hpp"
TORCH_NCCL = "https://docs.pytorch.org/docs/stable/torch_nccl_environment_variables.html"
NEURON_MULTI_NODE = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/"
    "frameworks/torch/torch-neuronx/setup-trn1-multi-node-execution.html"
)
NEURON_RUNTIME = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/neuron-runtime/guides/configuration-guide.html"
)
UCX_PARSER = "https://github.com/openucx/ucx/blob/master/src/ucs/config/parser.c"
UCX_CONTEXT = "https://github.com/openucx/ucx/blob/master/src/ucp/core/ucp_context.c"
UCX_LOG = "https://github.com/openucx/ucx/blob/master/src/ucs/debug/log.c"
OPEN_MPI_COMPONENTS = "https://github.com/open-mpi/ompi/blob/main/opal/mca/base/mca_base_component_find.c"
EFA_CHANGELOG = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html"
