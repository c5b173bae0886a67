#!/bin/bash
# expect: nothing
for seed in 1 2; do
  sbatch --export=ALL,SEED=$seed train.sbatch
done
MODEL=small ./evaluate.sh
