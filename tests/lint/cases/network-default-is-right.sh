#!/bin/bash
# expect: nothing
: "${NCCL_DEBUG:=WARN}"
export NCCL_SOCKET_IFNAME="${NCCL_SOCKET_IFNAME:-^docker0,lo}"
export NCCL_DEBUG FI_PROVIDER="${FI_PROVIDER:-efa}"
python train.py
