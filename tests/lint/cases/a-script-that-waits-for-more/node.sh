#!/bin/bash
torchrun --nnodes=$WAIT_FOR --rdzv_backend=c10d --rdzv_endpoint=10.0.0.1:29500 --nproc_per_node=8 pretrain.py
