#!/bin/bash
# expect: WARN launch.lost-status 4
# expect: nothing
torchrun --standalone --nproc_per_node=8 train.py 2>&1 | tee train.log
