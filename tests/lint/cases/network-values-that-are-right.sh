#!/bin/bash
# expect: nothing
export NCCL_DEBUG=version NCCL_DEBUG_SUBSYS=INIT,NET
export NCCL_ALGO="^NVLS,NVLSTree" NCCL_PROTO="^LL128;allreduce:ll128"
export NCCL_P2P_LEVEL=NVL NCCL_NET_GDR_LEVEL=5 NCCL_CROSS_NIC=2 NCCL_IB_TIMEOUT=22 NCCL_BUFFSIZE=0x400000
export NCCL_SOCKET_IFNAME==bond0,bond1 NCCL_IB_HCA="^=mlx5_0:1,mlx5_3" NCCL_IB_GID_INDEX=3
export TORCH_NCCL_ASYNC_ERROR_HANDLING=3 TORCH_NCCL_BLOCKING_WAIT=yes NCCL_TOPO_FILE=/etc/topo.xml
torchrun --nnodes=2 --rdzv_endpoint=head:29500 --nproc_per_node=8 train.py
