#!/bin/bash
# expect: WARN shell.undefined-variable 4
echo "$SLURM_JOB_NUM_NODES nodes"
srun -N 1 hostname > out-$SLURM_JOBNODELIST
