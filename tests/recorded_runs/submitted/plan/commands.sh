#!/bin/sh
# submit, from this folder
sbatch job.sbatch
