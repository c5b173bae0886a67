#!/bin/bash
# expect: nothing of shell.undefined-variable
set -e
slurmd -N $SLURM_NODENAME
