#!/bin/bash
# expect: nothing of network.*
if [[ "${DETERMINISTIC:-0}" == 1 ]]; then
  export NCCL_ALGO=Ring
fi
[[ -n "$VERBOSE" ]] && export NCCL_DEBUG=INFO
case "$CLOUD" in
  aws) export FI_PROVIDER=efa ;;
  *) export NCCL_NET=Socket NCCL_IB_HCA=mlx5 ;;
esac
torchrun --nnodes=2 --nproc_per_node=8 train.py
