#!/bin/bash
# expect: WARN network.unread 5
# expect: WARN network.unread 6
# expect: nothing of network.misspelt
export NCCL_COMM_TIMEOUT=900
export NCCL_PORT_RANGE=50000-51000
echo "range $NCCL_PORT_RANGE"
torchrun --nnodes=2 --nproc_per_node=8 train.py
