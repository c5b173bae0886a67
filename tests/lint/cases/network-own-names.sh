#!/bin/bash
# expect: nothing of network.*
NCCL_VERSION=2.31.2
NCCL_TESTS_DIR=/opt/nccl-tests
NCCL_WARMUP=20
export NCCL_LEVEL=WARN
export NCCL_DEBUG=$NCCL_LEVEL
"$NCCL_TESTS_DIR/build/all_reduce_perf" -w "$NCCL_WARMUP" -b 8 -e 1G
