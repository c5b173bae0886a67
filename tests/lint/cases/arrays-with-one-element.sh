#!/bin/bash
# expect: nothing
here=("$(pwd)")
hosts=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
first=("$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)")
word=plain
one=("$word")
args=("$1")
grown=("$(date)")
grown+=(b)
echo "${here[0]} ${hosts[1]} ${first[0]} ${grown[1]} ${#one[@]} ${#args[@]}"
