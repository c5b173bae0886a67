#!/bin/bash
# expect: FAIL network.value 10
# expect: FAIL network.value 11
# expect: WARN network.value 12
# expect: WARN network.value 13
# expect: FAIL network.value 14
# expect: FAIL network.value 15
# expect: WARN network.value 16
# expect: nothing
export NCCL_P2P_DISABLE=True
export NCCL_BUFFSIZE=8M
export NCCL_DEBUG=ERROR
export NCCL_IB_TIMEOUT=100
export NCCL_ALGO="^Ring, Tree"
export TORCH_NCCL_BLOCKING_WAIT=enabled
export NCCL_NET_GDR_LEVEL=sys
python train.py
