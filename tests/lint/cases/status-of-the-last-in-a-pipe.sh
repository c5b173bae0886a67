#!/bin/bash
# expect: nothing of launch.lost-status
cat hosts.txt | torchrun --standalone --nproc_per_node=8 train.py
