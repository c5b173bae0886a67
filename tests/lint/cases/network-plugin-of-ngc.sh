#!/bin/bash
# expect: nothing of network.*
# The transport of nccl-rdma-sharp-plugins is turned off; NCCL_IB_DISABLE would turn off all of InfiniBand.
export NCCL_IBEXT_DISABLE=1 NCCL_SHARP_DISABLE=1 NCCL_PLUGIN_P2P=ib
mpirun -np 16 -x NCCL_IBEXT_DISABLE -x NCCL_SHARP_GROUP_SIZE_THRESH=2 python train.py
