#!/bin/sh
# rank 0
RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT='{port}' OMP_NUM_THREADS=1 GLIBC_TUNABLES=glibc.malloc.hugetlb=1 SEATRIAL_RUN='{run}' SEATRIAL_HEARTBEATS=1 python -m seatrial.cases.fsdp.train

# rank 1
RANK=1 LOCAL_RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT='{port}' OMP_NUM_THREADS=1 GLIBC_TUNABLES=glibc.malloc.hugetlb=1 SEATRIAL_RUN='{run}' SEATRIAL_HEARTBEATS=1 python -m seatrial.cases.fsdp.train
