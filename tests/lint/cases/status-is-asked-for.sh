#!/bin/bash
# expect: nothing of launch.lost-status
if ! torchrun --standalone --nproc_per_node=8 train.py; then
  echo failed
  exit 1
fi
torchrun --standalone --nproc_per_node=8 evaluate.py || exit 1
torchrun --standalone --nproc_per_node=8 export.py 2>&1 | tee export.log
test "${PIPESTATUS[0]}" -eq 0 || exit 1
echo done
