#!/bin/bash
# expect: FAIL network.contradictory.net-without-efa 5
export FI_PROVIDER=efa
if [[ -n "$FALLBACK" ]]; then
  export NCCL_NET=Socket
fi
torchrun --nnodes=2 --nproc_per_node=8 train.py
