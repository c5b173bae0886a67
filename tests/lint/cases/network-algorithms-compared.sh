#!/bin/bash
# expect: nothing of network.*
for algorithm in Ring Tree; do
  export NCCL_ALGO=$algorithm NCCL_DEBUG=INFO
  mpirun -np 16 ./build/all_reduce_perf -b 1M -e 8G
done
NCCL_PROTO=LL ./build/all_gather_perf -b 8 -e 64K
