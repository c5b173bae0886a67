#!/bin/bash
# expect: nothing of launch.lost-status
if torchrun --standalone --nproc_per_node=8 train.py; then
  touch finished
else
  touch failed
fi
date
