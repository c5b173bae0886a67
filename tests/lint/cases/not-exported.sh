#!/bin/bash
# expect: WARN shell.not-exported 5
# expect: WARN shell.not-exported 6
# expect: nothing
NCCL_DEBUG=WARN
OMP_NUM_THREADS=8
export HF_HOME=/fsx/hf
LD_PRELOAD=/opt/lib/libjemalloc.so python prepare.py
CUDA_DEVICE_MAX_CONNECTIONS=1
export CUDA_DEVICE_MAX_CONNECTIONS
UCX_TLS=tcp
mpirun -x UCX_TLS python train.py
