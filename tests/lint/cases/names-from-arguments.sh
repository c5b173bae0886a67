#!/bin/bash
# expect: nothing
for setting in "$@"; do
  export "$setting"
done
python train.py --output "$OUTPUT" --name "$run_name"
