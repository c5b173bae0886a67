#!/bin/bash
# expect: WARN network.unread 5
# expect: WARN network.misspelt 6
# The advice to write the first one right would turn InfiniBand off.
export NCCL_IB_DISABEL=1
export NCCL_SOKET_IFNAME=ib0
torchrun --nnodes=2 --nproc_per_node=8 train.py
