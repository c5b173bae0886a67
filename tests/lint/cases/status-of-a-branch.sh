#!/bin/bash
# expect: WARN launch.lost-status 9
# expect: nothing
if [ "$1" = long ]; then
  torchrun --standalone --nproc_per_node=8 train.py --steps 1000
else
  torchrun --standalone --nproc_per_node=8 train.py --steps 10
fi
aws s3 sync /fsx/run s3://bucket/run
