#!/bin/bash
# expect: WARN shell.undefined-variable 6
# expect: nothing
args=(--steps 10)
echo "${args[@]}"
python train.py --seed $random_seed
