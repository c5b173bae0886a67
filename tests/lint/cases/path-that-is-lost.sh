#!/bin/bash
# expect: FAIL slurm.lost-environment 3
srun -N 2 --export=SEED=7 python pretrain.py
srun -N 2 --export=PATH,SEED=7 python pretrain.py
