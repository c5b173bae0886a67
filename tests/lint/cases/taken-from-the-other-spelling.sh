#!/bin/bash
# expect: WARN shell.needed-variables 3
model_path=$MODEL_PATH
python train.py --model "$model_path"
