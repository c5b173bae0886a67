#!/bin/bash
# expect: nothing of network.*
export HSA_FORCE_FINE_GRAIN_PCIE=1
export NCCL_SDMA_COPY_ENABLE=0 NCCL_ENABLE_DMABUF_SUPPORT=1
torchrun --standalone --nproc_per_node=8 train.py
