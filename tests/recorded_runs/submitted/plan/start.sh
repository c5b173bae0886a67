#!/bin/bash
# What every rank runs: variables, then the program.
set -eu

# data loaders fork: with libfabric's huge pages fork() ends in 'OSError: Cannot allocate memory' (https://github.com/aws-samples/awsome-distributed-training/blob/main/1.architectures/efa-cheatsheet.md)
export FI_EFA_USE_HUGE_PAGE=0
# NCCL finds its peers over the host's own interface, not over one of containers (https://github.com/aws-samples/awsome-distributed-training/blob/main/1.architectures/efa-cheatsheet.md)
export NCCL_SOCKET_IFNAME=en
# this many CPUs of a node are one rank's
export OMP_NUM_THREADS=24
# a killed rank's last words are kept
export PYTHONUNBUFFERED=1
# from cluster p5
export NCCL_DEBUG=WARN
export SEATRIAL_RUN="$PWD"

export RANK="$SLURM_PROCID" LOCAL_RANK="$SLURM_LOCALID" WORLD_SIZE="$SLURM_NTASKS"
export LOCAL_WORLD_SIZE=8
exec /opt/venv/bin/python -m seatrial.cases.fsdp.train
