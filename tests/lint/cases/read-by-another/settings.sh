#!/bin/bash
OMP_NUM_THREADS=8
args=(--config "configs/$size.yaml" --root "$DATA_ROOT")
python -c 'print("settings")'
