#!/bin/bash
# expect: WARN network.needless.debug 5
# expect: WARN network.obsolete 6
# expect: nothing of network.u*
export NCCL_DEBUG="${NCCL_DEBUG:-INFO}"
: "${NCCL_LL_THRESHOLD:=0}"
export FI_PROVIDER=${FI_PROVIDER-efa} FI_EFA_USE_DEVICE_RDMA="${RDMA:-1}"
torchrun --nnodes=2 --nproc_per_node=8 train.py
